from __future__ import annotations

import asyncio

import pytest

from gatepost.config.settings import Delivery
from gatepost.delivery.routing import Router
from gatepost.errors import NoSuchAddressError, NoSuchDomainError
from gatepost.store.commands import AddAddress, CreateAccount, CreateDomain
from gatepost.store.memory import MemoryStore


def routed(address: str, settings: Delivery = Delivery()) -> list[str]:  # noqa: B008
    async def work() -> list[str]:
        store = MemoryStore()
        for domain in ("example.com", "catch.example", "grüße.example"):
            await store.execute(CreateDomain(domain))
        alice = await store.execute(CreateAccount("alice@example.com", b""))
        bob = await store.execute(CreateAccount("bob@example.com", b""))
        await store.execute(AddAddress("team@example.com", alice.account_id))
        await store.execute(AddAddress("team@example.com", bob.account_id))
        await store.execute(AddAddress("bob+keep@example.com", alice.account_id))
        await store.execute(AddAddress("@catch.example", bob.account_id))
        await store.execute(AddAddress("jürgen@grüße.example", alice.account_id))
        names = {alice.account_id: "alice", bob.account_id: "bob"}
        return sorted(names[one] for one in await Router(store, settings).route(address))

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("address", "people"),
    [
        ("alice@example.com", ["alice"]),
        ("ALICE@Example.COM", ["alice"]),
        ("team@example.com", ["alice", "bob"]),
        ("bob+list@example.com", ["bob"]),
        ("bob+a+b@example.com", ["bob"]),
        ("bob+keep@example.com", ["alice"]),
        ("whoever+x@catch.example", ["bob"]),
        ("Ju\u0308rgen@GRÜßE.example", ["alice"]),
        ("jürgen@xn--gre-6ka8l.example", ["alice"]),
    ],
)
def test_routes(address: str, people: list[str]) -> None:
    assert routed(address) == people


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("nobody@example.com", NoSuchAddressError),
        ("+x@example.com", NoSuchAddressError),
        ("alice@elsewhere.example", NoSuchDomainError),
        ("alice", NoSuchAddressError),
        ("a b@example.com", NoSuchAddressError),
    ],
)
def test_no_route(address: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        routed(address)


def test_plus_addressing_can_be_off() -> None:
    with pytest.raises(NoSuchAddressError):
        routed("bob+list@example.com", Delivery(plus_addressing=False))
