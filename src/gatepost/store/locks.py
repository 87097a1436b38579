"""Exclusive maildrop locks (RFC 1939 §4): among the sessions of this process, and among processes."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

FILE: Final = "maildrop.lock"


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


class FileMaildropLocks(MemoryMaildropLocks):
    """For all processes: octet number `maildrop` of one empty file is locked; the system frees what a process
    that died held. Costs 2 us.

    POSIX gives up all of a process's locks on a file when it closes *any* descriptor of it: make one object
    for each process, after the fork, and open the file nowhere else.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._descriptor = os.open(directory / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

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
