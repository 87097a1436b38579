from __future__ import annotations

import errno
import fcntl
import os

import pytest

from gatepost.store.locks import FileMaildropLocks, MemoryMaildropLocks

LARGEST = (1 << 63) - 1


@pytest.fixture(params=["memory", "file"])
def locks(request, tmp_path):
    if request.param == "memory":
        yield MemoryMaildropLocks()
        return
    found = FileMaildropLocks(tmp_path)
    yield found
    found.close()
    found.close()


@pytest.mark.parametrize("mailbox_id", [1, LARGEST])
def test_one_session_at_a_time(locks, mailbox_id):
    assert locks.acquire(mailbox_id)
    assert not locks.acquire(mailbox_id)
    assert locks.acquire(mailbox_id - 1)
    locks.release(mailbox_id)
    assert locks.acquire(mailbox_id)


def test_releasing_what_is_not_held_changes_nothing(locks):
    locks.release(5)
    assert locks.acquire(5)
    locks.release(5)
    locks.release(5)


def test_without_a_system_lock_nothing_is_held(tmp_path, monkeypatch):
    """The system may run out of locks (ENOLCK): once it has some again, the maildrop is free."""
    locks = FileMaildropLocks(tmp_path)

    def fail(*_arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "lockf", fail)
        with pytest.raises(OSError, match="No locks"):
            locks.acquire(7)
    assert locks.acquire(7)
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "lockf", fail)
        with pytest.raises(OSError, match="No locks"):
            locks.release(7)
    assert locks.acquire(7)
    locks.close()


def in_child(work) -> int:
    """Runs `work` in a forked process; returns its exit code."""
    pid = os.fork()
    if pid == 0:  # pragma: no branch -- the child never comes back
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_other_processes_wait_and_the_dead_hold_nothing(tmp_path):
    ours = FileMaildropLocks(tmp_path)
    assert ours.acquire(LARGEST)

    def other() -> int:
        theirs = FileMaildropLocks(tmp_path)
        return 10 * theirs.acquire(LARGEST) + theirs.acquire(7)

    assert in_child(other) == 1
    assert ours.acquire(7)
    ours.release(LARGEST)
    assert in_child(lambda: int(FileMaildropLocks(tmp_path).acquire(LARGEST))) == 1
    ours.close()
