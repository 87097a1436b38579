"""What CAPA must say before anybody has logged in: the strictest values of any account (RFC 2449 §6.5, §6.7)."""

from __future__ import annotations

from gatepost.errors import DomainError
from gatepost.model import Strictest
from gatepost.store.api import DirectoryReader


class Policies:
    """Looks again when the directory changed; while the store is away, what was known last counts."""

    __slots__ = ("_generation", "_known", "_store")

    def __init__(self, store: DirectoryReader) -> None:
        self._store = store
        self._known = Strictest()
        self._generation = -1

    async def strictest(self) -> Strictest:
        """Never raises DomainError."""
        generation = self._store.directory_generation()
        if generation != self._generation:
            try:
                self._known = await self._store.strictest()
                self._generation = generation
            except DomainError:
                pass
        return self._known
