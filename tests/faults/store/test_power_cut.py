"""The power goes: what was acknowledged is there, the store is sound, whatever of the rest reached the disk."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from random import Random

import pytest

from gatepost.errors import StoreUnavailableError
from gatepost.store.sqlite import committer
from gatepost.store.sqlite.database import open_reader
from gatepost.store.sqlite.local import open_local
from gatepost.store.sqlite.recovery import Recovery
from support.page_cache_vfs import PageCacheVfs
from support.stores import Clock, new_account, put

_names = itertools.count()


def body(number: int) -> bytes:
    return b"message %d\r\n" % number * 500


class Machine:
    """A store on such a disk, and a ledger of what it acknowledged."""

    def __init__(self, directory, seed=0):
        self.vfs = PageCacheVfs(f"page-cache-{next(_names)}")
        self.directory = directory
        self.dice = Random(seed)
        self.store = self.account = None
        self.sent, self.acknowledged, self.cuts = set(), set(), []

    async def start(self):
        self.store = open_local(self.directory / "data", Clock(), vfs=self.vfs.name)
        self.account = self.account or await new_account(self.store)

    async def deliver(self, count=1):
        for _ in range(count):
            new = body(len(self.sent))
            self.sent.add(new)
            await put(self.store, self.account, new)
            self.acknowledged.add(new)

    async def deliver_onto_a_failing_sync(self, suffix):
        self.vfs.failing = suffix
        with suppress(StoreUnavailableError):
            while self.vfs.failing:
                await self.deliver()
        assert self.store._committer.failed
        await self.store.close()

    def cut_power(self):
        """Notes what would be left now; the machine goes on."""
        left = self.directory / f"cut{len(self.cuts)}"
        self.vfs.cut_power(left, self.dice)
        self.cuts.append((left, frozenset(self.acknowledged)))

    def cut_power_sometimes(self, odds):
        def watch():
            if self.dice.random() < odds:
                self.cut_power()

        self.vfs.watch = watch

    async def check_cuts(self):
        self.vfs.watch = lambda: None
        assert self.cuts
        for left, acknowledged in self.cuts:
            assert not Recovery(left / "store.db", None).found.lost  # it may tell of doubt, never of damage
            store = open_local(left, Clock())
            drop = await store.maildrop(self.account.account_id, "INBOX")
            found = {await store.chunk(blob, 0) for blob in drop.blobs}
            assert acknowledged <= found <= self.sent
            told = [finding.place for finding in await store.verify(lambda done, total: None)]
            assert not [place for place in told if "write-ahead log" not in place]
            await store.close()

    async def end(self):
        await self.store.close()
        await self.check_cuts()
        self.vfs.unregister()


@pytest.mark.parametrize("seed", range(4))
def test_at_any_moment(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(committer, "CHECKPOINT_PAGES", 20)

    async def main():
        machine = Machine(tmp_path, seed)
        await machine.start()
        machine.cut_power_sometimes(0.05)
        await machine.deliver(30)
        machine.cut_power()
        await machine.end()

    asyncio.run(main())


@pytest.mark.parametrize("watched", [False, True], ids=["alone", "while somebody reads"])
def test_after_a_sync_of_the_log_failed(tmp_path, watched):
    """The frames that never reached the disk look committed to the next process: nothing may be built on that hole."""

    async def main():
        machine = Machine(tmp_path)
        await machine.start()
        await machine.deliver()
        reader = open_reader(tmp_path / "data")
        reader.execute("SELECT * FROM account").fetchall()
        if not watched:
            reader.close()
        log = tmp_path / "data" / "store.db-wal"
        acknowledged = log.stat().st_size
        await machine.deliver_onto_a_failing_sync("-wal")
        assert log.stat().st_size > acknowledged
        machine.cut_power_sometimes(0.5)  # also in the midst of the repair
        await machine.start()
        if watched:  # what readers do not see will be written over: nothing whole of it may stay behind that
            assert log.stat().st_size == acknowledged
        for _ in range(5):
            await machine.deliver()
            machine.cut_power()
        await machine.end()
        reader.close()

    asyncio.run(main())


def test_after_a_sync_of_a_checkpoint_failed(tmp_path, monkeypatch):
    """One part of the log was copied while somebody read, without a sync; the sync of the rest failed for both."""
    monkeypatch.setattr(committer, "CHECKPOINT_PAGES", 1 << 30)

    async def main():
        machine = Machine(tmp_path)
        await machine.start()
        await machine.deliver(3)
        reader = open_reader(tmp_path / "data")
        reader.execute("BEGIN; SELECT * FROM account").fetchall()
        await machine.deliver(3)
        machine.store._committer.checkpoint()
        reader.execute("COMMIT; SELECT * FROM account").fetchall()
        machine.vfs.failing = "store.db"
        machine.store._committer.checkpoint()
        assert machine.store._committer.failed
        await machine.store.close()
        await machine.start()
        machine.store._committer.checkpoint()
        await machine.deliver(3)
        machine.cut_power()
        reader.close()
        await machine.end()

    asyncio.run(main())


def test_a_disk_that_still_fails_opens_no_store(tmp_path):
    async def main():
        machine = Machine(tmp_path)
        await machine.start()
        await machine.deliver()
        await machine.deliver_onto_a_failing_sync("-wal")
        for failing in ("-wal", "store.db"):
            machine.vfs.failing = failing
            with pytest.raises(StoreUnavailableError, match="cannot be used"):
                await machine.start()
        await machine.start()
        await machine.deliver()
        machine.cut_power()
        await machine.end()

    asyncio.run(main())
