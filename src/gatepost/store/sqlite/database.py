"""Opens the database file, the same way everywhere, and refuses what cannot be trusted."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from gatepost.errors import StoreCorruptError, StoreFullError, StoreHeldError, StoreUnavailableError
from gatepost.owner import check_own, open_own
from gatepost.store.sqlite.migrate import migrate
from gatepost.store.sqlite.recovery import Recovery
from gatepost.store.sqlite.resync import write_again

FILE: Final = "store.db"
SHARED_MEMORY: Final = f"{FILE}-shm"
"""What all connections share of the log's index: readers write to it too (https://www.sqlite.org/walformat.html)."""
BESIDE: Final = ("-wal", "-shm", "-journal")
"""What SQLite opens with the file, by these endings of its name."""
LOCK: Final = "store.lock"

OLDEST_SQLITE: Final = (3, 51, 3)
"""Before it two connections that write and checkpoint at the same moment can corrupt a WAL database."""

APPLICATION_ID: Final = 0x47504F53
"""`GPOS`: tells a store from any other SQLite file."""

PAGE_SIZE: Final = 8192
"""Measured with bodies of 20 kB and pages of 4, 8, 16, 32 kB: a synced insert 0.31, 0.31, 0.40, 0.46 ms; 32 inserts in
one commit 97, 83, 54, 52 us each; a read 9.7, 9.1, 7.7, 8.0 us. Larger pages double the WAL of each small write."""

AUTO_VACUUM: Final = "INCREMENTAL"
"""Lets housekeeping shrink the file. In a file that was made without it only `compact` can."""

READER_CACHE_KIB: Final = 8 * 1024
WRITER_CACHE_KIB: Final = 64 * 1024
WAL_LIMIT: Final = 64 * 1024 * 1024
"""The WAL file is cut back to this after a burst."""
BUSY_MILLISECONDS: Final = 5000
"""Only recovery after a crash holds locks that others wait for."""


def check_version() -> None:
    """Raises StoreUnavailableError when the SQLite library is too old to be trusted with mail."""
    found = apsw.sqlite_lib_version()
    if tuple(int(part) for part in found.split(".")) < OLDEST_SQLITE:
        oldest = ".".join(str(part) for part in OLDEST_SQLITE)
        raise StoreUnavailableError(
            f"SQLite {found} can corrupt a database in WAL mode; install apsw {oldest} or newer (pip install -U apsw)"
        )


def open_writer(directory: Path, vfs: str | None = None) -> apsw.Connection:
    """The one connection that writes; the caller holds the directory's lock. Makes the file if it is missing, brings it
    to the newest schema, and sees to a damaged log.

    Raises StoreCorruptError, StoreFullError, StoreUnavailableError.
    """
    check_version()
    file = directory / FILE
    os.close(open_own(file, os.O_RDWR | os.O_CREAT))
    _check_names(file)
    with translated():
        recovery = Recovery(file, vfs)
        recovery.mend()
        write_again(file, vfs)
        connection = _open(file, vfs)
        try:
            if not recovery.is_sound(connection):
                connection.close()
                connection = _open(file, vfs)
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                "fullfsync = ON",  # macOS: fsync alone leaves data in the drive's cache
                "checkpoint_fullfsync = ON",
                "foreign_keys = ON",
                f"journal_size_limit = {WAL_LIMIT}",
                "temp_store = MEMORY",
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            if connection.pragma("application_id") != APPLICATION_ID:
                connection.pragma("application_id", APPLICATION_ID)
            migrate(connection)
            recovery.finish(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def _open(file: Path, vfs: str | None) -> apsw.Connection:
    connection = apsw.Connection(str(file), vfs=vfs)
    try:
        _configure(connection, WRITER_CACHE_KIB)
        if connection.pragma("page_count") == 0:  # in a file that is there they change nothing, but the second writes
            for pragma in (f"page_size = {PAGE_SIZE}", f"auto_vacuum = {AUTO_VACUUM}"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        _check_identity(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(directory: Path) -> apsw.Connection:
    """A connection that cannot write or checkpoint. Raises StoreUnavailableError if there is no store.

    Not memory-mapped: a bad disk block would be a SIGBUS that ends every session of the process, for 3 us a read.
    """
    check_version()
    file = directory / FILE
    if not file.exists():
        raise StoreUnavailableError(f"there is no store in {directory}: run 'gatepost init' first")
    _check_names(file)
    with translated():
        connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
        _check_identity(connection, file)
        _configure(connection, READER_CACHE_KIB)
    return connection


def _check_names(file: Path) -> None:
    """Raises ForeignFileError: SQLite would wait for ever for a pipe's writer. Opens nothing, as to close a descriptor
    drops the locks of this process's other connections.
    """
    for ending in ("", *BESIDE):
        check_own(file.with_name(file.name + ending))


def _configure(connection: apsw.Connection, cache_kib: int) -> None:
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    # SQLite's automatic checkpoint swallows a failed sync; ours does not (see committer).
    connection.wal_autocheckpoint(0)
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.execute(f"PRAGMA cache_size = -{cache_kib}").fetchall()


def _check_identity(connection: apsw.Connection, file: Path) -> None:
    identity = connection.pragma("application_id")
    empty = connection.pragma("page_count") == 0
    if not empty and identity not in (APPLICATION_ID, 0):
        raise StoreCorruptError(f"{file} is a database, but not one of Gatepost's: move it away or choose another path")


@contextmanager
def translated() -> Iterator[None]:
    """SQLite's errors in the store's words."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise StoreCorruptError(
            f"the database is damaged ({error}): restore the last backup with 'gatepost store restore'"
        ) from error
    except apsw.FullError as error:
        raise StoreFullError("the disk is full: nothing was written; make room and try again") from error
    except apsw.Error as error:
        raise StoreUnavailableError(f"the database cannot be used now ({error})") from error


def sync(path: Path) -> None:
    """Makes a file's content, or a directory's names, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_durable(directory: Path) -> None:
    """Makes it, if nobody has yet. What is in a directory is as durable as its name: SQLite syncs the one, we the
    other, all the way up, because nobody knows who made what of it.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (directory / FILE).exists():
        for parent in directory.absolute().parents:
            try:
                sync(parent)
            except PermissionError:  # then we have not made what is in it
                break


class DirectoryLock:
    """Makes its holder the only writer of a store directory, until `release` or the end of the process."""

    def __init__(self, directory: Path) -> None:
        """Raises StoreHeldError that names the process which holds the store."""
        _make_durable(directory)
        self._descriptor = open_own(directory / LOCK, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            self.release()
            raise StoreHeldError(
                f"the store in {directory} is open in process {holder}\n"
                "Wait for its end, or stop it: `gatepost serve` waits by itself."
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
