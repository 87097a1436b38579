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

    def acquire(self, mailbox_id: int) -> bool:
        """See `MaildropLocks`."""
        if mailbox_id in self._held:
            return False
        self._held.add(mailbox_id)
        return True

    def release(self, mailbox_id: int) -> None:
        """See `MaildropLocks`."""
        self._held.discard(mailbox_id)


class FileMaildropLocks(MemoryMaildropLocks):
    """For all processes: octet number `mailbox_id` of one empty file is locked; the system frees what a process
    that died held. Costs 2 us.

    POSIX gives up all of a process's locks on a file when it closes *any* descriptor of it: make one object
    for each process, after the fork, and open the file nowhere else.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._descriptor = os.open(directory / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self, mailbox_id: int) -> bool:
        """See `MaildropLocks`."""
        if not super().acquire(mailbox_id):
            return False
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, mailbox_id)
        except (BlockingIOError, PermissionError):
            super().release(mailbox_id)
            return False
        return True

    def release(self, mailbox_id: int) -> None:
        """See `MaildropLocks`."""
        if mailbox_id in self._held:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, mailbox_id)
            super().release(mailbox_id)

    def close(self) -> None:
        """Gives back every lock. Idempotent."""
        self._held.clear()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
