"""A body that comes again is compared with the copy that is here, which the disk may have damaged."""

from __future__ import annotations

import asyncio
import os

import pytest

from gatepost.errors import InvalidValueError
from gatepost.model import CHUNK
from gatepost.store.commands import Deliver, NewEmail, StageChunk, Staged, Target
from gatepost.store.sqlite.local import open_local
from support.stores import Clock, new_account, put, read_body, stage

LARGE = os.urandom(2 * CHUNK + 9)
ANY_DAMAGE = [
    "UPDATE blob SET data = zeroblob(length(data))",
    "UPDATE blob SET data = substr(data, 2)",
    "DELETE FROM blob",
]
LARGE_DAMAGE = [
    "UPDATE blob_chunk SET data = zeroblob(length(data)) WHERE number = 2",
    "UPDATE blob_chunk SET data = substr(data, 2) WHERE number = 1",
    "DELETE FROM blob_chunk WHERE number = 2",
    "INSERT INTO blob_chunk SELECT blob_id, 3, x'00' FROM body",
]


async def deliver(store, account, body):
    if len(body) <= CHUNK:
        return await put(store, account, body)
    staged = await stage(store, body)
    return (await store.execute(Deliver(NewEmail(staged, 1, 1, b""), (Target(account.account_id, "INBOX"),))))[0]


@pytest.mark.parametrize(
    ("large", "damage"),
    [(False, damage) for damage in ANY_DAMAGE] + [(True, damage) for damage in ANY_DAMAGE + LARGE_DAMAGE],
)
def test_what_comes_again_mends_what_was_damaged(tmp_path, caplog, large, damage):
    body = LARGE if large else b"important" * 50

    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        await deliver(store, account, body)
        store._committer._connection.execute(damage)
        assert await store.verify(lambda done, total: None) != []
        await deliver(store, account, body)
        assert await store.verify(lambda done, total: None) == []
        drop = await store.maildrop(account.account_id, "INBOX")
        assert drop.blobs[0] == drop.blobs[1]
        assert await read_body(store, drop.blobs[0]) == body
        assert caplog.text.count("was damaged") == 1
        await deliver(store, account, body)
        assert caplog.text.count("was damaged") == 1
        await store.close()

    asyncio.run(main())


def test_a_staged_body_that_is_another_mends_nothing(tmp_path):
    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        await deliver(store, account, LARGE)
        staged = await stage(store, LARGE)
        await store.execute(StageChunk(staged.upload_id, 1, os.urandom(CHUNK)))
        with pytest.raises(InvalidValueError, match="does not match"):
            await store.execute(Deliver(NewEmail(staged, 1, 1, b""), (Target(account.account_id, "INBOX"),)))
        assert await store.verify(lambda done, total: None) == []
        await store.close()

    asyncio.run(main())


def test_a_delivery_whose_answer_was_lost_finds_its_body(tmp_path):
    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        staged: Staged = await stage(store, LARGE)
        command = Deliver(NewEmail(staged, 1, 1, b""), (Target(account.account_id, "INBOX"),))
        (first,) = await store.execute(command)
        (second,) = await store.execute(command)
        assert first.uid != second.uid
        assert await store.verify(lambda done, total: None) == []
        await store.close()

    asyncio.run(main())
