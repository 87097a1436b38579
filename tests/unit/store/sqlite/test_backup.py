from __future__ import annotations

import asyncio
import os

import apsw
import pytest

from gatepost.errors import AlreadyExistsError, InvalidValueError, StoreCorruptError, StoreUnavailableError
from gatepost.store.keeper import Keeper
from gatepost.store.remote import open_remote
from gatepost.store.sqlite import backup as backup_module
from gatepost.store.sqlite.backup import SKIPPED_UIDS, restore
from gatepost.store.sqlite.database import open_reader
from gatepost.store.sqlite.local import open_local
from support.stores import Clock, fail, new_account, put, read_body


def quiet(done: int, total: int) -> None:
    pass


async def make_backup(tmp_path, bodies=(b"one", b"two")):
    store = open_local(tmp_path / "old", Clock())
    account = await new_account(store)
    for body in bodies:
        await put(store, account, body, uidl=f"u-{len(body)}" if body == b"two" else None)
    drop = await store.maildrop(account.account_id, "INBOX")
    await store.backup(str(tmp_path / "copy"), quiet)
    await store.close()
    return account, [drop.uidl(n) for n in range(len(drop.uids))]


def test_what_was_backed_up_comes_back(tmp_path):
    async def main():
        account, uidls = await make_backup(tmp_path)
        restore(tmp_path / "copy", tmp_path / "new")
        store = open_local(tmp_path / "new", Clock())
        drop = await store.maildrop(account.account_id, "INBOX")
        assert [drop.uidl(n) for n in range(2)] == uidls
        assert [await read_body(store, blob) for blob in drop.blobs] == [b"one", b"two"]
        assert await store.verify(quiet) == []
        assert (await put(store, account)).uid == 3 + SKIPPED_UIDS
        await store.close()

    asyncio.run(main())


def test_a_restore_counts_anew_and_drops_leftovers(tmp_path):
    async def main():
        account, _ = await make_backup(tmp_path)
        connection = apsw.Connection(str(tmp_path / "copy"))
        connection.execute(
            "UPDATE mailbox SET messages = 9, octets = 9, unseen = 9; UPDATE account SET used = 99;"
            "INSERT INTO blob VALUES (5, x'00'); DELETE FROM message WHERE uid = 1"
        ).fetchall()
        connection.close()
        restore(tmp_path / "copy", tmp_path / "new")
        store = open_local(tmp_path / "new", Clock())
        assert await store.verify(quiet) == []
        assert (await store.account(account.account_id)).used == 3
        await store.close()

    asyncio.run(main())


def test_one_snapshot_while_the_keeper_writes(tmp_path):
    async def main():
        keeper = Keeper(tmp_path / "old", Clock(), fatal=fail)
        await keeper.start()
        store = open_remote(tmp_path / "old")
        account = await new_account(store)
        for _ in range(40):
            await put(store, account, os.urandom(200_000))
        writing = []

        def progress(done, total):
            writing.append(asyncio.get_running_loop().create_task(put(store, account, os.urandom(1000))))

        await store.backup(str(tmp_path / "copy"), progress)
        assert len(writing) > 2
        await asyncio.gather(*writing)
        assert await store.verify(quiet) == []
        await store.close()
        await keeper.stop()
        restore(tmp_path / "copy", tmp_path / "new")
        copy = open_local(tmp_path / "new", Clock())
        assert await copy.verify(quiet) == []
        assert (await copy.mailbox(account.account_id, "INBOX")).messages == 40
        await copy.close()

    asyncio.run(main())


def test_a_store_is_never_replaced(tmp_path):
    async def main():
        await make_backup(tmp_path)
        with pytest.raises(AlreadyExistsError):
            restore(tmp_path / "copy", tmp_path / "old")

    asyncio.run(main())


@pytest.mark.parametrize("left", ["store.db-wal", "store.db-shm"])
def test_what_a_store_left_behind_is_not_mixed_in(tmp_path, left):
    """Its log would be played into the new store."""

    async def main():
        await make_backup(tmp_path)
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / left).write_bytes(b"")
        with pytest.raises(AlreadyExistsError, match=f"move {left} away"):
            restore(tmp_path / "copy", tmp_path / "new")
        assert not (tmp_path / "new" / "store.db").exists()
        with pytest.raises(AlreadyExistsError, match=r"move store\.db, store\.db-wal, store\.db-shm away together"):
            restore(tmp_path / "copy", tmp_path / "old")

    asyncio.run(main())


def test_a_store_that_was_closed_is_whole_in_its_one_file(tmp_path):
    async def main():
        account, _ = await make_backup(tmp_path)
        assert (tmp_path / "old" / "store.db-wal").stat().st_size == 0
        (tmp_path / "moved").mkdir()
        (tmp_path / "old" / "store.db").rename(tmp_path / "moved" / "store.db")
        store = open_local(tmp_path / "moved", Clock())
        assert (await store.mailbox(account.account_id, "INBOX")).messages == 2
        await store.close()

    asyncio.run(main())


def test_a_reader_delays_no_close(tmp_path):
    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        reader = open_reader(tmp_path)
        reader.execute("BEGIN; SELECT * FROM account").fetchall()
        await put(store, account)
        await store.close()
        assert (tmp_path / "store.db-wal").stat().st_size
        reader.close()
        store = open_local(tmp_path, Clock())
        assert (await store.mailbox(account.account_id, "INBOX")).messages == 1
        await store.close()

    asyncio.run(main())


def test_what_is_no_backup(tmp_path):
    with pytest.raises(InvalidValueError):
        restore(tmp_path / "none", tmp_path / "new")
    (tmp_path / "text").write_text("hello " * 1000)
    with pytest.raises(StoreCorruptError):
        restore(tmp_path / "text", tmp_path / "new")
    other = apsw.Connection(str(tmp_path / "other"))
    other.execute("CREATE TABLE t (x)").fetchall()
    other.close()
    with pytest.raises(StoreCorruptError, match="no backup"):
        restore(tmp_path / "other", tmp_path / "new")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["store.lock"]


def test_a_damaged_backup_is_refused(tmp_path):
    async def main():
        await make_backup(tmp_path, [os.urandom(100_000) for _ in range(5)])
        with (tmp_path / "copy").open("r+b") as file:
            file.seek(8192 * 3)
            file.write(os.urandom(8192 * 20))
        with pytest.raises(StoreCorruptError):
            restore(tmp_path / "copy", tmp_path / "new")
        assert not (tmp_path / "new" / "store.db").exists()

    asyncio.run(main())


def test_a_backup_of_a_newer_release_is_refused(tmp_path):
    async def main():
        await make_backup(tmp_path)
        connection = apsw.Connection(str(tmp_path / "copy"))
        connection.pragma("user_version", 999)
        connection.close()
        with pytest.raises(StoreUnavailableError, match="upgrade"):
            restore(tmp_path / "copy", tmp_path / "new")

    asyncio.run(main())


def test_a_failed_backup_leaves_no_file(tmp_path, monkeypatch):
    async def main():
        store = open_local(tmp_path / "old", Clock())
        with pytest.raises(InvalidValueError, match="no directory"):
            await store.backup(str(tmp_path / "no" / "copy"), quiet)

        def broken(path):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(backup_module, "sync", broken)
        with pytest.raises(OSError, match="Input/output"):
            await store.backup(str(tmp_path / "copy"), quiet)
        assert not list(tmp_path.glob("copy*"))
        await store.close()

    asyncio.run(main())
