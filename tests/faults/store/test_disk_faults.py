"""A disk that fails or fills at the Nth write or sync: never a false yes, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import errno
import itertools

import apsw
import pytest

from gatepost.errors import DomainError, StoreCorruptError, StoreFullError, StoreUnavailableError
from gatepost.model import DeletePolicy
from gatepost.store.commands import DeleteMessages, Deliver, Target
from gatepost.store.sqlite import committer
from gatepost.store.sqlite.local import open_local
from support.fault_vfs import FaultVfs
from support.stores import Clock, count_commits, deliver, mail, new_account, put

_names = itertools.count()


@pytest.fixture
def vfs():
    found = FaultVfs(f"fault-{next(_names)}")
    yield found
    found.unregister()


async def bodies_of(store, account):
    drop = await store.maildrop(account.account_id, "INBOX")
    return {await store.chunk(blob, 0) for blob in drop.blobs}


async def survivors(directory, account):
    """What a fresh process finds; the store must be sound."""
    store = open_local(directory, Clock())
    try:
        assert await store.verify(lambda done, total: None) == []
        return await bodies_of(store, account)
    finally:
        await store.close()


async def deliver_until_it_fails(store, account, rounds=6):
    """Delivers in groups; returns what was acknowledged and what was refused or is unknown."""
    acknowledged, failed, errors = set(), set(), set()
    for number in range(rounds):
        bodies = [b"round %d message %d " % (number, n) * 600 for n in range(4)]
        results = await asyncio.gather(
            *(store.execute(deliver(account, body)) for body in bodies), return_exceptions=True
        )
        for body, result in zip(bodies, results, strict=True):
            (failed if isinstance(result, Exception) else acknowledged).add(body)
            if isinstance(result, Exception):
                assert isinstance(result, DomainError), result
                errors.add(type(result))
    return acknowledged, failed, errors


@pytest.mark.parametrize("checkpoints", [False, True])
@pytest.mark.parametrize("operation", ["write", "sync"])
@pytest.mark.parametrize("at", [1, 2, 3, 5, 8, 13, 21, 34, 55])
def test_an_io_error_stops_writing_and_loses_nothing(tmp_path, vfs, monkeypatch, operation, at, checkpoints):
    if checkpoints:
        monkeypatch.setattr(committer, "CHECKPOINT_PAGES", 1)

    async def main():
        store = open_local(tmp_path, Clock(), vfs=vfs.name)
        account = await new_account(store)
        await put(store, account, b"before")
        vfs.arm(operation, apsw.IOError, at, times=1)
        acknowledged, failed, errors = await deliver_until_it_fails(store, account)
        if vfs.fired:
            assert store._committer.failed
            assert errors <= {StoreUnavailableError}
            with pytest.raises(StoreUnavailableError):
                await put(store, account, b"after")
        assert acknowledged | {b"before"} <= await bodies_of(store, account)
        await store.close()
        found = await survivors(tmp_path, account)
        assert acknowledged | {b"before"} <= found
        assert found <= acknowledged | failed | {b"before"}

    asyncio.run(main())


def write_error(_text):
    return apsw.exception_for(apsw.SQLITE_IOERR_WRITE)


# ENOSPC has a code of its own in SQLite; a quota and a limit of the file's size are I/O errors to it.
NO_ROOM = [(apsw.FullError, 0), (write_error, errno.EDQUOT), (write_error, errno.EFBIG)]


@pytest.mark.parametrize("checkpoints", [False, True])
@pytest.mark.parametrize(("error", "number"), NO_ROOM)
@pytest.mark.parametrize("at", [1, 2, 3, 5, 8, 13, 21, 34, 55])
def test_a_full_disk_refuses_and_goes_on_when_there_is_room(tmp_path, vfs, monkeypatch, at, error, number, checkpoints):
    if checkpoints:
        monkeypatch.setattr(committer, "CHECKPOINT_PAGES", 1)

    async def main():
        store = open_local(tmp_path, Clock(), vfs=vfs.name)
        account = await new_account(store)
        await put(store, account, b"before")
        vfs.errno = number
        vfs.arm("write", error, at)
        acknowledged, failed, errors = await deliver_until_it_fails(store, account)
        assert vfs.fired
        assert errors <= {StoreFullError}
        assert await bodies_of(store, account) == acknowledged | {b"before"}
        vfs.disarm()
        await put(store, account, b"after")
        await store.close()
        assert await survivors(tmp_path, account) == acknowledged | {b"before", b"after"}
        assert failed or checkpoints

    asyncio.run(main())


@pytest.mark.parametrize("operation", ["write", "sync"])
def test_only_a_write_without_room_is_harmless(tmp_path, vfs, operation):
    """EIO is no want of room; and a sync that tells of the quota has lost what was written before it."""

    async def main():
        store = open_local(tmp_path, Clock(), vfs=vfs.name)
        account = await new_account(store)
        code = apsw.SQLITE_IOERR_WRITE if operation == "write" else apsw.SQLITE_IOERR_FSYNC
        vfs.errno = errno.EIO if operation == "write" else errno.EDQUOT
        vfs.arm(operation, lambda _text: apsw.exception_for(code), 1)
        with pytest.raises(StoreUnavailableError):
            await put(store, account, b"lost")
        assert store._committer.failed
        await store.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "refusal"), [(apsw.FullError, StoreFullError), (apsw.IOError, StoreUnavailableError)]
)
def test_a_large_batch_meets_the_disk_before_its_commit(tmp_path, vfs, error, refusal):
    """SQLite writes what its cache cannot hold while the commands still run: that is the disk's fault, not theirs."""

    async def main():
        store = open_local(tmp_path, Clock(), vfs=vfs.name)
        account = await new_account(store)
        connection = store._committer._connection
        connection.execute("PRAGMA cache_size = 2").fetchall()
        committed = count_commits(store)
        vfs.arm("write", error, 1, times=1)
        commands = [deliver(account, b"%d" % n * 20_000) for n in range(20)]
        results = await asyncio.gather(*(store.execute(command) for command in commands), return_exceptions=True)
        assert {type(result) for result in results} == {refusal}
        assert committed == []
        assert store._committer.failed == (error is apsw.IOError)
        await store.close()
        assert await survivors(tmp_path, account) == set()

    asyncio.run(main())


async def two_people(directory):
    """A store with mail of two; returns (accounts, offsets of the pages where the first one's places in INBOX are)."""
    store = open_local(directory, Clock())
    accounts = [await new_account(store, f"{name}@example.com") for name in ("alice", "bob")]
    for account in accounts:
        targets = tuple(Target(account.account_id, "INBOX") for _ in range(600))
        await store.execute(Deliver(mail(), targets))
    pages = store._rows("SELECT pgoffset FROM dbstat WHERE name = 'message' AND pagetype = 'leaf' ORDER BY path")
    await store.close()
    return accounts, [offset for (offset,) in pages[:-1]]


@pytest.mark.parametrize("damage", ["overwritten", "unreadable"])
def test_what_is_damaged_in_one_maildrop_stops_nobody_else(tmp_path, vfs, damage):
    async def main():
        (alice, bob), pages = await two_people(tmp_path)
        if damage == "unreadable":
            vfs.unreadable.update(pages)
        else:
            with (tmp_path / "store.db").open("r+b") as file:
                for offset in pages:
                    file.seek(offset)
                    file.write(bytes(200))
        store = open_local(tmp_path, Clock(), vfs=vfs.name)
        for _ in range(3):
            commands = [
                deliver(bob, b"one"),
                deliver(alice, b"poison"),
                deliver(bob, b"two"),
                deliver(alice, b"poison"),
            ]
            results = await asyncio.gather(*(store.execute(command) for command in commands), return_exceptions=True)
            assert [type(result) for result in results] == [tuple, StoreCorruptError, tuple, StoreCorruptError]
            assert "store verify" in str(results[1])
        assert not store._committer.failed
        await store.close()
        store = open_local(tmp_path, Clock())
        assert (await store.mailbox(bob.account_id, "INBOX")).messages == 600 + 3 * 2
        assert (await store.mailbox(alice.account_id, "INBOX")).messages == 600
        await store.close()

    asyncio.run(main())


def test_another_program_that_writes_is_waited_for_and_then_named(tmp_path):
    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        store._committer._connection.set_busy_timeout(0)
        other = apsw.Connection(str(tmp_path / "store.db"))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="another program"):
            await put(store, account, b"one")
        other.close()
        await put(store, account, b"two")
        assert await bodies_of(store, account) == {b"two"}
        await store.close()

    asyncio.run(main())


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_deletion_that_fails_deletes_nothing(tmp_path, vfs, at):
    async def main():
        store = open_local(tmp_path, Clock(), vfs=vfs.name)
        account = await new_account(store)
        bodies = {b"%d" % n * 9000 for n in range(10)}
        places = [await put(store, account, body) for body in bodies]
        command = DeleteMessages(
            account.account_id, places[0].mailbox_id, tuple(p.uid for p in places), DeletePolicy.TRASH
        )
        vfs.arm("write", apsw.FullError, at)
        with pytest.raises(StoreFullError):
            await store.execute(command)
        assert await bodies_of(store, account) == bodies
        vfs.disarm()
        assert await store.execute(command) == 10
        await store.close()
        assert await survivors(tmp_path, account) == set()

    asyncio.run(main())


def test_subscribers_never_hear_of_what_failed(tmp_path, vfs):
    async def main():
        store = open_local(tmp_path, Clock(), vfs=vfs.name)
        account = await new_account(store)
        heard = []
        store.subscribe(heard.append)
        vfs.arm("sync", apsw.IOError, 1)
        with pytest.raises(StoreUnavailableError):
            await put(store, account, b"lost")
        assert heard == []
        assert store.directory_generation() > 0
        await store.close()

    asyncio.run(main())
