from __future__ import annotations

import asyncio

import pytest

from gatepost.config.settings import Delivery
from gatepost.delivery.local import deliver
from gatepost.delivery.routing import Router
from gatepost.errors import NoSuchAddressError
from gatepost.store.commands import AddAddress, CreateAccount, CreateDomain
from gatepost.store.memory import MemoryStore


async def people() -> tuple[MemoryStore, int, int]:
    store = MemoryStore()
    await store.execute(CreateDomain("example.com"))
    alice = (await store.execute(CreateAccount("alice@example.com", b""))).account_id
    bob = (await store.execute(CreateAccount("bob@example.com", b""))).account_id
    await store.execute(AddAddress("team@example.com", alice))
    return store, alice, bob


def test_everybody_gets_it_once() -> None:
    async def work() -> None:
        store, alice, bob = await people()
        router = Router(store, Delivery())
        addresses = ("team@example.com", "alice@example.com", "bob+x@example.com")
        for repeated in (False, True):
            delivered = await deliver(store, router, addresses, b"A: b\n\nx\n", received=9, most=100, once="key")
            assert [(one.account_id, one.uid, one.repeated) for one in delivered] == [
                (alice, 1, repeated),
                (bob, 1, repeated),
            ]
        (message,) = await store.messages(alice, (await store.mailbox(alice, "INBOX")).mailbox_id)
        assert await store.chunk(message.blob_id, 0) == b"A: b\r\n\r\nx\r\n"

    asyncio.run(work())


def test_all_or_none() -> None:
    async def work() -> None:
        store, alice, _ = await people()
        with pytest.raises(NoSuchAddressError):
            await deliver(
                store,
                Router(store, Delivery()),
                ("alice@example.com", "nobody@example.com"),
                b"x",
                received=9,
                most=100,
                mailbox="Other",
            )
        assert [box.messages for box in await store.mailboxes(alice)] == [0]

    asyncio.run(work())
