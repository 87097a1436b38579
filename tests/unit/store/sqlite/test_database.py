from __future__ import annotations

import asyncio
import os

import apsw
import pytest

from gatepost.errors import StoreCorruptError, StoreFullError, StoreUnavailableError
from gatepost.store.sqlite import database
from gatepost.store.sqlite.database import DirectoryLock, open_reader, open_writer, translated
from gatepost.store.sqlite.local import open_local


def test_an_old_sqlite_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(StoreUnavailableError, match=r"3\.51\.2.*pip install"):
        open_writer(tmp_path)
    with pytest.raises(StoreUnavailableError, match=r"3\.51\.3"):
        open_reader(tmp_path)


def test_a_writer_is_durable(tmp_path):
    connection = open_writer(tmp_path)
    pragmas = {name: connection.pragma(name) for name in ("journal_mode", "synchronous", "page_size", "foreign_keys")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "page_size": 8192, "foreign_keys": 1}
    connection.close()
    open_writer(tmp_path).close()
    assert (tmp_path / "store.db").stat().st_mode & 0o777 == 0o600


def test_opening_writes_nothing(tmp_path):
    asyncio.run(open_local(tmp_path).close())
    reader = open_reader(tmp_path)  # keeps the log as it is
    reader.execute("SELECT * FROM account").fetchall()
    before = (tmp_path / "store.db-wal").read_bytes()
    open_writer(tmp_path).close()
    assert (tmp_path / "store.db-wal").read_bytes() == before
    reader.close()


@pytest.mark.parametrize("left", [b"", b"x" * 20, b"x" * 5000])
def test_a_log_that_is_none_is_passed_over(tmp_path, left):
    open_writer(tmp_path).close()
    (tmp_path / "store.db-wal").write_bytes(left)
    connection = open_writer(tmp_path)
    assert connection.pragma("application_id") in (0, database.APPLICATION_ID)
    connection.close()


def test_a_reader_cannot_write(tmp_path):
    asyncio.run(open_local(tmp_path).close())
    reader = open_reader(tmp_path)
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("DELETE FROM account")
    reader.close()


def test_a_foreign_database_is_refused(tmp_path):
    other = apsw.Connection(str(tmp_path / "store.db"))
    other.execute("CREATE TABLE t (x); PRAGMA application_id = 77")
    other.close()
    with pytest.raises(StoreCorruptError, match="not one of Gatepost's"):
        open_writer(tmp_path)


def test_errors_in_the_stores_words():
    for raised, expected in (
        (apsw.CorruptError, StoreCorruptError),
        (apsw.NotADBError, StoreCorruptError),
        (apsw.FullError, StoreFullError),
        (apsw.IOError, StoreUnavailableError),
    ):
        with pytest.raises(expected), translated():
            raise raised("x")


def test_the_lock_names_its_holder(tmp_path):
    lock = DirectoryLock(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    with pytest.raises(StoreUnavailableError, match=f"process {os.getpid()}\n"):
        DirectoryLock(tmp_path / "new")
    os.truncate(tmp_path / "new" / database.LOCK, 0)
    with pytest.raises(StoreUnavailableError, match="unknown"):
        DirectoryLock(tmp_path / "new")
    lock.release()
    lock.release()
    DirectoryLock(tmp_path / "new").release()


@pytest.mark.parametrize("made_before", [True, False])
def test_the_name_of_a_new_directory_is_durable(tmp_path, monkeypatch, made_before):
    """Whoever made it: the command line does before it opens the store."""
    synced = []
    monkeypatch.setattr(database, "sync", lambda path: synced.append((path, (tmp_path / "new" / "data").is_dir())))
    if made_before:
        (tmp_path / "new" / "data").mkdir(parents=True)
    lock = DirectoryLock(tmp_path / "new" / "data")
    assert [(tmp_path / "new", True), (tmp_path, True)] == synced[:2]
    (tmp_path / "new" / "data" / database.FILE).touch()
    lock.release()
    synced.clear()
    DirectoryLock(tmp_path / "new" / "data").release()
    assert not synced


def test_a_parent_that_is_closed_to_us_is_passed_over(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(database, "sync", refuse)
    DirectoryLock(tmp_path / "data").release()
