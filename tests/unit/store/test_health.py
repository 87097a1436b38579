from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from gatepost.store import health as module
from gatepost.store.api import Health
from gatepost.store.commands import CreateDomain
from gatepost.store.health import health
from gatepost.store.keeper import Keeper
from gatepost.store.socket_path import listening_socket
from gatepost.store.sqlite.local import open_local
from gatepost.store.sqlite.migrate import steps
from support.stores import Clock, fail, new_account

NEWEST = len(steps())


async def made(directory: Path) -> int:
    """A store with one account, closed."""
    store = open_local(directory, Clock())
    account = await new_account(store)
    await store.execute(CreateDomain("b.org"))
    await store.close()
    return account.account_id


def test_where_there_is_none_none_is_made(tmp_path: Path) -> None:
    assert asyncio.run(health(tmp_path / "x")) == Health(present=False, newest=NEWEST)
    assert list(tmp_path.iterdir()) == []


def test_a_sound_store(tmp_path: Path) -> None:
    async def main() -> None:
        number = await made(tmp_path)
        found = await health(tmp_path, (number, 4711))
        assert (found.present, found.schema, found.newest, found.problem) == (True, NEWEST, NEWEST, "")
        assert "b.org" in found.domains
        assert [each for each, _ in found.logins] == [number]
        assert not found.writer

    asyncio.run(main())


def test_the_keeper_answers_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        await made(tmp_path)
        keeper = Keeper(tmp_path, Clock(), fatal=fail)
        await keeper.start()
        assert (await health(tmp_path)).writer
        await keeper.stop()
        monkeypatch.setattr(module, "PATIENCE", 0.05)
        with listening_socket(tmp_path):  # connections are queued, and nobody is there
            assert not (await health(tmp_path)).writer

    asyncio.run(main())


def test_another_release(tmp_path: Path) -> None:
    asyncio.run(made(tmp_path))
    connection = apsw.Connection(str(tmp_path / "store.db"))
    connection.pragma("user_version", 99)
    connection.close()
    found = asyncio.run(health(tmp_path))
    assert (found.schema, found.newest) == (99, NEWEST)
    assert "newer Gatepost" in found.problem


def test_no_database(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"this is no database" * 100)
    found = asyncio.run(health(tmp_path))
    assert found.present
    assert "damaged" in found.problem
