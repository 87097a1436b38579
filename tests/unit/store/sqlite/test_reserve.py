from __future__ import annotations

import asyncio
import errno
import os
from contextlib import asynccontextmanager

import apsw
import pytest

from gatepost.errors import StoreFullError
from gatepost.model import DeletePolicy
from gatepost.store import keeper as keeper_module
from gatepost.store.commands import DeleteMessages
from gatepost.store.keeper import Keeper
from gatepost.store.notices import RESERVE, notices
from gatepost.store.remote import open_remote
from gatepost.store.sqlite import reserve as reserve_module
from gatepost.store.sqlite.reserve import Reserve, open_reserve
from support.fault_vfs import FaultVfs
from support.stores import fail, new_account, put

OCTETS = 1 << 20
NO_ROOM = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
FOREVER = 10**6


class Disk:
    """Full or not, for the reserve and for SQLite alike."""

    def __init__(self, monkeypatch, vfs):
        self.full = False
        self.vfs = vfs
        allocate = os.posix_fallocate

        def allocate_if_there_is_room(descriptor, start, length):
            if self.full:
                raise NO_ROOM
            allocate(descriptor, start, length)

        monkeypatch.setattr(os, "posix_fallocate", allocate_if_there_is_room)

    def fill(self):
        self.full = True
        self.vfs.arm("write", apsw.FullError, 1, FOREVER)


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch, FaultVfs("reserve"))


def size(directory):
    return (directory / RESERVE).stat().st_size


def test_it_holds_its_room_until_it_is_spent(tmp_path, disk, caplog):
    reserve = Reserve(tmp_path, OCTETS)
    status = (tmp_path / RESERVE).stat()
    assert (status.st_size, status.st_mode & 0o777) == (OCTETS, 0o600)
    assert status.st_blocks * 512 >= OCTETS
    assert notices(tmp_path) == []
    assert reserve.spend()
    assert not reserve.spend()
    assert size(tmp_path) == 0
    assert "mail can be read and deleted" in notices(tmp_path)[0]
    disk.full = True
    assert not reserve.fill()
    disk.full = False
    assert reserve.fill()
    assert (size(tmp_path), reserve.spent) == (OCTETS, False)
    reserve.close()
    reserve.close()
    assert [each.message for each in caplog.records] == [
        "the disk is full: until there is room only deleting works",
        "there is room on the disk again",
    ]


def test_it_is_small_on_a_small_disk_and_stays_as_large_as_it_was(tmp_path, monkeypatch):
    room = os.statvfs(tmp_path)
    small = os.statvfs_result((*room[:4], 800, *room[5:]))
    monkeypatch.setattr(os, "fstatvfs", lambda _: small)
    Reserve(tmp_path, OCTETS).close()
    assert size(tmp_path) == min(OCTETS, 100 * room.f_frsize)
    monkeypatch.undo()
    Reserve(tmp_path, OCTETS).close()
    assert size(tmp_path) == min(OCTETS, 100 * room.f_frsize)


def test_a_disk_that_is_full_at_the_start(tmp_path, disk):
    disk.full = True
    reserve = Reserve(tmp_path, OCTETS)
    assert reserve.spent
    reserve.close()


def test_without_a_file_it_goes_on(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise NO_ROOM

    monkeypatch.setattr(reserve_module, "open_own", refuse)
    assert open_reserve(tmp_path) is None
    assert "no room is kept" in caplog.text


def test_where_nothing_can_be_allocated_it_is_written(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    Reserve(tmp_path, OCTETS).close()
    assert size(tmp_path) == OCTETS


@asynccontextmanager
async def served(directory, disk):
    reserve = Reserve(directory, OCTETS)
    keeper = Keeper(directory, fatal=fail, vfs=disk.vfs.name, reserve=reserve)
    await keeper.start()
    store = open_remote(directory)
    try:
        yield store, reserve
    finally:
        await store.close()
        await keeper.stop()


def test_on_a_full_disk_only_deleting_works_until_there_is_room(tmp_path, disk, monkeypatch):
    async def main():
        async with served(tmp_path, disk) as (store, reserve):
            account = await new_account(store)
            first = await put(store, account, b"one")
            spend = reserve.spend

            def spend_and_make_room():
                done = spend()
                disk.vfs.disarm()  # what it gives up is room for SQLite
                return done

            monkeypatch.setattr(reserve, "spend", spend_and_make_room)
            disk.fill()
            with pytest.raises(StoreFullError):
                await put(store, account, b"two")
            assert not reserve.spent, "only who deletes may have it"
            deletion = DeleteMessages(account.account_id, first.mailbox_id, (first.uid,), DeletePolicy.PURGE)
            refused, deleted = await asyncio.gather(
                put(store, account, b"two"), store.execute(deletion), return_exceptions=True
            )
            assert isinstance(refused, StoreFullError)
            assert deleted == 1
            assert reserve.spent
            with pytest.raises(StoreFullError, match="only deleting works"):
                await put(store, account, b"two")
            assert await store.execute(deletion) == 0
            disk.full = False
            await put(store, account, b"two")
            assert (size(tmp_path), reserve.spent) == (OCTETS, False)

    asyncio.run(main())


def test_the_keepers_process_has_one(tmp_path, monkeypatch):
    opened = []

    class RefusedError(Exception):
        pass

    def refuse(*_arguments, reserve, **_more):
        opened.append(reserve)
        raise RefusedError

    monkeypatch.setattr(keeper_module, "Keeper", refuse)
    with pytest.raises(RefusedError):
        keeper_module.run_keeper(tmp_path, lambda: None)
    assert isinstance(opened[0], Reserve)
    opened[0].close()
