from __future__ import annotations

import asyncio

import pytest

from gatepost.errors import MisuseError, StoreCorruptError, StoreUnavailableError
from gatepost.model import CHUNK, DeletePolicy
from gatepost.store import rules
from gatepost.store.commands import CreateDomain, DeleteMessages, Deliver, Expire, NewEmail, Target, UpdateAccount
from gatepost.store.sqlite import committer, housekeeping, local
from gatepost.store.sqlite.local import open_local
from support.stores import Clock, count_commits, deliver, mail, new_account, put, stage


def test_sixty_four_at_once_take_one_commit(tmp_path):
    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        commits = count_commits(store)
        await asyncio.gather(*(store.execute(deliver(account, b"%d" % n)) for n in range(64)))
        assert len(commits) == 1
        await store.close()

    asyncio.run(main())


def test_batches_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(committer, "MOST_COMMANDS", 10)
    monkeypatch.setattr(committer, "MOST_OCTETS", 3000)

    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        commits = count_commits(store)
        await asyncio.gather(*(store.execute(deliver(account, b"%d" % n)) for n in range(64)))
        assert len(commits) == 7
        await asyncio.gather(*(store.execute(deliver(account, b"%d" % n + b"x" * 1000)) for n in range(9)))
        assert len(commits) == 7 + 3
        await store.close()

    asyncio.run(main())


def test_the_log_is_checkpointed(tmp_path, monkeypatch):
    monkeypatch.setattr(committer, "CHECKPOINT_PAGES", 5)

    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        for n in range(10):
            await put(store, account, b"%d" % n * 20_000)
        assert (tmp_path / "store.db").stat().st_size > 100_000
        await store.close()
        assert (tmp_path / "store.db-wal").stat().st_size == 0

    asyncio.run(main())


def test_a_caller_that_gives_up_harms_nobody(tmp_path):
    async def main():
        store = open_local(tmp_path, Clock())
        giving_up = asyncio.create_task(store.execute(CreateDomain("a.org")))
        await asyncio.sleep(0)
        giving_up.cancel()
        await store.execute(CreateDomain("b.org"))
        assert [domain.name for domain in await store.domains()] == ["a.org", "b.org"]
        await store.close()

    asyncio.run(main())


def test_what_waits_is_committed_at_the_close(tmp_path):
    async def main():
        store = open_local(tmp_path, Clock())
        last = asyncio.create_task(store.execute(CreateDomain("a.org")))
        await asyncio.sleep(0)
        await store.close()
        await last
        store = open_local(tmp_path, Clock())
        assert len(await store.domains()) == 1
        await store.close()

    asyncio.run(main())


def test_a_missing_chunk_is_told_apart_from_the_end(tmp_path):
    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        body = await stage(store, b"x" * (CHUNK + 1))
        (place,) = await store.execute(Deliver(NewEmail(body, 1, 1, b""), (Target(account.account_id, "INBOX"),)))
        blob_id = (await store.email(account.account_id, place.email_id)).blob_id
        store._committer._connection.execute("DELETE FROM blob_chunk")
        with pytest.raises(StoreCorruptError):
            await store.chunk(blob_id, 1)
        assert await store.chunk(blob_id, 2) == b""
        await store.close()

    asyncio.run(main())


def test_a_damaged_database_says_so(tmp_path):
    async def main():
        store = open_local(tmp_path, Clock())
        store._committer._connection.execute("ALTER TABLE domain RENAME TO lost")
        with pytest.raises(Exception, match="cannot be used"):
            await store.domains()
        with pytest.raises(Exception, match="cannot be used"):
            store._row("SELECT * FROM domain")
        await store.close()

    asyncio.run(main())


def test_a_bug_in_one_command_is_its_own(tmp_path):
    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        store._committer._connection.execute("CREATE UNIQUE INDEX one_size ON message (size)")
        bodies = [b"a", b"b", b"cc"]
        results = await asyncio.gather(
            *(store.execute(deliver(account, body)) for body in bodies), return_exceptions=True
        )
        assert [type(result) for result in results] == [tuple, MisuseError, tuple]
        assert (await store.mailbox(account.account_id, "INBOX")).uidnext == 3
        await store.close()

    asyncio.run(main())


def test_a_slice_of_housekeeping_is_bounded_in_octets(tmp_path, monkeypatch):
    monkeypatch.setattr(housekeeping, "SLICE_OCTETS", 15)

    async def main():
        clock = Clock()
        store = open_local(tmp_path, clock)
        account = await new_account(store)
        places = [await put(store, account, b"%d" % n * 10) for n in range(4)]
        uids = tuple(place.uid for place in places)
        await store.execute(DeleteMessages(account.account_id, places[0].mailbox_id, uids, DeletePolicy.PURGE))
        clock.now += 3600
        assert [await store.execute(Expire(int(clock.now))) for _ in range(3)] == [2, 2, 0]
        await store.close()

    asyncio.run(main())


def test_what_is_known_of_expunged_uids_is_bounded(tmp_path, monkeypatch):
    """Exact for whoever knew one of the last MODSEQs, and no more rows than that."""
    monkeypatch.setattr(rules, "EXPUNGED_CHANGES", 10)

    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        for _ in range(30):
            place = await put(store, account)
            gone = DeleteMessages(account.account_id, place.mailbox_id, (place.uid,), DeletePolicy.PURGE)
            await store.execute(gone)
        newest = (await store.mailbox(account.account_id, "INBOX")).highestmodseq
        rows = store._rows("SELECT uid, modseq FROM expunged ORDER BY modseq")
        assert rows == [(30 - n, newest - 2 * n) for n in (4, 3, 2, 1, 0)]
        await store.close()

    asyncio.run(main())


def test_a_store_that_cannot_be_opened_is_not_held(tmp_path, monkeypatch):
    async def main():
        store = open_local(tmp_path, Clock())
        store._committer._connection.pragma("user_version", 99)
        await store.close()
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="upgrade"):
                local.open_local(tmp_path)

    asyncio.run(main())


def test_two_bodies_of_one_message_and_two_accounts(tmp_path):
    async def main():
        store = open_local(tmp_path, Clock())
        accounts = [await new_account(store, f"{name}@example.com") for name in ("a", "b")]
        new = mail(b"wire", original=mail(b"raw").body)
        await store.execute(Deliver(new, tuple(Target(account.account_id, "INBOX") for account in accounts)))
        assert await store.verify(lambda done, total: None) == []
        await store.close()

    asyncio.run(main())


def test_what_housekeeping_removed_is_logged_in_one_line(tmp_path, caplog):
    """Of how many accounts there are, the log names those that lost most."""

    async def main():
        clock = Clock()
        store = open_local(tmp_path, clock)
        for number in range(7):
            account = await new_account(store, f"user{number}@example.com")
            await store.execute(UpdateAccount(account.account_id, expire_days=1))
            for message in range(7 - number):
                await put(store, account, b"%d" % message)
        clock.now += 100_000
        while await store.execute(Expire(int(clock.now), 10)):
            pass
        await store.close()

    with caplog.at_level("INFO"):
        asyncio.run(main())
    (line,) = [record.getMessage() for record in caplog.records if "housekeeping" in record.getMessage()]
    assert "messages older than EXPIRE allows: 28 (mail of user0@example.com: 7; user1" in line
    assert line.endswith("user4@example.com: 3; 2 more accounts: 3)")


@pytest.mark.parametrize("accounts", [1, 2, 3, 4, 7])
def test_housekeeping_looks_at_some_accounts_at_a_time(tmp_path, monkeypatch, accounts):
    """With 100,000 accounts whose mail expires, one look at all of them would hold up everybody who writes."""
    monkeypatch.setattr(housekeeping, "ACCOUNTS", accounts)

    async def main():
        store = open_local(tmp_path, clock := Clock())
        for name in "abcdefg":
            account = await new_account(store, f"{name}@example.com")
            await store.execute(UpdateAccount(account.account_id, expire_days=0 if name == "c" else 1))
            await asyncio.gather(*(put(store, account, b"%d" % n) for n in range(3)))
        clock.now += 2 * rules.DAY
        for _ in range(50):
            if not await store.execute(Expire(int(clock.now), 2)):
                break
        left = [len((await store.maildrop(each.account_id, "INBOX")).uids) for each in await store.accounts()]
        assert left == [0, 0, 3, 0, 0, 0, 0]
        await store.close()

    asyncio.run(main())
