from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost.store.peers import OF_WORKERS, is_worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SO_PEERCRED of Linux")


@pytest.fixture
def pair() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair()
    yield ours
    ours.close()
    theirs.close()


def proc(folder: Path, parents: dict[int, int]) -> Path:
    for pid, parent in parents.items():
        (folder / str(pid)).mkdir()
        (folder / str(pid) / "stat").write_text(f"{pid} (a) 9 b) S {parent} 1 1 0\n")
    return folder


def test_the_family(pair: socket.socket, tmp_path: Path) -> None:
    me = os.getpid()
    tree = proc(tmp_path, {me: 500, 500: 400, 400: 1})
    for head in (me, 500, 400):
        assert is_worker(pair, head, tree)
    assert not is_worker(pair, 77, tree)
    assert not is_worker(pair, 77), "as the system itself tells"
    assert is_worker(pair, os.getppid())


def test_who_cannot_be_looked_at_may_little(pair: socket.socket, tmp_path: Path) -> None:
    assert is_worker(pair, 77, tmp_path)
    assert is_worker(pair, 77, proc(tmp_path, {os.getpid(): os.getpid()})), "no end"


def test_a_system_that_does_not_tell(pair: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED")
    assert not is_worker(pair, os.getpid())


def test_workers_ask_for_little() -> None:
    assert {command.__name__ for command in OF_WORKERS} == {"DeleteMessages", "SetFlags", "TouchCredentials"}
