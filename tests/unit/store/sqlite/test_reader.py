from __future__ import annotations

import asyncio

import apsw
import pytest

from gatepost.errors import NoSuchMailboxError, StoreUnavailableError
from gatepost.model import DeletePolicy
from gatepost.store.commands import DeleteMessages
from gatepost.store.sqlite import reader
from gatepost.store.sqlite.database import FILE
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
        account, *others = [await new_account(store, f"{name}@example.com") for name in "abcd"]
        for _ in range(6):
            await put(store, account)
            await store.maildrop(account.account_id, "INBOX")
            assert len(store._unchanged) <= 2
            assert all(len(drop.uids) <= 3 for drop in store._unchanged.values())
            for each in (account, *others):
                store.maildrop_at_hand(each.account_id, "INBOX")
            assert 1 <= len(store._up_to_date) <= 2
            assert {id(drop) for _, drop in store._up_to_date.values()} <= set(map(id, store._unchanged.values()))
        large = await store.maildrop(account.account_id, "INBOX")
        assert len(large.uids) == 6
        assert await store.maildrop(account.account_id, "INBOX") is not large
        await store.close()

    asyncio.run(scenario())


def test_a_maildrop_at_hand_is_asked_for_only_after_a_commit(tmp_path):
    async def scenario():
        store = open_local(tmp_path)
        account, other = await new_account(store), await new_account(store, "bob@example.com")
        first = await put(store, account)
        statements = []
        store._connection.set_exec_trace(lambda _cursor, sql, _values: statements.append(sql) or True)
        drop = store.maildrop_at_hand(account.account_id, "INBOX")
        assert statements == [reader.SQL["maildrop_head"], reader.SQL["maildrop"]]
        assert store.maildrop_at_hand(account.account_id, "INBOX") is drop
        assert len(statements) == 2
        await put(store, other)
        assert store.maildrop_at_hand(account.account_id, "INBOX") is drop
        assert statements[2:] == [reader.SQL["maildrop_head"]]
        second = await put(store, account)
        assert list(store.maildrop_at_hand(account.account_id, "INBOX").uids) == [first.uid, second.uid]
        await store.close()

    asyncio.run(scenario())


def test_what_is_committed_while_a_maildrop_is_read_is_seen_the_next_time(tmp_path, monkeypatch):
    async def scenario():
        store = open_local(tmp_path)
        account = await new_account(store)
        monkeypatch.setattr(
            store._generation, "of_commits", lambda now=store._generation.of_commits: now() - 2
        )  # it comes right behind the look
        store.maildrop_at_hand(account.account_id, "INBOX")
        monkeypatch.undo()
        statements = []
        store._connection.set_exec_trace(lambda _cursor, sql, _values: statements.append(sql) or True)
        store.maildrop_at_hand(account.account_id, "INBOX")
        assert statements == [reader.SQL["maildrop_head"]]
        await store.close()

    asyncio.run(scenario())


def test_while_a_commit_is_under_way_the_database_is_asked(tmp_path):
    async def scenario():
        store = open_local(tmp_path)
        account = await new_account(store)
        drop = store.maildrop_at_hand(account.account_id, "INBOX")
        store._generation.committing()
        statements = []
        store._connection.set_exec_trace(lambda _cursor, sql, _values: statements.append(sql) or True)
        for _ in range(2):
            assert store.maildrop_at_hand(account.account_id, "INBOX") is drop
        assert statements == [reader.SQL["maildrop_head"]] * 2
        await store.close()

    asyncio.run(scenario())


def test_what_did_not_change_costs_one_statement_and_what_did_two(tmp_path):
    async def scenario():
        store = open_local(tmp_path)
        account = await new_account(store)
        await put(store, account)
        statements = []
        store._connection.set_exec_trace(lambda _cursor, sql, _values: statements.append(sql) or True)
        drop = await store.maildrop(account.account_id, "INBOX")
        assert statements == [reader.SQL["maildrop_head"], reader.SQL["maildrop"]]
        assert await store.maildrop(account.account_id, "INBOX") is drop
        assert statements[2:] == [reader.SQL["maildrop_head"]]
        await store.close()

    asyncio.run(scenario())


def test_head_and_messages_of_a_small_maildrop_are_one_snapshot(tmp_path, monkeypatch):
    async def scenario():
        store = open_local(tmp_path)
        account = await new_account(store)
        place = await put(store, account)
        load = reader._load_slice

        def late(*args):
            other = apsw.Connection(str(tmp_path / FILE))
            other.execute("DELETE FROM message")
            other.execute("UPDATE mailbox SET messages = 0")
            other.close()
            return load(*args)

        monkeypatch.setattr(reader, "_load_slice", late)
        drop = store.maildrop_at_hand(account.account_id, "INBOX")
        assert list(drop.uids) == [place.uid]
        monkeypatch.undo()
        assert not (await store.maildrop(account.account_id, "INBOX")).uids
        await store.close()

    asyncio.run(scenario())


def test_no_snapshot_outlasts_the_look_however_it_ends(tmp_path, monkeypatch):
    """One that did would hold the write-ahead log with it."""

    def fail(*_):
        raise apsw.IOError("the disk failed")

    async def scenario():
        store = open_local(tmp_path)
        account = await new_account(store)
        for name, error in (("No", NoSuchMailboxError), ("INBOX", StoreUnavailableError)):
            monkeypatch.setattr(reader, "_load_slice", fail)
            with pytest.raises(error):
                store.maildrop_at_hand(account.account_id, name)
            assert store._connection.txn_state("main") == apsw.SQLITE_TXN_NONE
        monkeypatch.undo()
        assert store.maildrop_at_hand(account.account_id, "INBOX") is not None
        assert store.maildrop_at_hand(account.account_id, "INBOX") is not None
        assert store._connection.txn_state("main") == apsw.SQLITE_TXN_NONE
        await store.close()

    asyncio.run(scenario())
