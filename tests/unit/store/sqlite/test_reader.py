from __future__ import annotations

import asyncio

from gatepost.model import DeletePolicy
from gatepost.store.commands import DeleteMessages
from gatepost.store.sqlite import reader
from gatepost.store.sqlite.local import open_local
from support.stores import new_account, put


def test_a_maildrop_that_did_not_change_is_not_read_again_and_every_change_is_seen(tmp_path):
    async def scenario():
        store = open_local(tmp_path)
        account = await new_account(store)
        empty = await store.maildrop(account.account_id, "INBOX")
        assert await store.maildrop(account.account_id, "inbox") is empty
        first = await put(store, account)
        second = await put(store, account)
        both = await store.maildrop(account.account_id, "INBOX")
        assert list(both.uids) == [first.uid, second.uid]
        assert await store.maildrop(account.account_id, "INBOX") is both
        below = await store.maildrop(account.account_id, "INBOX", below_uid=second.uid)
        assert list(below.uids) == [first.uid]
        assert await store.maildrop(account.account_id, "INBOX") is both
        await store.execute(
            DeleteMessages(account.account_id, first.mailbox_id, (first.uid,), DeletePolicy.PURGE),
        )
        third = await put(store, account)  # as many messages as before
        now = await store.maildrop(account.account_id, "INBOX")
        assert list(now.uids) == [second.uid, third.uid]
        await store.close()

    asyncio.run(scenario())


def test_what_is_remembered_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "REMEMBERED", 2)
    monkeypatch.setattr(reader, "SMALL", 3)

    async def scenario():
        store = open_local(tmp_path)
        account = await new_account(store)
        for _ in range(6):
            await put(store, account)
            await store.maildrop(account.account_id, "INBOX")
            assert len(store._unchanged) <= 2
            assert all(len(drop.uids) <= 3 for drop in store._unchanged.values())
        large = await store.maildrop(account.account_id, "INBOX")
        assert len(large.uids) == 6
        assert await store.maildrop(account.account_id, "INBOX") is not large
        await store.close()

    asyncio.run(scenario())
