"""Backups: one file, a consistent copy of everything, and the way back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw

from gatepost.errors import AlreadyExistsError, InvalidValueError, StoreCorruptError
from gatepost.owner import as_caller
from gatepost.store.sqlite.database import (
    APPLICATION_ID,
    BESIDE,
    FILE,
    DirectoryLock,
    check_version,
    open_reader,
    sync,
    translated,
)
from gatepost.store.sqlite.migrate import migrate, steps, version
from gatepost.store.sqlite.named import Statements
from gatepost.store.sqlite.recovery import SKIPPED_UIDS

PAGES: Final = 256
"""Copied between two turns of other tasks: 2 MiB."""


async def backup(directory: Path, file: Path, progress: Callable[[int, int], None]) -> None:
    """See `Maintenance`. Copies one snapshot, however much is written meanwhile. The copy is the caller's own."""
    with as_caller(file):
        partial = _begin(file)
    try:
        with translated():
            source = open_reader(directory)
            try:
                await _copy(source, partial, progress)
            finally:
                source.close()
        with as_caller(file):
            sync(partial)
            put_in_place(partial, file)
    finally:
        with as_caller(file):
            partial.unlink(missing_ok=True)


async def _copy(source: apsw.Connection, partial: Path, progress: Callable[[int, int], None]) -> None:
    source.execute("BEGIN")
    source.execute("SELECT 1 FROM sqlite_schema").fetchall()  # the snapshot begins with the first read
    with as_caller(partial):
        target = apsw.Connection(str(partial))
    try:
        with target.backup("main", source, "main") as copying:
            while not copying.done:
                with as_caller(partial):
                    copying.step(PAGES)
                progress(copying.page_count - copying.remaining, copying.page_count)
                await asyncio.sleep(0)
        with as_caller(partial):  # a file that needs no -wal beside it
            target.execute("PRAGMA journal_mode = DELETE").fetchall()
    finally:
        with as_caller(partial):
            target.close()


def _begin(file: Path) -> Path:
    """Where to write until all of it is there."""
    if file.exists():
        raise AlreadyExistsError(f"{file} is there already: choose another name, a backup replaces nothing")
    if not file.parent.is_dir():
        raise InvalidValueError(f"there is no directory {file.parent} to put the backup in")
    partial = file.with_name(file.name + ".partial")
    make_empty(partial)
    return partial


def restore(backup_file: Path, directory: Path) -> None:
    """Makes the store in `directory` from a backup; counters are counted anew.

    Raises AlreadyExistsError if there is a store, or some of one; StoreCorruptError if the backup is damaged or none,
    InvalidValueError if there is no such file, StoreUnavailableError if a newer Gatepost wrote it.
    """
    check_version()
    with as_caller(backup_file):
        if not backup_file.is_file():
            raise InvalidValueError(f"there is no backup {backup_file}")
    lock = DirectoryLock(directory)
    partial = directory / f"{FILE}.partial"
    try:
        _check_absent(directory)
        make_empty(partial)
        with translated():
            _fill(backup_file, partial)
        sync(partial)
        put_in_place(partial, directory / FILE)
    finally:
        partial.unlink(missing_ok=True)
        lock.release()


def _check_absent(directory: Path) -> None:
    """A log that an older store left behind would be played into the new one, and make a mixture of both."""
    found = [name for name in (FILE, *(FILE + ending for ending in BESIDE)) if (directory / name).exists()]
    if found:
        raise AlreadyExistsError(
            f"there is a store in {directory} already: move {', '.join(found)} away together, or choose another place"
        )


def _fill(backup_file: Path, partial: Path) -> None:
    with as_caller(backup_file):
        source = apsw.Connection(str(backup_file), flags=apsw.SQLITE_OPEN_READONLY)
    with closing(source):
        with as_caller(backup_file):
            _check_backup(source, backup_file)
        with closing(apsw.Connection(str(partial))) as target:
            with target.backup("main", source, "main") as copying:
                copying.step(-1)
            migrate(target)
            with target:
                _repair(target)


def _check_backup(source: apsw.Connection, backup_file: Path) -> None:
    if source.pragma("application_id") != APPLICATION_ID or version(source) == 0:
        raise StoreCorruptError(f"{backup_file} is no backup of a Gatepost store")
    if version(source) <= len(steps()):
        problems = [text for (text,) in source.execute("PRAGMA quick_check").fetchall() if text != "ok"]
        if problems:
            raise StoreCorruptError(f"the backup {backup_file} is damaged ({problems[0]}): use an older one")


def _repair(target: apsw.Connection) -> None:
    sql = Statements(target, "repair")
    for query in ("release_unused_emails", "release_unused_bodies", "recount_mailboxes", "recount_used"):
        sql.rows(query)
    sql.rows("skip_uids", SKIPPED_UIDS)


def make_empty(file: Path) -> None:
    """Makes a file for the caller alone, in the place of whatever has its name."""
    file.unlink(missing_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def put_in_place(partial: Path, file: Path) -> None:
    """Gives it its name, durably."""
    partial.rename(file)
    sync(file.parent)
