"""Exclusive maildrop locks (RFC 1939 §4): among the sessions of this process, and among processes."""

from __future__ import annotations

import fcntl
import os
import tempfile


class MemoryMaildropLocks:
    """For one process alone."""

    def __init__(self) -> None:
        self._held: set[int] = set()

    def acquire(self, maildrop: int) -> bool:
        """See `MaildropLocks`."""
        if maildrop in self._held:
            return False
        self._held.add(maildrop)
        return True

    def release(self, maildrop: int) -> None:
        """See `MaildropLocks`."""
        self._held.discard(maildrop)


def lock_file() -> int:
    """Descriptor of an empty file for `FileMaildropLocks`, to be made before the fork. It has no name, so nobody can
    take it away, or put another one in its place, while some workers hold locks on it.
    """
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class FileMaildropLocks(MemoryMaildropLocks):
    """For all processes of a server: octet number `maildrop` of one empty file is locked; the system frees what a
    process that died held. Costs 2 us.

    POSIX gives up all of a process's locks on a file when it closes *any* descriptor of it: make one object
    for each process, after the fork, and close the file nowhere else there.
    """

    def __init__(self, descriptor: int) -> None:
        """`descriptor`: what `lock_file` gave, which is ours from now on in this process."""
        super().__init__()
        self._descriptor = descriptor

    def acquire(self, maildrop: int) -> bool:
        """See `MaildropLocks`. Raises OSError when the system has no more locks."""
        if maildrop in self._held:
            return False
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, maildrop)
        except (BlockingIOError, PermissionError):
            return False
        self._held.add(maildrop)
        return True

    def release(self, maildrop: int) -> None:
        """See `MaildropLocks`."""
        if maildrop in self._held:
            self._held.discard(maildrop)
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, maildrop)

    def close(self) -> None:
        """Gives back every lock. Idempotent."""
        self._held.clear()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
