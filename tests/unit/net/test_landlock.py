"""Landlock, on the kernel that runs the tests: what a confined process may still do."""

from __future__ import annotations

import os
import signal
import socket
import struct
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from gatepost.net import landlock
from gatepost.net.landlock import CHANGE, WRITE, restrict, ruleset, version

needs_landlock = pytest.mark.skipif(version() < 6, reason="needs a kernel with Landlock 6 (Linux 6.12)")


def in_a_child(work: Callable[[], None]) -> None:
    """Runs it in a forked process: what it does there is for good."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.setpgid(0, 0)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 -- told, and the test fails by the exit code
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def refused(work: Callable[[], object]) -> bool:
    try:
        work()
    except PermissionError:
        return True
    return False


@needs_landlock
def test_a_worker_changes_one_file_only(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.write_text("1")
    other.write_text("2")

    def work() -> None:
        assert restrict({mine: WRITE}) == version()
        mine.write_text("changed")
        assert other.read_text() == "2"
        assert refused(lambda: other.write_text("3"))
        assert refused(lambda: os.truncate(other, 0))
        assert refused(other.unlink)
        assert refused((tmp_path / "new").touch)
        assert refused((tmp_path / "folder").mkdir)
        assert refused(lambda: other.rename(tmp_path / "elsewhere"))

    in_a_child(work)
    assert mine.read_text() == "changed"
    assert other.read_text() == "2"


@needs_landlock
def test_a_keeper_changes_one_directory_only(tmp_path: Path) -> None:
    data, beside = tmp_path / "data", tmp_path / "beside"
    data.mkdir()
    beside.mkdir()

    def work() -> None:
        restrict({data: CHANGE})
        (data / "new").write_text("x")
        (data / "new").rename(data / "renamed")
        os.truncate(data / "renamed", 0)
        (data / "renamed").unlink()
        assert refused((beside / "new").touch)

    in_a_child(work)


@needs_landlock
def test_it_runs_nothing_connects_nowhere_and_signals_nobody(tmp_path: Path) -> None:
    parent = os.getpid()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def work() -> None:
            restrict({tmp_path: CHANGE})
            assert refused(lambda: os.execv("/bin/true", ["true"]))
            assert refused(lambda: socket.create_connection(server.getsockname(), 5))
            assert refused(lambda: socket.create_server(("127.0.0.1", 0)))
            assert refused(lambda: os.kill(parent, signal.SIGCONT))

        in_a_child(work)


@needs_landlock
def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        restrict({tmp_path / "nothing": WRITE})


def test_what_each_version_knows() -> None:
    assert ruleset(0) == b""
    assert [len(ruleset(known)) for known in (1, 2, 3, 4, 5, 6, 7)] == [8, 8, 8, 16, 16, 24, 24]
    assert struct.unpack("=Q", ruleset(1))[0] == 0x1FF3
    assert struct.unpack("=Q", ruleset(2))[0] == 0x3FF3
    assert struct.unpack("=3Q", ruleset(7)) == (0x7FF3, 3, 2)


def test_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "gatepost.net")
    monkeypatch.setattr(landlock, "version", lambda: 0)
    landlock.tell(restrict({tmp_path: WRITE}))
    landlock.tell(7)
    assert "confined by their user alone" in caplog.messages[0]
    assert "(Landlock 7)" in caplog.messages[1]


def test_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock.sys, "platform", "darwin")
    assert version() == 0
