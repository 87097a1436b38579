from __future__ import annotations

import asyncio
import os

import apsw
import pytest

from gatepost.errors import StoreFullError, StoreHeldError, StoreUnavailableError
from gatepost.model import CHUNK, DeletePolicy
from gatepost.store.commands import DeleteMessages, Deliver, Expire, NewEmail, Shrink, Target
from gatepost.store.sqlite import compact as compact_module
from gatepost.store.sqlite import database
from gatepost.store.sqlite.compact import compact
from gatepost.store.sqlite.database import FILE, DirectoryLock
from gatepost.store.sqlite.local import open_local
from support.stores import Clock, new_account, put, stage

LARGE = 12 * 1024 * 1024


async def fill(store, clock):
    """One small message stays, a large one comes and goes, and its body with it."""
    account = await new_account(store)
    await put(store, account, b"Subject: stays\r\n\r\n")
    staged = await stage(store, os.urandom(LARGE))
    (large,) = await store.execute(Deliver(NewEmail(staged, 1, 10, b""), (Target(account.account_id, "INBOX"),)))
    await store.execute(DeleteMessages(account.account_id, large.mailbox_id, (large.uid,), DeletePolicy.PURGE))
    clock.now += 2 * 3600
    while await store.execute(Expire(int(clock.now))):
        pass
    return account


async def stays(store):
    account = await store.account_by_login("alice@example.com")
    box = await store.mailbox(account.account_id, "INBOX")
    (message,) = await store.messages(account.account_id, box.mailbox_id)
    return box.uidvalidity, message.uid, await store.chunk(message.blob_id, 0), (await store.verify(lambda *_: None))


def play(directory, work):
    async def main():
        clock = Clock()
        store = open_local(directory, clock)
        try:
            return await work(store, clock)
        finally:
            await store.close()

    return asyncio.run(main())


def size(directory):
    return (directory / FILE).stat().st_size


def test_a_new_store_gives_back_what_deleted_mail_took(tmp_path):
    async def work(store, clock):
        await fill(store, clock)
        pages = 0
        while given := await store.execute(Shrink()):
            pages += given
        assert pages * database.PAGE_SIZE > LARGE - 10 * CHUNK - 1024 * database.PAGE_SIZE
        assert (await stays(store))[3] == []

    play(tmp_path, work)
    assert size(tmp_path) < LARGE - 2 * CHUNK


@pytest.fixture
def old(tmp_path, monkeypatch):
    """A store that an older release made, and what it holds."""
    monkeypatch.setattr(database, "AUTO_VACUUM", "NONE")

    async def work(store, clock):
        await fill(store, clock)
        assert await store.execute(Shrink()) == 0
        return await stays(store)

    held = play(tmp_path, work)
    monkeypatch.undo()
    assert size(tmp_path) > LARGE
    return tmp_path, held


def test_an_older_store_is_compacted_and_shrinks_by_itself_from_then_on(old):
    directory, held = old
    before, after = compact(directory)
    assert before > LARGE
    assert after == size(directory) < 10 * CHUNK
    assert not (directory / f"{FILE}.partial").exists()

    async def work(store, clock):
        assert await stays(store) == held
        assert store._committer._connection.pragma("auto_vacuum") == 2
        assert store._committer._connection.pragma("journal_mode") == "wal"

    play(directory, work)


def test_what_is_wrong_leaves_the_old_file(old, monkeypatch):
    directory, held = old

    def full(_partial):
        raise apsw.FullError

    monkeypatch.setattr(compact_module, "_check", full)
    with pytest.raises(StoreFullError):
        compact(directory)
    assert not (directory / f"{FILE}.partial").exists()
    assert size(directory) > LARGE

    async def work(store, _clock):
        assert await stays(store) == held

    play(directory, work)


def test_a_store_that_is_open_or_absent_is_not_compacted(tmp_path):
    with pytest.raises(StoreUnavailableError, match="there is no store"):
        compact(tmp_path)
    play(tmp_path, fill)
    lock = DirectoryLock(tmp_path)
    with pytest.raises(StoreHeldError):
        compact(tmp_path)
    lock.release()
