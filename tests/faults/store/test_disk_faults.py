"""A disk that fails or fills at the Nth write or sync: never a false yes, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import itertools

import apsw
import pytest

from gatepost.errors import DomainError, StoreFullError, StoreUnavailableError
from gatepost.model import DeletePolicy
from gatepost.store.commands import DeleteMessages
from gatepost.store.sqlite import committer
from gatepost.store.sqlite.local import open_local
from support.fault_vfs import FaultVfs
from support.stores import Clock, deliver, new_account, put

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


@pytest.mark.parametrize("checkpoints", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3, 5, 8, 13, 21, 34, 55])
def test_a_full_disk_refuses_and_goes_on_when_there_is_room(tmp_path, vfs, monkeypatch, at, checkpoints):
    if checkpoints:
        monkeypatch.setattr(committer, "CHECKPOINT_PAGES", 1)

    async def main():
        store = open_local(tmp_path, Clock(), vfs=vfs.name)
        account = await new_account(store)
        await put(store, account, b"before")
        vfs.arm("write", apsw.FullError, at)
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
