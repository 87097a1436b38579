from __future__ import annotations

import os
import pwd
import resource
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gatepost.errors import ConfigError
from gatepost.net import privileges
from gatepost.net.places import SERVICE_FILES
from gatepost.net.privileges import Identity

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="capabilities are a thing of Linux")

NOBODY = pwd.getpwnam("nobody")
SOMEBODY = Identity("nobody", NOBODY.pw_uid, NOBODY.pw_gid)


def in_child(work: Callable[[], str]) -> str:
    """What `work` returns in a forked process that may ruin itself; its exception's text if it fails."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                answer = work()
            except BaseException as error:  # noqa: BLE001
                answer = repr(error)
            os.write(writer, answer.encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        answer = file.read().decode()
    os.waitpid(child, 0)
    return answer


def status(*names: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return " ".join(values[name].strip() for name in names)


def test_other_users_stay_who_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(privileges.os, "geteuid", lambda: 1000)
    assert privileges.choose_identity("nobody", tmp_path) is None
    privileges.keep_for_supervisor()


@as_root
def test_the_configured_user_wins(tmp_path: Path) -> None:
    assert privileges.choose_identity("nobody", tmp_path) == SOMEBODY
    assert privileges.choose_identity("root", tmp_path) == Identity("root", 0, 0)


@as_root
def test_then_the_owner_of_the_data(tmp_path: Path) -> None:
    os.chown(tmp_path, 4242, 4243)
    assert privileges.choose_identity("", tmp_path) == Identity("4242", 4242, 4243)
    os.chown(tmp_path, SOMEBODY.uid, SOMEBODY.gid)
    assert privileges.choose_identity("", tmp_path) == SOMEBODY


@as_root
def test_then_the_service_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "SERVICE_USERS", ("no-such-user-here", "nobody"))
    assert privileges.choose_identity("", tmp_path) == SOMEBODY
    assert privileges.choose_identity("", tmp_path / "missing") == SOMEBODY


@as_root
def test_root_serves_nobody_by_accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "SERVICE_USERS", ("no-such-user-here",))
    with pytest.raises(ConfigError, match=r"does not serve as root.*adduser"):
        privileges.choose_identity("", tmp_path)


@as_root
def test_an_unknown_user_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no user `no-such-user-here`"):
        privileges.choose_identity("no-such-user-here", tmp_path)


@as_root
def test_hand_over_gives_what_is_listed_but_not_what_was_planted(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    (data / "store.folder").mkdir(parents=True)
    for file in (outside, data / "store.db", data / "store.db-wal", data / "notes", data / "store.folder" / "store.x"):
        file.write_text("x")
    (data / "store.planted").hardlink_to(outside)
    (data / "store.link").symlink_to(outside)
    (data / "store.other").write_text("x")
    os.chown(data / "store.other", 4242, 4242)
    os.mkfifo(data / "store.fifo")
    privileges.hand_over(SOMEBODY, data, ["store.*"])
    owners = {entry.name: entry.lstat().st_uid for entry in [data, outside, *data.rglob("*")]}
    mine = {name for name, uid in owners.items() if uid == SOMEBODY.uid}
    assert mine == {"data", "store.db", "store.db-wal"}
    assert owners["store.other"] == 4242


@as_root
def test_hand_over_does_not_give_away_what_was_renamed(tmp_path: Path) -> None:
    """The directory is the service user's, who may call root's keys whatever is on the list."""
    (tmp_path / "tls").mkdir(mode=0o700)
    (tmp_path / "tls" / "ca.key").write_text("root's")
    privileges.hand_over(SOMEBODY, tmp_path, SERVICE_FILES)
    for name in ("else", "store.db", "secret"):
        next(entry for entry in tmp_path.iterdir() if entry.is_dir()).rename(tmp_path / name)
        privileges.hand_over(SOMEBODY, tmp_path, SERVICE_FILES)
        assert {(tmp_path / name).stat().st_uid, (tmp_path / name / "ca.key").stat().st_uid} == {0}


@as_root
def test_a_file_that_is_swapped_while_it_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "store.db").write_text("x")
    (tmp_path / "keys").mkdir()
    real = os.open

    def swap(path: str, *arguments: int, **named: int) -> int:
        if path == "store.db":
            (tmp_path / "store.db").unlink()
            (tmp_path / "keys").rename(tmp_path / "store.db")
        return real(path, *arguments, **named)

    monkeypatch.setattr(privileges.os, "open", swap)
    privileges.hand_over(SOMEBODY, tmp_path, SERVICE_FILES)
    assert (tmp_path / "store.db").is_dir()
    assert (tmp_path / "store.db").stat().st_uid == 0


def test_connections_leave_some_files_to_the_server() -> None:
    def work() -> str:
        resource.setrlimit(resource.RLIMIT_NOFILE, (80, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        few = privileges.room_for_connections()
        resource.setrlimit(resource.RLIMIT_NOFILE, (30, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        return f"{few} {privileges.room_for_connections()}"

    assert in_child(work) == "16 1"


def test_no_limit_of_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges.resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert privileges.room_for_connections() == sys.maxsize


@as_root
def test_can_use_asks_as_that_user(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "data").mkdir(parents=True)
    os.chown(closed / "data", SOMEBODY.uid, SOMEBODY.gid)
    for part in [closed, *list(closed.parents)[:-1]]:
        if part.is_relative_to(tmp_path.parents[2]) and part != Path("/"):
            part.chmod(stat.S_IMODE(part.stat().st_mode) | 0o011)
    assert privileges.can_use(SOMEBODY, closed / "data")
    closed.chmod(0o700)
    assert not privileges.can_use(SOMEBODY, closed / "data")
    assert privileges.can_use(None, closed / "data")


@as_root
@on_linux
def test_become_leaves_nothing_behind() -> None:
    def work() -> str:
        privileges.become(SOMEBODY)
        return f"{os.getresuid()} {os.getresgid()} {os.getgroups()} {status('CapPrm', 'CapEff', 'NoNewPrivs')}"

    uid, gid = SOMEBODY.uid, SOMEBODY.gid
    zero = "0" * 16
    assert in_child(work) == f"{(uid, uid, uid)} {(gid, gid, gid)} {[gid]} {zero} {zero} 1"


@as_root
def test_there_is_no_way_back() -> None:
    def work() -> str:
        privileges.become(SOMEBODY)
        os.setuid(0)
        return "root again"

    assert in_child(work).startswith("PermissionError")


@on_linux
def test_without_a_change_of_user_the_capabilities_go() -> None:
    def work() -> str:
        privileges.become(None)
        return status("CapPrm", "CapEff")

    assert in_child(work) == f"{'0' * 16} {'0' * 16}"


@as_root
@on_linux
def test_the_supervisor_keeps_five_powers() -> None:
    def work() -> str:
        privileges.keep_for_supervisor()
        return status("CapPrm", "CapEff")

    assert in_child(work) == f"{0b10011100100:016x} {0b10011100100:016x}"


@as_root
def test_the_supervisor_can_still_make_children_of_another_user() -> None:
    def work() -> str:
        privileges.confine()
        privileges.keep_for_supervisor()
        privileges.become(SOMEBODY)
        return str(os.getuid())

    assert in_child(work) == str(SOMEBODY.uid)


def test_confine_sets_the_limits() -> None:
    def work() -> str:
        privileges.confine()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return f"{os.umask(0):o} {resource.getrlimit(resource.RLIMIT_CORE)} {soft == hard}"

    assert in_child(work) == "77 (0, 0) True"


def test_die_with_ends_an_orphan_at_once() -> None:
    child = os.fork()
    if child == 0:
        privileges.die_with(os.getppid() + 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


@on_linux
def test_a_child_dies_with_its_parent() -> None:
    reader, writer = os.pipe()
    middle = os.fork()
    if middle == 0:
        ready, told = os.pipe()
        if os.fork() == 0:
            privileges.die_with(os.getppid())
            os.write(told, b"x")
            os.read(os.pipe()[0], 1)
        os.read(ready, 1)
        os._exit(0)
    os.close(writer)
    os.waitpid(middle, 0)
    assert os.read(reader, 1) == b""  # the grandchild's copy of `writer` is closed too: it is dead
    os.close(reader)
