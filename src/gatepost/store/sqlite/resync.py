"""Puts on disk what the writer before us left in the page cache, before anything is built upon it.

A failed fsync may leave pages that never reached the disk marked as clean (Linux does so). From then on every process
reads them from the cache, and every later sync passes them over without an error. SQLite, opened again, takes the
frames of the failed sync for committed and appends behind them: after a power cut the log ends at the hole, and what
was acknowledged behind it is gone. The same can happen to pages of the database in a checkpoint whose sync fails:
readers that stay connected remember the part of the log that was copied, and nobody would copy it again.

So the same octets are written to the same places once more, which makes the pages dirty, and are synced: first the
log, then those pages of the database that the log names (no other page was written since the log was last begun anew,
and that waits for a good sync). A checkpoint alone would be no cure: a power cut in its midst could leave half of a
transaction in the database, beside a log that ends too early to complete it. Readers may be at work meanwhile: no
octet changes. Nobody else writes, because the caller holds the directory's lock.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw

LARGEST_PAGE: Final = 65_536
PIECE: Final = 65_536
"""SQLite's file layer writes at most 128 KiB at once."""
LOG_HEADER: Final = 32
PAGE_SIZE_IN_HEADER: Final = 8
FRAME_HEADER: Final = 24
"""Before each page in the log; begins with the page's number (https://www.sqlite.org/walformat.html)."""
_NUMBER: Final = struct.Struct(">I")


def write_again(file: Path, vfs: str | None) -> None:
    """Does so for the database `file`, before it is opened. 0.2 s for a log of 64 MiB; nothing to do after a clean end.

    Raises apsw.Error if the disk still fails.
    """
    log_file = file.with_name(f"{file.name}-wal")
    if not log_file.exists() or log_file.stat().st_size <= LOG_HEADER:
        return
    # Through SQLite's own file layer: closing a descriptor of ours would drop the locks of a reader in this process.
    log = apsw.VFSFile(vfs or "", str(log_file), [apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_READWRITE, 0])
    try:
        _rewrite(log, ((start, PIECE) for start in range(0, log.xFileSize(), PIECE)))
        pages = sorted(set(_pages(log)))
    finally:
        log.xClose()
    database = apsw.VFSFile(vfs or "", str(file), [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READWRITE, 0])
    try:
        _rewrite(database, pages)
    finally:
        database.xClose()


def _pages(log: apsw.VFSFile) -> Iterator[tuple[int, int]]:
    """(offset, size) in the database of each page that the log has a frame of; frames of its past life do no harm."""
    (size,) = _NUMBER.unpack(log.xRead(_NUMBER.size, PAGE_SIZE_IN_HEADER))
    if size > LARGEST_PAGE:
        return  # no log of SQLite's, which will not read it either
    for frame in range(LOG_HEADER, log.xFileSize() - FRAME_HEADER - size + 1, FRAME_HEADER + size):
        (number,) = _NUMBER.unpack(log.xRead(_NUMBER.size, frame))
        if number:
            yield (number - 1) * size, size


def sync_file(file: apsw.VFSFile) -> None:
    """As SQLite does for a commit."""
    file.xSync(apsw.SQLITE_SYNC_FULL)


def _rewrite(file: apsw.VFSFile, places: Iterator[tuple[int, int]] | list[tuple[int, int]]) -> None:
    end = file.xFileSize()
    for start, size in places:
        length = min(size, end - start)
        if length > 0:
            file.xWrite(file.xRead(length, start), start)
    sync_file(file)
