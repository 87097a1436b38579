from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from gatepost.config.settings import Certificate, Server, Settings, Tls
from gatepost.doctor.own.facts import Disk, Limits, Mode, Unit
from gatepost.doctor.own.gather import files, machine, system
from gatepost.doctor.own.gather.system import System


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class TestSystem:
    def test_the_kernel_tells_about_its_clock(self) -> None:
        clock = system.kernel_clock()
        assert clock is None or clock.error_seconds >= 0

    def test_a_platform_without_that_call(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: object())
        assert system.kernel_clock() is None

    def test_programs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert system.run(("echo", "hello")) == "hello\n"
        assert system.run(("false",)) == ""
        assert system.run(("no-such-program-here",)) == ""
        broken = write(tmp_path / "broken", "no program")
        broken.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert system.run(("broken",)) == ""

    @pytest.mark.parametrize(("address", "here"), [("127.0.0.1", True), ("192.0.2.1", False), ("2001:db8::1", False)])
    def test_own_addresses(self, address: str, here: bool) -> None:
        assert system.is_here(address) is here

    def test_users(self) -> None:
        assert system.user_name(0) == "root"
        assert system.user_name(4_000_000_000) == "4000000000"

    def test_small_files(self, tmp_path: Path) -> None:
        write(tmp_path / "proc/x", "text")
        assert System(root=tmp_path).text("proc/x") == "text"
        assert System(root=tmp_path).text("proc/y") == ""


class TestMachine:
    def test_disk(self, tmp_path: Path) -> None:
        def statvfs(path: Path) -> os.statvfs_result:
            if path != tmp_path:
                raise FileNotFoundError
            return os.statvfs_result((4096, 1024, 1000, 500, 400, 100, 60, 50, 0, 255))

        found = machine.disk(tmp_path / "not" / "there", System(statvfs=statvfs))
        assert found == Disk(1024 * 1000, 1024 * 400, 100, 50)

    def test_a_disk_that_cannot_be_asked(self, tmp_path: Path) -> None:
        def fail(_: Path) -> os.statvfs_result:
            raise OSError

        assert machine.disk(tmp_path, System(statvfs=fail)) is None

    def test_limits(self, tmp_path: Path) -> None:
        write(
            tmp_path / "proc/7/limits", "Max processes   1 1 processes\nMax open files            1024   4096   files\n"
        )
        write(tmp_path / "proc/meminfo", "MemTotal:        2000 kB\nMemFree: 5 kB\n")
        assert machine.limits(7, System(root=tmp_path)) == Limits(1024, 2_048_000)
        write(tmp_path / "proc/7/cgroup", "0::/system.slice/gatepost.service\n")
        group = tmp_path / "sys/fs/cgroup/system.slice/gatepost.service/memory.max"
        write(group, "max\n")
        assert machine.limits(7, System(root=tmp_path)).memory == 2_048_000
        write(group, "1000000\n")
        assert machine.limits(7, System(root=tmp_path)).memory == 1_000_000
        assert machine.limits(0, System(root=tmp_path / "no")) == Limits(0, 0)

    def test_unlimited_files(self, tmp_path: Path) -> None:
        write(tmp_path / "proc/7/limits", "Max open files            unlimited   unlimited   files\n")
        assert machine.limits(7, System(root=tmp_path)).open_files == 0

    def test_who_runs_it(self, tmp_path: Path) -> None:
        write(tmp_path / "proc/7/status", "Name:\tpython\nUid:\t0\t0\t0\t0\n")
        assert machine.user_of(7, System(root=tmp_path)) == "root"
        assert machine.user_of(8, System(root=tmp_path)) == ""

    def test_units(self, tmp_path: Path) -> None:
        here = System(root=tmp_path)
        assert machine.unit(here) == Unit(systemd=False)
        (tmp_path / "run/systemd/system").mkdir(parents=True)
        assert machine.unit(here) == Unit(systemd=True)
        file = write(tmp_path / "usr/lib/systemd/system/gatepost.service")
        assert machine.unit(here) == Unit(systemd=True, file=str(file))
        link = write(tmp_path / "etc/systemd/system/sockets.target.wants/gatepost.socket")
        assert machine.unit(here).enabled
        link.unlink()
        write(tmp_path / "etc/systemd/system/multi-user.target.wants/gatepost.service")
        assert machine.unit(here).enabled


def settings(directory: Path, *certificates: Certificate) -> Settings:
    return Settings(server=Server(data=str(directory)), tls=Tls(certificate=certificates))


class TestFiles:
    def test_a_directory_that_is_not_there(self, tmp_path: Path) -> None:
        key = write(tmp_path / "mail.key")
        key.chmod(0o644)
        found = files.data(settings(tmp_path / "none", Certificate("x.pem", str(key)), Certificate("y.pem")))
        assert not found.exists
        assert [(each.path, each.mode) for each in found.secrets] == [(str(key), 0o644)]

    def test_what_is_in_it(self, tmp_path: Path) -> None:
        now = time.time()
        for name, age in (("secret", 900), ("last-backup", 100), ("tls/first-login.txt", 800), ("tls/server.key", 700)):
            file = write(tmp_path / name, "12345")
            file.chmod(0o600)
            os.utime(file, (now - age, now - age))
        os.utime(tmp_path / "tls", (now - 50, now - 50))
        (tmp_path / "keeper.sock").symlink_to("/nowhere")
        os.utime(tmp_path / "keeper.sock", (now - 60, now - 60), follow_symlinks=False)
        found = files.data(settings(tmp_path))
        assert (found.exists, found.readable, found.octets, found.first_login) == (True, True, 20, True)
        assert found.began == pytest.approx(now - 900)
        assert found.newest == pytest.approx(now - 50)
        assert found.last_backup == pytest.approx(now - 100)
        names = [Path(each.path).name for each in found.secrets]
        assert names == ["secret", "first-login.txt", "server.key"]
        assert found.strangers == ()

    def test_an_empty_one(self, tmp_path: Path) -> None:
        found = files.data(settings(tmp_path))
        assert (found.began, found.newest, found.last_backup, found.first_login) == (0.0, 0.0, None, False)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_files_of_others(self, tmp_path: Path) -> None:
        file = write(tmp_path / "store.db")
        os.chown(file, 65_534, 65_534)
        found = files.data(settings(tmp_path))
        assert found.owner == "root"
        assert found.strangers == (Mode(str(file), file.stat().st_mode & 0o777, "nobody"),)

    def test_a_closed_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_: Path) -> None:
            raise PermissionError

        monkeypatch.setattr("os.scandir", refuse)
        found = files.data(settings(tmp_path))
        assert (found.exists, found.readable) == (True, False)

    def test_files_that_vanish_meanwhile(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.walk", lambda _: [(str(tmp_path), [], ["gone"])])
        assert files.data(settings(tmp_path)).octets == 0

    def test_sockets_take_no_room(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("keeper.sock")
            assert files.data(settings(tmp_path)).octets == 0
