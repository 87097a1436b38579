"""Writes the store anew without what it does not need: the room of deleted mail goes back to the file system."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw

from gatepost.errors import StoreCorruptError, StoreUnavailableError
from gatepost.store.sqlite.backup import make_empty, put_in_place
from gatepost.store.sqlite.database import AUTO_VACUUM, FILE, DirectoryLock, open_writer, sync, translated


def compact(directory: Path) -> tuple[int, int]:
    """The file's octets before and after. From then on housekeeping keeps it small. Needs room for the new file.

    The old file stays in its place until the new one is complete and on disk. Raises StoreHeldError,
    StoreUnavailableError (no store, or somebody reads it), StoreCorruptError, StoreFullError.
    """
    file, partial = directory / FILE, directory / f"{FILE}.partial"
    if not file.exists():
        raise StoreUnavailableError(f"there is no store in {directory}\nCheck `server.data` in the configuration.")
    lock = DirectoryLock(directory)
    try:
        before = _write_anew(directory, partial)
        sync(partial)
        # The log is empty: all that it held is in the old file, and so in the new one.
        for name in ("-wal", "-shm"):
            (directory / f"{FILE}{name}").unlink(missing_ok=True)
        put_in_place(partial, file)
        return before, file.stat().st_size
    finally:
        partial.unlink(missing_ok=True)
        lock.release()


def _write_anew(directory: Path, partial: Path) -> int:
    """Returns the octets of the old file."""
    with closing(open_writer(directory)) as connection, translated():
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        make_empty(partial)
        connection.execute(f"PRAGMA auto_vacuum = {AUTO_VACUUM}").fetchall()
        connection.execute("VACUUM INTO ?", (str(partial),))
        _check(partial)
        return (directory / FILE).stat().st_size


def _check(partial: Path) -> None:
    with closing(apsw.Connection(str(partial), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        problems = [text for (text,) in connection.execute("PRAGMA quick_check").fetchall() if text != "ok"]
    if problems:
        raise StoreCorruptError(f"the new file is damaged ({problems[0]}); the old one stays\nLook at the disk.")
