"""Delivery to accounts of this server."""

from __future__ import annotations

from gatepost.delivery.ingest import prepare
from gatepost.delivery.routing import Router
from gatepost.mime.wire import Octets
from gatepost.model import INBOX
from gatepost.store.api import Store
from gatepost.store.commands import Deliver, Delivered, Target


async def deliver(
    store: Store,
    router: Router,
    addresses: tuple[str, ...],
    source: Octets,
    *,
    received: int,
    most: int,
    mailbox: str = INBOX,
    once: str = "",
) -> tuple[Delivered, ...]:
    """Puts one message into the mailbox of everybody whom the addresses reach: all of them, or none.

    Nothing is added to the message. Somebody whom two addresses reach gets it once; with `once` (an idempotency key)
    once even if the delivery is repeated. Raises what `Router.route` and `prepare` raise, OverQuotaError.
    """
    accounts = await router.route_all(addresses)
    email = await prepare(store, source, received=received, most=most)
    return await store.execute(Deliver(email, tuple(Target(account, mailbox, once=once) for account in accounts)))
