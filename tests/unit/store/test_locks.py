from __future__ import annotations

import errno
import fcntl
import os
import tempfile

import pytest

from gatepost.store.locks import FileMaildropLocks, MemoryMaildropLocks, lock_file

LARGEST = (1 << 63) - 1


@pytest.fixture(params=["memory", "file"])
def locks(request):
    if request.param == "memory":
        yield MemoryMaildropLocks()
        return
    found = FileMaildropLocks(lock_file())
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


def test_without_a_system_lock_nothing_is_held(monkeypatch):
    """The system may run out of locks (ENOLCK): once it has some again, the maildrop is free."""
    locks = FileMaildropLocks(lock_file())

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


def test_other_processes_wait_and_the_dead_hold_nothing():
    file = lock_file()
    ours = FileMaildropLocks(file)
    assert ours.acquire(LARGEST)

    def other() -> int:
        theirs = FileMaildropLocks(file)
        return 10 * theirs.acquire(LARGEST) + theirs.acquire(7)

    assert in_child(other) == 1
    assert ours.acquire(7)
    ours.release(LARGEST)
    assert in_child(lambda: int(FileMaildropLocks(file).acquire(LARGEST))) == 1
    ours.close()


def test_nobody_can_put_another_file_in_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = lock_file()
    assert not [*tmp_path.iterdir()]
    assert os.fstat(file).st_nlink == 0
    os.close(file)
