"""Room on the disk that only deleting may use: on a full one people could not make room otherwise.

A file that holds its place and nothing else. When the disk is full and something is to be deleted, its octets are
given up; until it has them again nothing else is written. An empty file says so, to `gatepost status` too.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from gatepost.owner import open_own
from gatepost.store.commands import (
    ANY_COMMAND,
    DeleteMessages,
    DropUploads,
    Expire,
    RemoveAccount,
    Shrink,
)
from gatepost.store.notices import RESERVE

log: Final = logging.getLogger("gatepost.store")

OCTETS: Final = 16 * 1024 * 1024
"""The log of a QUIT that deletes 10,000 messages takes about so much."""
SHARE: Final = 8
"""On a small disk it is no more than this part of the room that is left."""

_DELETES: Final = (DeleteMessages, DropUploads, Expire, RemoveAccount, Shrink)


def deletes(command: ANY_COMMAND) -> bool:
    """Whether the command may use the reserve."""
    return isinstance(command, _DELETES)


def open_reserve(directory: Path) -> Reserve | None:
    """None where not even an empty file can be made: the server is worth more than this."""
    try:
        return Reserve(directory)
    except OSError as error:
        log.warning("no room is kept for deleting on a full disk: %s", error)
        return None


class Reserve:
    """The room, whole or spent."""

    def __init__(self, directory: Path, octets: int = OCTETS) -> None:
        """Makes it, if there is room. Raises OSError for what is no matter of room."""
        self._descriptor = open_own(directory / RESERVE, os.O_RDWR | os.O_CREAT)
        found = os.fstat(self._descriptor)
        room = os.fstatvfs(self._descriptor)
        self._octets = found.st_size or min(octets, room.f_bavail * room.f_frsize // SHARE)
        self.spent = False
        self.fill()

    def fill(self) -> bool:
        """Takes its room (again); False if there is too little."""
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._descriptor, 0, max(self._octets, 1))
            else:
                os.pwrite(self._descriptor, bytes(self._octets), 0)
        except OSError as error:
            os.ftruncate(self._descriptor, 0)
            if not self.spent:
                log.warning("the disk is full (%s): until there is room only deleting works", error.strerror)
            self.spent = True
            return False
        if self.spent:
            log.warning("there is room on the disk again")
        self.spent = False
        return True

    def spend(self) -> bool:
        """Gives its room to what is deleted now; False if it had none any more."""
        if self.spent:
            return False
        log.warning("the disk is full: until there is room only deleting works")
        os.ftruncate(self._descriptor, 0)
        self.spent = True
        return True

    def close(self) -> None:
        """Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
