from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import structs

from gatepost.errors import NoSuchAccountError, StoreUnavailableError
from gatepost.identity.revocation import (
    AGAIN_AFTER,
    CREDENTIAL_GONE,
    DISABLED,
    LOOK_EVERY,
    REMOVED,
    REST,
    SLICE,
    Revocation,
)
from gatepost.model import Account
from gatepost.net.api import Insider
from support.door import APP, PASSWORD, Door


@dataclass
class Seat:
    """A connection that hears why it has to go."""

    insider: Insider
    told: list[str] = field(default_factory=list)

    def expel(self, reason: str) -> None:
        self.told.append(reason)


class Hall:
    """Guests, a store that counts, and time."""

    def __init__(self) -> None:
        self.door = Door()
        self.directory = self.door.directory
        self.now = 0.0
        self.slept: list[float] = []
        self.seats: list[Seat] = []
        self.looked_up: list[int] = []
        self.directory.account = self.account  # type: ignore[attr-defined]
        self.revocation = Revocation(self.directory, self, lambda: self.now, self.sleep)  # type: ignore[arg-type]

    clock = staticmethod(float)

    async def account(self, account_id: int) -> Account:
        self.looked_up.append(account_id)
        if account_id not in self.directory.by_id:
            raise NoSuchAccountError("gone")
        return self.directory.by_id[account_id]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def sit(self, account_id: int, credential_id: int) -> Seat:
        seat = Seat(Insider(account_id, "", credential_id, "", "USER"))
        self.seats.append(seat)
        return seat

    def insiders(self) -> list[tuple[Any, Insider]]:
        return [(seat, seat.insider) for seat in self.seats]

    def look(self) -> None:
        asyncio.run(self.revocation.look())


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_nothing_is_read_while_nothing_changes(hall: Hall) -> None:
    seat = hall.sit(1, 10)
    for _ in range(3):
        hall.look()
        hall.now += AGAIN_AFTER
    assert hall.looked_up == seat.told == []


def test_only_sessions_of_the_changed_credential_end(hall: Hall) -> None:
    main, app, other, certified = hall.sit(1, 10), hall.sit(1, 11), hall.sit(2, 20), hall.sit(1, 0)
    key = hall.directory.keys[1, PASSWORD]
    hall.directory.keys[1, PASSWORD] = structs.replace(key, credential_id=99)
    hall.directory.generation += 1
    hall.look()
    assert main.told == [CREDENTIAL_GONE]
    assert app.told == other.told == certified.told == []
    del hall.directory.keys[1, APP]
    hall.directory.generation += 1
    hall.look()
    assert app.told == [CREDENTIAL_GONE]
    assert certified.told == []


@pytest.mark.parametrize("removed", [True, False])
def test_all_sessions_of_an_account_that_is_closed_end(hall: Hall, removed: bool) -> None:
    seats = [hall.sit(1, credential) for credential in (10, 11, 0)]
    stays = hall.sit(2, 20)
    if removed:
        del hall.directory.by_id[1]
        hall.directory.generation += 1
    else:
        hall.door.change(1, enabled=False)
    hall.look()
    assert [each.told for each in seats] == [[REMOVED if removed else DISABLED]] * 3
    assert stays.told == []
    assert sorted(hall.looked_up) == [1, 2]


def test_who_came_in_meanwhile_is_found_by_a_second_look(hall: Hall) -> None:
    hall.door.change(1, enabled=False)
    hall.look()
    late = hall.sit(1, 10)
    hall.look()
    assert late.told == []
    hall.now += AGAIN_AFTER
    hall.look()
    assert late.told == [DISABLED]
    looked = len(hall.looked_up)
    hall.now += AGAIN_AFTER
    hall.look()
    assert len(hall.looked_up) == looked


def test_many_accounts_are_looked_at_in_slices(hall: Hall) -> None:
    for number in range(2 * SLICE + 1):
        hall.sit(100 + number, 1)
    hall.directory.generation += 1
    hall.look()
    assert hall.slept == [REST, REST]
    assert all(seat.told == [REMOVED] for seat in hall.seats)


def test_a_store_that_is_away_is_asked_again(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    seat = hall.sit(1, 10)
    hall.door.change(1, enabled=False)
    good, asked = hall.account, []

    async def away(account_id: int) -> Account:
        asked.append(account_id)
        if len(asked) == 1:
            raise StoreUnavailableError("away")
        return await good(account_id)

    hall.directory.account = away  # type: ignore[attr-defined]

    def expel(reason: str) -> None:
        seat.told.append(reason)
        over.set()

    over = asyncio.Event()
    seat.expel = expel  # type: ignore[method-assign]

    async def run() -> None:
        running = asyncio.create_task(hall.revocation.run())
        await over.wait()
        running.cancel()

    async def sleep(seconds: float) -> None:
        hall.slept.append(seconds)
        await asyncio.sleep(0)

    hall.revocation._sleep = sleep
    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert seat.told[:1] == [DISABLED]
    assert set(hall.slept) == {LOOK_EVERY}
    assert "which is tried again: away" in caplog.text
