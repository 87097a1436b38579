"""The UPDATE state (RFC 1939 §6): QUIT makes the deletions true, in one transaction, and only then says +OK."""

from __future__ import annotations

from typing import Final, assert_never

from gatepost.errors import StoreUnavailableError
from gatepost.identity.api import Login
from gatepost.model import DeletePolicy
from gatepost.pop3 import texts
from gatepost.pop3.context import Talk
from gatepost.pop3.drop import SLICE, Drop
from gatepost.pop3.replies import RefusedError, Voice
from gatepost.store.commands import DeleteMessages

_DAY: Final = 86400

_PAUSES: Final = (0.1, 0.4, 1.5, 4.0)
"""Seconds between tries while the store is away: a keeper that was restarted is back well before they end."""

_PATIENCE: Final = 10.0
"""Seconds after which the client gets an answer, however slow the tries are."""


async def commit(talk: Talk, login: Login, drop: Drop) -> int:
    """Deletes what is marked; returns how many messages were still there. Raises RefusedError, DomainError.

    `DeleteMessages` may be repeated, so a try whose end is unknown is simply tried again.
    """
    account, context = login.account, talk.context
    began = context.clock()
    command = DeleteMessages(
        account.account_id,
        drop.mailbox_id,
        await _marked_uids(talk, drop),
        account.delete_policy,
        hold_seconds=account.hold_days * _DAY if account.delete_policy is DeletePolicy.HOLD else 0,
        credential=login.credential,
        address=talk.peer.address,
    )
    for pause in _PAUSES:
        try:
            return await context.store.execute(command)
        except StoreUnavailableError as away:
            if context.clock() + pause - began > _PATIENCE:
                raise RefusedError(texts.NOT_CONFIRMED) from away
        await context.pause(pause)
    try:
        return await context.store.execute(command)
    except StoreUnavailableError as away:
        raise RefusedError(texts.NOT_CONFIRMED) from away


async def _marked_uids(talk: Talk, drop: Drop) -> tuple[int, ...]:
    """Others get their turn meanwhile, not by `flush`: a client that goes now has said QUIT all the same."""
    uids: list[int] = []
    for start in range(0, len(drop), SLICE):
        uids.extend(drop.marked_uids(start))
        if talk.flow.spent:
            await talk.context.pause(0)
    return tuple(uids)


def farewell(voice: Voice, login: Login, deleted: int) -> bytes:
    """The +OK of QUIT, after the commit."""
    account = login.account
    if not deleted:
        return voice.ok(texts.GOODBYE)
    match account.delete_policy:
        case DeletePolicy.PURGE:
            return voice.ok(texts.PURGED, deleted)
        case DeletePolicy.TRASH:
            return voice.ok(texts.TRASHED, deleted)
        case DeletePolicy.HOLD:
            return voice.ok(texts.HELD, deleted, account.hold_days)
        case _ as never:
            assert_never(never)
