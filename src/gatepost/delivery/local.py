"""Delivery to accounts of this server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from gatepost.delivery.ingest import check, discard, prepare
from gatepost.delivery.once import Once
from gatepost.delivery.routing import Router
from gatepost.errors import DomainError
from gatepost.mime.wire import Octets
from gatepost.model import CHUNK, INBOX
from gatepost.store.api import Store
from gatepost.store.commands import Admit, Command, Deliver, Delivered, Target

R = TypeVar("R")

IN_FLIGHT: Final = 32
"""Accounts that wait for the disk at a time: one sync then serves them all, and at most 8 MB is held."""

NEVER_BEFORE: Final = Once()
"""No key: each call delivers."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message for one address."""

    address: str
    delivered: tuple[Delivered, ...] = ()
    """The accounts that have it. One that two addresses reach has it once, and stands in both outcomes."""
    error: DomainError | None = None
    """Why not all accounts have it that the address reaches."""


async def deliver(
    store: Store,
    router: Router,
    addresses: Iterable[str],
    source: Octets,
    *,
    received: int,
    most: int,
    mailbox: str = INBOX,
    once: Once = NEVER_BEFORE,
) -> tuple[Outcome, ...]:
    """Puts one message into the mailbox of everybody whom the addresses reach; nothing is added to it.

    What keeps it from one account keeps it from no other. With a key in `once` the whole may be repeated: who has the
    message does not get it again. Raises what concerns everybody: MessageTooLargeError, EmptyMessageError, and what
    `Store.execute` raises when there is no room for the body.
    """
    check(source, most)
    routes = {address: await _route(router, address) for address in addresses}
    accounts = dict.fromkeys(one for found in routes.values() if isinstance(found, tuple) for one in found)
    targets = [Target(account, mailbox, once=once.key, once_for=once.seconds) for account in accounts]
    refused = await _refused(store, targets, len(source))
    admitted = [target for target in targets if target.account_id not in refused]
    done = refused | await _put(store, admitted, source, received, most)
    return tuple(_outcome(address, found, done) for address, found in routes.items())


def _outcome(address: str, found: tuple[int, ...] | DomainError, done: dict[int, Delivered | DomainError]) -> Outcome:
    if isinstance(found, DomainError):
        return Outcome(address, error=found)
    each = [done[account] for account in found]
    return Outcome(
        address,
        tuple(one for one in each if isinstance(one, Delivered)),
        next((one for one in each if isinstance(one, DomainError)), None),
    )


async def _refused(store: Store, targets: Sequence[Target], size: int) -> dict[int, Delivered | DomainError]:
    """Who will not get a large message, before it fills the disk; a small one travels with its Deliver."""
    if size <= CHUNK:
        return {}
    answers = await _execute_each(store, [Admit(target, size) for target in targets])
    return {
        target.account_id: answer
        for target, answer in zip(targets, answers, strict=True)
        if isinstance(answer, DomainError)
    }


async def _put(
    store: Store, targets: Sequence[Target], source: Octets, received: int, most: int
) -> dict[int, Delivered | DomainError]:
    if not targets:
        return {}
    email = await prepare(store, source, received=received, most=most)
    answers = await _execute_each(store, [Deliver(email, (target,)) for target in targets])
    if any(isinstance(answer, DomainError) for answer in answers):
        await discard(store, email.body, email.original)
    return {
        target.account_id: answer if isinstance(answer, DomainError) else answer[0]
        for target, answer in zip(targets, answers, strict=True)
    }


async def _execute_each(store: Store, commands: Sequence[Command[R]]) -> list[R | DomainError]:
    answers: list[R | DomainError] = []
    for start in range(0, len(commands), IN_FLIGHT):
        some = commands[start : start + IN_FLIGHT]
        for answer in await asyncio.gather(*(store.execute(each) for each in some), return_exceptions=True):
            if isinstance(answer, BaseException) and not isinstance(answer, DomainError):
                raise answer
            answers.append(answer)
    return answers


async def _route(router: Router, address: str) -> tuple[int, ...] | DomainError:
    try:
        return await router.route(address)
    except DomainError as error:
        return error
