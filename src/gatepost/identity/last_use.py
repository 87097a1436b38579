"""When each credential was last used: gathered in memory, written in batches, never in the way of a login."""

from __future__ import annotations

import logging
from typing import Final

from gatepost.errors import DomainError
from gatepost.store.api import Store
from gatepost.store.commands import TouchCredentials

BATCH: Final = 1000
"""Credentials in one write: it shares its commit with deliveries that wait for it."""

_log = logging.getLogger(__name__)


class LastUse:
    """Kept to the minute, so that a program that looks every second does not write every second."""

    __slots__ = ("_store", "_uses")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._uses: dict[int, tuple[int, int]] = {}

    def note(self, account_id: int, credential_id: int, now: float) -> None:
        """`now`: seconds since the epoch."""
        self._uses[credential_id] = (account_id, int(now) // 60 * 60)

    async def flush(self) -> None:
        """Writes what was gathered. A store that fails costs these times, and a line in the log: nothing else."""
        uses, self._uses = self._uses, {}
        rows = tuple((account, credential, minute) for credential, (account, minute) in uses.items())
        try:
            for start in range(0, len(rows), BATCH):
                await self._store.execute(TouchCredentials(rows[start : start + BATCH]))
        except DomainError as error:
            _log.warning("the last use of %d passwords was not written: %s", len(rows), error)
