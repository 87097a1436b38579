from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from gatepost.errors import ForeignFileError
from gatepost.net import status as module
from gatepost.net.status import AlreadyRunningError, Status, StatusFile, read_status

LOOK = Status("0.1.0", "running", os.getpid(), 1.0, (), (), (), {"pop3s": 1}, 9)


def test_a_running_server_can_be_read(tmp_path: Path) -> None:
    file = StatusFile(tmp_path)
    file.update(LOOK)
    assert read_status(tmp_path) == LOOK
    shorter = replace(LOOK, state="x")
    file.update(shorter)
    assert read_status(tmp_path) == shorter
    file.clear()
    assert read_status(tmp_path) is None
    file.close()


def test_no_file_means_not_running(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None


def test_a_file_left_by_a_crash_means_not_running(tmp_path: Path) -> None:
    file = StatusFile(tmp_path)
    file.update(LOOK)
    file.close()
    assert read_status(tmp_path) is None


def test_a_second_server_is_refused(tmp_path: Path) -> None:
    first = StatusFile(tmp_path)
    with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}.*server.data"):
        StatusFile(tmp_path)
    first.clear()
    with pytest.raises(AlreadyRunningError, match="another process"):
        StatusFile(tmp_path)
    first.close()
    StatusFile(tmp_path).close()


def test_who_begins_says_so_at_once(tmp_path: Path) -> None:
    """Else a second server would take the one that crashed before for the holder, wait for it, and take over later."""
    crashed = StatusFile(tmp_path)
    crashed.update(replace(LOOK, pid=ended_process()))
    crashed.close()
    first = StatusFile(tmp_path)
    found = read_status(tmp_path)
    assert found is not None
    assert (found.pid, found.state) == (os.getpid(), "starting")
    with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}"):
        StatusFile(tmp_path)
    first.close()


def ended_process() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def test_a_reader_in_the_way_of_a_start_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = StatusFile(tmp_path)
    old.update(LOOK)
    old.close()
    reader = os.open(tmp_path / module.FILE_NAME, os.O_RDONLY)
    fcntl.flock(reader, fcntl.LOCK_SH)

    def dead(_: int) -> bool:
        os.close(reader)
        return False

    monkeypatch.setattr(module, "_alive", dead)
    StatusFile(tmp_path).close()


def test_liveness_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not module._alive(ended_process())

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(module.os, "kill", refuse)
    assert module._alive(1)


def test_a_torn_read_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = StatusFile(tmp_path)
    file.update(LOOK)
    real, reads = os.pread, []

    def torn(*arguments: int) -> bytes:
        reads.append(1)
        return real(*arguments) if len(reads) > 1 else b'{"vers'

    monkeypatch.setattr(module.os, "pread", torn)
    assert read_status(tmp_path) == LOOK
    monkeypatch.setattr(module.os, "pread", lambda *_: b'{"vers')
    assert read_status(tmp_path) is None
    file.close()


def test_the_status_file_is_private_and_no_link(tmp_path: Path) -> None:
    (tmp_path / module.FILE_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ForeignFileError, match="symbolic link"):
        StatusFile(tmp_path)
    (tmp_path / module.FILE_NAME).unlink()
    StatusFile(tmp_path).close()
    assert (tmp_path / module.FILE_NAME).stat().st_mode & 0o777 == 0o600
