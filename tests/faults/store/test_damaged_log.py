"""Octets of the write-ahead log change while nobody runs: nothing of it is believed, or lost, in silence."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from pathlib import Path
from random import Random

import pytest

from gatepost.errors import StoreFullError
from gatepost.model import derived_uidl
from gatepost.store.keeper import Keeper
from gatepost.store.notices import damaged_logs, notices
from gatepost.store.remote import open_remote
from gatepost.store.sqlite import recovery, wal
from gatepost.store.sqlite.local import open_local
from support.page_cache_vfs import PageCacheVfs
from support.stores import Clock, fail, new_account, put

COUNT = 24
FRAME = wal.FRAME_HEADER + 8192


def body(number: int) -> bytes:
    """Large ones have pages of their own; small ones share some that fill up and are not written again."""
    return b"message %d\r\n" % number * (40 if number % 2 else 1500)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    """A directory as a killed server leaves it: (its path, the account)."""
    directory = tmp_path_factory.mktemp("crashed")

    async def main():
        store = open_local(directory / "running", Clock())
        account = await new_account(store)
        for number in range(COUNT):
            await put(store, account, body(number))
        shutil.copytree(directory / "running", directory / "left")
        await store.close()
        return account

    account = asyncio.run(main())
    os.truncate(directory / "left" / "store.db-shm", 0)
    return directory / "left", account


@pytest.fixture
def left(crashed, tmp_path):
    shutil.copytree(crashed[0], tmp_path / "data")
    return tmp_path / "data"


def log_of(directory: Path) -> bytearray:
    return bytearray((directory / "store.db-wal").read_bytes())


def damage(directory: Path, at: int, octets: bytes) -> None:
    content = log_of(directory)
    assert content[at : at + len(octets)] != octets
    content[at : at + len(octets)] = octets
    (directory / "store.db-wal").write_bytes(content)


async def open_store(directory: Path, how: str):
    """(store, what closes it)."""
    if how == "command":
        store = open_local(directory, Clock())
        return store, store.close
    keeper = Keeper(directory, Clock(), fatal=fail)
    await keeper.start()
    store = open_remote(directory)

    async def close():
        await store.close()
        await keeper.stop()

    return store, close


async def look(directory: Path, account, how: str):
    """(bodies by UIDL, findings, the UIDL of one more message)."""
    store, close = await open_store(directory, how)
    drop = await store.maildrop(account.account_id, "INBOX")
    found = {
        derived_uidl(drop.uidvalidity, uid): await store.chunk(blob, 0)
        for uid, blob in zip(drop.uids, drop.blobs, strict=True)
    }
    findings = await store.verify(lambda done, total: None)
    place = await put(store, account, b"new")
    await close()
    return found, findings, derived_uidl(drop.uidvalidity, place.uid)


def check(directory: Path, account, how: str, caplog) -> set[int]:
    """Whatever was damaged: it is told, and no UIDL is given again. Returns the messages that are missing or hurt."""
    told = notices(directory)
    found, findings, new = asyncio.run(look(directory, account, how))
    hurt = {number for number in range(COUNT) if body(number) not in found.values()}
    given = {derived_uidl(Clock().now, uid) for uid in range(1, COUNT + 1)}
    assert new not in given
    assert not told
    assert "found damaged" in "".join(notices(directory))
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)
    assert any("write-ahead log" in finding.place for finding in findings)
    assert len(damaged_logs(directory)) == 1
    again, _, newer = asyncio.run(look(directory, account, how))
    assert again == found | {new: b"new"}
    assert newer not in given
    assert len(damaged_logs(directory)) == 1
    return hurt


def frame_start(number: int) -> int:
    return wal.HEADER + (number - 1) * FRAME


@pytest.mark.parametrize("how", ["keeper", "command"])
@pytest.mark.parametrize("seed", range(8))
def test_a_bit_that_flipped(left, crashed, how, seed, caplog):
    """In the first nine tenths of the log: seven in ten such bits are set right, the others hurt one page at most."""
    content, dice = log_of(left), Random(seed)
    at = dice.randrange(wal.HEADER, len(content) * 9 // 10)
    damage(left, at, bytes((content[at] ^ 1 << dice.randrange(8),)))
    mended = bool(wal.examine(reader(left), len(content)).mends)
    if mended:
        found, findings, _ = asyncio.run(look(left, crashed[1], how))
        assert {*found.values()} == {body(number) for number in range(COUNT)}
        assert [finding.place[:15] for finding in findings] == ["write-ahead log"]
        assert "set right" in caplog.text
    else:
        hurt = check(left, crashed[1], how, caplog)
        assert len(hurt) <= 8192 // len(body(1))


def reader(directory: Path):
    content = bytes(log_of(directory))
    return lambda size, offset: content[offset : offset + size]


@pytest.mark.parametrize("how", ["keeper", "command"])
@pytest.mark.parametrize("seed", range(4))
def test_a_sector_that_was_lost(left, crashed, how, seed, caplog):
    number = Random(seed).randrange(2, (len(log_of(left)) - wal.HEADER) // FRAME * 9 // 10)
    damage(left, frame_start(number) + wal.FRAME_HEADER + 7000, os.urandom(512))
    assert len(check(left, crashed[1], how, caplog)) <= 8192 // len(body(1))


def test_a_header_that_is_gone(left, crashed, caplog):
    damage(left, 0, os.urandom(wal.HEADER))
    assert not check(left, crashed[1], "command", caplog)


def test_a_page_without_which_the_database_is_not_sound(left, crashed, caplog):
    """What was accepted from there on is missing, loudly; the rest can be used."""
    content = log_of(left)
    frames = [content[at : at + FRAME] for at in range(wal.HEADER, len(content), FRAME)]
    chosen = next(
        number
        for number in range(len(frames) - 20, 0, -1)
        if frames[number][wal.FRAME_HEADER] == 0x0D  # the leaf of a table
        and not any(later[:4] == frames[number][:4] for later in frames[number + 1 :])
    )
    damage(left, frame_start(chosen + 1) + wal.FRAME_HEADER, b"\xff" * 512)
    assert check(left, crashed[1], "command", caplog)
    assert "was left out" in caplog.text


def test_the_last_transaction_may_be_damaged_or_never_have_been_whole(left, crashed, caplog):
    content = log_of(left)
    damage(left, len(content) - 600, os.urandom(512))
    hurt = check(left, crashed[1], "keeper", caplog)
    assert hurt == {COUNT - 1}
    assert "nobody was told" in caplog.text


def test_a_log_that_cannot_be_copied_is_not_touched(left, monkeypatch, caplog):
    damage(left, frame_start(5) + 4000, os.urandom(512))
    before = log_of(left)

    def no_room(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recovery, "_copy", no_room)
    with pytest.raises(StoreFullError, match="make room for"):
        open_local(left, Clock())
    assert log_of(left) == before
    assert not damaged_logs(left)


def test_what_is_only_doubtful_keeps_nobody_out(left, crashed, monkeypatch, caplog):
    damage(left, len(log_of(left)) - 600, os.urandom(512))

    def no_room(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recovery, "_copy", no_room)
    _, _, new = asyncio.run(look(left, crashed[1], "command"))
    assert int(new[8:], 16) > recovery.SKIPPED_UIDS
    assert "cannot be copied" in caplog.text


def test_a_process_that_is_killed_damages_nothing(tmp_path, caplog):
    """At any write, also while it rolls back: what it leaves is no damage, and the next one tells of none."""
    vfs = PageCacheVfs("killed")
    lefts = []

    async def main():
        store = open_local(tmp_path / "data", Clock(), vfs="killed")
        account = await new_account(store)

        def kill():
            if dice.random() < 0.1:
                lefts.append(tmp_path / str(len(lefts)))
                shutil.copytree(tmp_path / "data", lefts[-1])
                os.truncate(lefts[-1] / "store.db-shm", 0)

        dice, vfs.watch = Random(1), kill
        for number in range(8):
            await put(store, account, body(number))
            store._committer._execute("BEGIN; UPDATE account SET used = used; PRAGMA cache_size = 1")
            store._committer._execute("INSERT INTO blob VALUES (?, ?)", (number, bytes(200_000)))
            store._committer._execute("ROLLBACK; PRAGMA cache_size = -10000")
        vfs.watch = lambda: None
        await store.close()
        for left in lefts:
            await open_local(left, Clock()).close()
            assert not notices(left)

    asyncio.run(main())
    assert len(lefts) > 10
    assert not caplog.records
    vfs.unregister()
