"""Recent successes, so that a mail program that looks every minute costs one argon2 an hour.

Kept under a BLAKE2b that is keyed with a random value of this process: neither a secret nor anything that could be
guessed against is in memory, and no two users, mechanisms or scopes ever share an entry. Failures are not kept:
the throttle makes them rare, and a cache of them would have to know when a password is set.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from msgspec import Struct

from gatepost.identity.api import Login
from gatepost.model import Scope, Verifier

MOST: Final = 10_000
"""Entries of one worker; about 1 kB each."""

LIFETIME: Final = 3600.0
"""Seconds until a password is verified in full again, however often it is used."""


class Entry(Struct, frozen=True):
    """A login that was right, and on what that rests."""

    login: Login
    verifier: Verifier
    """Of the credential that fitted: as long as the account has it, the entry can be made to hold again."""
    generation: int
    """Of the directory, read before anything else was. Another one: see `StoreAuthenticator`."""
    until: float


class LoginCache:
    """Forgets the oldest entry when it is full."""

    __slots__ = ("_entries", "_key", "_most")

    def __init__(self, most: int = MOST) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._key = secrets.token_bytes(64)
        self._most = most

    def key(self, name: str, password: str, scope: Scope, mechanism: str) -> bytes:
        """Where such a login is kept; `name` and `password` as they came. Lengths lead, so no two inputs meet."""
        text = f"{len(name)},{len(password)},{scope},{mechanism},{name}{password}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=32).digest()

    def get(self, key: bytes, now: float) -> Entry | None:
        """What was kept and is not too old."""
        entry = self._entries.get(key)
        if entry is not None and entry.until <= now:
            del self._entries[key]
            return None
        return entry

    def put(self, key: bytes, entry: Entry) -> None:
        self._entries.pop(key, None)
        if len(self._entries) >= self._most:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = entry
