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
def test_hand_over_gives_the_tree_but_not_what_was_planted(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    (data / "mail").mkdir(parents=True)
    (data / "tls").mkdir()
    for file in (outside, data / "a", data / "mail" / "b", data / "tls" / "key"):
        file.write_text("x")
    (data / "planted").hardlink_to(outside)
    (data / "link").symlink_to(outside)
    (data / "other").write_text("x")
    os.chown(data / "other", 4242, 4242)
    os.mkfifo(data / "fifo")
    privileges.hand_over(SOMEBODY, data, keep=("tls",))
    owners = {entry.name: entry.lstat().st_uid for entry in [data, outside, *data.rglob("*")]}
    mine = {name for name, uid in owners.items() if uid == SOMEBODY.uid}
    assert mine == {"data", "a", "mail", "b"}
    assert owners["other"] == 4242


@as_root
def test_hand_over_without_exceptions_reaches_everything(tmp_path: Path) -> None:
    (tmp_path / "one" / "two").mkdir(parents=True)
    privileges.hand_over(SOMEBODY, tmp_path)
    assert {entry.stat().st_uid for entry in [tmp_path, *tmp_path.rglob("*")]} == {SOMEBODY.uid}


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
