"""Ends sessions whose login does not hold any more: the password changed, or the account was disabled or removed.

Costs nothing while nobody changes the directory: once a second one number in shared memory is compared.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from gatepost.errors import DomainError, NoSuchAccountError
from gatepost.net.api import Insider
from gatepost.net.sessions import Guest, Guests
from gatepost.store.api import DirectoryReader

LOOK_EVERY: Final = 1.0
"""Seconds between two looks whether anything changed."""
AGAIN_AFTER: Final = 15.0
"""Seconds after a change until all are looked at once more: a login that was read before the change may have waited for
argon2 and for the maildrop meanwhile, and have come in after the first look."""
SLICE: Final = 50
"""Accounts between two rests: some two milliseconds of reading."""
REST: Final = 0.02
"""Seconds; so whoever makes a thousand accounts one by one costs a worker a tenth of its time at most, and 20,000
sessions of as many accounts are looked at in ten seconds."""

CREDENTIAL_GONE: Final = "its password was changed or removed"
DISABLED: Final = "the account was disabled"
REMOVED: Final = "the account was removed"

_log = logging.getLogger(__name__)


class Revocation:
    """Of one worker."""

    def __init__(
        self,
        store: DirectoryReader,
        guests: Guests,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._guests = guests
        self._clock = clock
        self._sleep = sleep
        self._seen = store.directory_generation()
        self._again = 0.0
        """When to look once more; 0: not at all."""

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._sleep(LOOK_EVERY)
            try:
                await self.look()
            except DomainError as error:
                _log.warning("whether sessions may go on could not be looked up, which is tried again: %s", error)

    async def look(self) -> None:
        """Looks at every session if anything changed. Raises DomainError if the store cannot be read."""
        generation = self._store.directory_generation()
        due = 0 < self._again <= self._clock()
        if generation == self._seen and not due:
            return
        await self._look_at(self._guests.insiders())
        if generation != self._seen:
            self._seen, self._again = generation, self._clock() + AGAIN_AFTER
        else:
            self._again = 0.0

    async def _look_at(self, insiders: Iterable[tuple[Guest, Insider]]) -> None:
        by_account: dict[int, list[tuple[Guest, Insider]]] = {}
        for guest, insider in insiders:
            by_account.setdefault(insider.account_id, []).append((guest, insider))
        for number, (account_id, sessions) in enumerate(by_account.items(), start=1):
            await self._look_at_account(account_id, sessions)
            if not number % SLICE:
                await self._sleep(REST)

    async def _look_at_account(self, account_id: int, sessions: Iterable[tuple[Guest, Insider]]) -> None:
        """A certificate (credential 0) holds as long as its account."""
        reason, good = "", {0}
        try:
            reason = "" if (await self._store.account(account_id)).enabled else DISABLED
            good |= {each.credential_id for each in await self._store.credentials(account_id)}
        except NoSuchAccountError:
            reason = REMOVED
        for guest, insider in sessions:
            if reason or insider.credential_id not in good:
                guest.expel(reason or CREDENTIAL_GONE)
