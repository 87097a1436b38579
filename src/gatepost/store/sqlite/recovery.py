"""What is done about a damaged write-ahead log, before anything is built upon it: see `wal` for what can be known.

A copy of the damaged log stays beside the database, until the administrator removes it. What is damaged within one
octet is set right. Behind worse damage SQLite would believe nothing, not even what it acknowledged, and what it had
copied into the database already would stand beside older pages. So if frames that were acknowledged stand there, the
log is made to be believed to its end, damaged page and all: only what is in that page is hurt, and mostly that is one
body, whose hash tells. If the database is not sound with it, the frames are left out.

UIDs are skipped whenever mail may have been lost, so that no unique-id is given to another message.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from gatepost.errors import StoreFullError
from gatepost.owner import open_own
from gatepost.store.notices import damaged_log_name
from gatepost.store.sqlite import wal
from gatepost.store.sqlite.named import Statements
from gatepost.store.sqlite.resync import sync_file

log: Final = logging.getLogger("gatepost.store")

SKIPPED_UIDS: Final = 1_000_000
"""UIDs (and MODSEQs) that a mailbox leaves out when some that were given may be lost: none is given to another message,
so no mail program takes a new message for one that it has already."""
PIECE: Final = 1 << 20


class Recovery:
    """The log of one database, from before it is opened until the store is in use."""

    def __init__(self, file: Path, vfs: str | None) -> None:
        """Examines the log, and puts a copy aside if it is damaged. Changes nothing.

        Raises apsw.Error, StoreFullError when the copy of a log that lost mail finds no room.
        """
        self._file = file.with_name(f"{file.name}-wal")
        self._vfs = vfs or ""
        self._replaced: list[tuple[int, bytes]] = []
        self.found = wal.Log()
        if self._file.exists():
            with self._open() as opened:
                self.found = wal.examine(opened.xRead, opened.xFileSize())
                if self.found.damaged:
                    self._tell(self._keep_copy(opened))

    @contextmanager
    def _open(self) -> Iterator[apsw.VFSFile]:
        # Through SQLite's own file layer, as tests replace it.
        opened = apsw.VFSFile(self._vfs, str(self._file), [apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_READWRITE, 0])
        try:
            yield opened
        finally:
            opened.xClose()

    def _keep_copy(self, opened: apsw.VFSFile) -> str:
        """Returns its name; empty if there was no room, and it can be done without."""
        salts = opened.xRead(8, 16).hex()
        copy = self._file.with_name(damaged_log_name(self._file.name, f"{salts}-{self.found.broken}"))
        partial = copy.with_name(f"{copy.name}.partial")
        try:
            _copy(opened, partial)
            partial.rename(copy)
        except OSError as error:
            partial.unlink(missing_ok=True)
            if self.found.lost:
                raise StoreFullError(
                    f"the write-ahead log is damaged, and cannot be copied to {copy} ({error.strerror}): make room for "
                    f"{opened.xFileSize()} octets and start again; nothing was changed"
                ) from error
            log.error("the damaged log cannot be copied to %s: %s", copy, error.strerror)  # noqa: TRY400 -- no bug
            return ""
        return copy.name

    def _tell(self, copy: str) -> None:
        log.critical("%s", describe(self.found))
        if copy:
            log.critical("the damaged log was copied to %s: remove it when you have seen to this", copy)

    def mend(self) -> None:
        """Before the database is opened: lets SQLite believe what it can. Raises apsw.Error."""
        if not (self.found.mends or self.found.lost):
            return
        with self._open() as opened:
            for offset, octets in self.found.mends:
                opened.xWrite(octets, offset)
            if self.found.lost:
                for offset, octets in wal.believed(opened.xRead, opened.xFileSize(), self.found):
                    self._replaced.append((offset, opened.xRead(len(octets), offset)))
                    opened.xWrite(octets, offset)
            sync_file(opened)

    def is_sound(self, connection: apsw.Connection) -> bool:
        """Whether the database can be used with the damaged page; if not, the frames from there on are left out the
        next time that it is opened. Reads all of the database, but only after damage.
        """
        if not self._replaced:
            if self.found.lost:
                log.critical("%s", _LEFT_OUT)
            return True
        log.warning("checking the whole database with the damaged page; this takes a while")
        try:
            sound = connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
        except (apsw.CorruptError, apsw.NotADBError):
            sound = False
        if not sound:
            with self._open() as opened:
                for offset, octets in self._replaced:
                    opened.xWrite(octets, offset)
                sync_file(opened)
        log.critical("%s", _KEPT if sound else _LEFT_OUT)
        self._replaced.clear()
        return sound

    def finish(self, connection: apsw.Connection) -> None:
        """With the migrated store, before anybody uses it. Raises apsw.Error."""
        if self.found.commits:
            with connection:
                Statements(connection, "repair").rows("skip_uids", SKIPPED_UIDS)
            log.warning("%d unique-ids of each mailbox are left out, so that none is given again", SKIPPED_UIDS)
        if self.found.page_size:
            self._cut(connection)

    def _cut(self, connection: apsw.Connection) -> None:
        """Takes away what stands behind the last commit: nobody reads it, and the next one who examines this log is not
        to find it behind frames that were written since. It may look whole: a commit whose sync failed was rolled
        back, and while readers live that is known only in the memory that they share.
        """
        frames, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        end = self.found.offset(frames + 1)
        with self._open() as opened:
            if opened.xFileSize() > end:
                opened.xTruncate(end)
                sync_file(opened)


_KEPT: Final = (
    "what stands behind the damaged place was kept, and the database is sound: run 'gatepost store verify' to see "
    "whether a message is hurt"
)
_LEFT_OUT: Final = (
    "everything from the damaged place on was left out, because the database cannot be used with it: mail that came in "
    "the minutes before is missing; run 'gatepost store verify'"
)


def _copy(opened: apsw.VFSFile, target: Path) -> None:
    descriptor = open_own(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        size = opened.xFileSize()
        for start in range(0, size, PIECE):
            _write_all(descriptor, opened.xRead(min(PIECE, size - start), start))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(descriptor, octets) :]


def describe(found: wal.Log) -> str:
    """What happened to a damaged log, for people."""
    parts = []
    if found.mends:
        parts.append(
            f"{len(found.mends)} octets of the write-ahead log had changed since they were written; they were set right"
        )
    if found.lost:
        parts.append(
            f"the write-ahead log is damaged in frame {found.broken}, with at least {found.commits} commits from there "
            "on: mail that was accepted may be hurt or missing"
        )
    elif found.doubtful:
        parts.append(
            f"the last transaction in the write-ahead log is not whole (frame {found.broken}): if the power failed "
            "while it was written, nobody was told that it happened; else it was damaged since, and mail is missing"
        )
    return "; ".join(parts)
