"""What CAPA must say before anybody has logged in: the strictest values of any account (RFC 2449 §6.5, §6.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from gatepost.errors import DomainError
from gatepost.store.api import DirectoryReader

_PAGE: Final = 1000
_REST: Final = 100
"""A look at all accounts is followed by a rest so many times as long: it never takes more than 1 % of the time."""


class Strictest(NamedTuple):
    login_delay: int
    """The longest, in seconds."""
    expire_days: int
    """The shortest; 0 if nothing expires anywhere."""


class Policies:
    """Looks again when the directory changed; until a look is due, or while the store is away, the last one counts."""

    __slots__ = ("_clock", "_due", "_generation", "_known", "_store")

    def __init__(self, store: DirectoryReader, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._known = Strictest(0, 0)
        self._generation = -1
        self._due = 0.0

    async def strictest(self) -> Strictest:
        generation, started = self._store.directory_generation(), self._clock()
        if generation == self._generation or started < self._due:
            return self._known
        self._due = started + _REST  # others that ask meanwhile are content with what is known
        try:
            self._known = await self._look()
            self._generation = generation
        except DomainError:
            return self._known
        finished = self._clock()
        self._due = finished + _REST * (finished - started)
        return self._known

    async def _look(self) -> Strictest:
        delay, days, after = 0, 0, ""
        while page := await self._store.accounts(after=after, limit=_PAGE):
            delay = max(delay, *(account.login_delay for account in page))
            days = min([a.expire_days for a in page if a.expire_days] + [days] * (days > 0), default=0)
            after = page[-1].login
        return Strictest(delay, days)
