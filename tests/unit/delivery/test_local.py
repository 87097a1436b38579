from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gatepost.config.settings import Delivery
from gatepost.delivery import local
from gatepost.delivery.ingest import EmptyMessageError, MessageTooLargeError
from gatepost.delivery.local import Outcome, deliver
from gatepost.delivery.once import Once
from gatepost.delivery.routing import Router
from gatepost.errors import InvalidValueError, NoSuchAddressError, OverQuotaError, StoreFullError
from gatepost.model import CHUNK
from gatepost.store.commands import AddAddress, CreateAccount, CreateDomain, StageChunk, UpdateAccount
from gatepost.store.memory import MemoryStore

MESSAGE = b"A: b\n\nx\n"
LARGE = b"A: b\n\n" + b"x\n" * CHUNK


class House:
    """Alice with an alias, and bob."""

    def __init__(self, store: MemoryStore, alice: int, bob: int) -> None:
        self.store, self.alice, self.bob = store, alice, bob

    async def deliver(
        self, *addresses: str, source: bytes = MESSAGE, most: int = 10**9, **more: object
    ) -> list[Outcome]:
        router = Router(self.store, Delivery())
        return list(await deliver(self.store, router, addresses, source, received=9, most=most, **more))  # type: ignore[arg-type]

    async def messages(self, account: int) -> int:
        return sum(box.messages for box in await self.store.mailboxes(account))

    @property
    def uploads(self) -> int:
        return len(self.store._tables.uploads)


def play(scenario: Callable[[House], Awaitable[None]]) -> None:
    async def work() -> None:
        store = MemoryStore()
        await store.execute(CreateDomain("example.com"))
        alice = (await store.execute(CreateAccount("alice@example.com", b""))).account_id
        bob = (await store.execute(CreateAccount("bob@example.com", b""))).account_id
        await store.execute(AddAddress("team@example.com", alice))
        await scenario(House(store, alice, bob))

    asyncio.run(work())


def test_everybody_gets_it_once() -> None:
    async def scenario(house: House) -> None:
        for repeated in (False, True):
            outcomes = await house.deliver(
                "team@example.com", "alice@example.com", "bob+x@example.com", once=Once("key", 60)
            )
            assert [[(one.account_id, one.uid, one.repeated) for one in each.delivered] for each in outcomes] == [
                [(house.alice, 1, repeated)],
                [(house.alice, 1, repeated)],
                [(house.bob, 1, repeated)],
            ]
        inbox = await house.store.mailbox(house.alice, "INBOX")
        (message,) = await house.store.messages(house.alice, inbox.mailbox_id)
        assert await house.store.chunk(message.blob_id, 0) == b"A: b\r\n\r\nx\r\n"

    play(scenario)


@pytest.mark.parametrize("source", [MESSAGE, LARGE], ids=["small", "large"])
def test_the_trouble_of_one_is_not_that_of_another(source: bytes) -> None:
    async def scenario(house: House) -> None:
        await house.store.execute(UpdateAccount(house.bob, quota=3))
        bob, nobody, alice = await house.deliver(
            "bob@example.com", "nobody@example.com", "alice@example.com", source=source
        )
        assert isinstance(bob.error, OverQuotaError)
        assert isinstance(nobody.error, NoSuchAddressError)
        assert (alice.error, len(alice.delivered)) == (None, 1)
        assert (await house.messages(house.alice), await house.messages(house.bob)) == (1, 0)
        assert house.uploads == 0

    play(scenario)


def unless_staging(execute):  # type: ignore[no-untyped-def]
    async def check(command: object) -> object:
        assert not isinstance(command, StageChunk)
        return await execute(command)

    return check


def test_what_nobody_gets_is_never_staged(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(house: House) -> None:
        monkeypatch.setattr(house.store, "execute", unless_staging(house.store.execute))
        await house.store.execute(UpdateAccount(house.alice, quota=CHUNK))
        (refused,) = await house.deliver("alice@example.com", source=LARGE)
        assert isinstance(refused.error, OverQuotaError)
        (misplaced,) = await house.deliver("bob@example.com", source=LARGE, mailbox="/bad")
        assert isinstance(misplaced.error, InvalidValueError)
        assert house.uploads == 0

    play(scenario)


def test_who_has_it_already_is_not_asked_for_room_again() -> None:
    async def scenario(house: House) -> None:
        once = Once("key", 60)
        await house.deliver("alice@example.com", source=LARGE, once=once)
        await house.store.execute(UpdateAccount(house.alice, quota=1))
        (again,) = await house.deliver("alice@example.com", source=LARGE, once=once)
        assert (again.error, [one.repeated for one in again.delivered]) == (None, [True])
        assert house.uploads == 0

    play(scenario)


def test_a_body_that_found_its_account_full_after_all_is_dropped() -> None:
    async def scenario(house: House) -> None:
        await house.store.execute(UpdateAccount(house.alice, quota=len(LARGE) + 10))  # as CRLF it is larger
        (refused,) = await house.deliver("alice@example.com", source=LARGE)
        assert isinstance(refused.error, OverQuotaError)
        assert house.uploads == 0

    play(scenario)


def test_a_body_that_could_not_be_staged_whole_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(house: House) -> None:
        execute = house.store.execute

        async def full(command):  # type: ignore[no-untyped-def]
            if isinstance(command, StageChunk) and command.number == 1:
                raise StoreFullError("full")
            return await execute(command)

        monkeypatch.setattr(house.store, "execute", full)
        with pytest.raises(StoreFullError):
            await house.deliver("alice@example.com", source=LARGE)
        assert house.uploads == 0

    play(scenario)


def test_many_accounts_are_served_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "IN_FLIGHT", 1)

    async def scenario(house: House) -> None:
        outcomes = await house.deliver("alice@example.com", "bob@example.com", source=LARGE)
        assert [len(one.delivered) for one in outcomes] == [1, 1]

    play(scenario)


def test_a_mistake_of_ours_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(house: House) -> None:
        async def broken(_command: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(house.store, "execute", broken)
        with pytest.raises(ZeroDivisionError):
            await house.deliver("alice@example.com")

    play(scenario)


def test_what_concerns_everybody_is_raised() -> None:
    async def scenario(house: House) -> None:
        with pytest.raises(EmptyMessageError):
            await house.deliver("alice@example.com", source=b"")
        with pytest.raises(MessageTooLargeError):
            await house.deliver("alice@example.com", most=3)

    play(scenario)
