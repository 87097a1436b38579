"""Makes guessing slow: waits before a login is looked at, and takes the attempts on one login one at a time.

The rules in one table: docs/operations.md, "Failed logins".
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from msgspec import Struct

from gatepost.identity.api import LoginFailedError
from gatepost.net.addresses import counted_as
from gatepost.net.tally import Tally

WAITING: Final = 1000
"""Logins of one worker that may wait at once: they hold a connection each, and the honest ones are few."""

BUSY: Final = "Too many logins at once; try again in a minute."


class _Turn(Struct):
    """The attempts from one place on one login: one is looked at, the others stand in line."""

    lock: asyncio.Lock
    present: int = 0


class Throttle:
    """The tally's rules, applied. `secret` keys the digests of wrong passwords, alike in all workers."""

    def __init__(
        self,
        tally: Tally,
        secret: bytes,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        waiting: int = WAITING,
    ) -> None:
        self._tally = tally
        self._key = hashlib.blake2b(b"wrong-passwords", key=secret, digest_size=32).digest()
        self._clock = clock
        self._sleep = sleep
        self._most = waiting
        self._present = 0
        self._turns: dict[tuple[str, str], _Turn] = {}

    def clear(self, address: str, login: str, now: float) -> bool:
        """Whether a login may be looked at right now: no delay, not refused, and nobody in line before it.

        Without the latter, a hundred guesses sent at once would all be looked at before the first one counts.
        """
        if self._tally.delay(address, login, now) > 0 or self._tally.refusal(address, now, login) > 0:
            return False
        return not self._turns or (counted_as(address), login) not in self._turns

    @asynccontextmanager
    async def turn(self, address: str, login: str) -> AsyncIterator[None]:
        """Inside, this attempt is the only one from this place on this login, and has waited as long as it must.

        Raises LoginFailedError (temporary) when too many wait already, or the address is refused. Who need not wait
        is let through even then: nobody is to fill the room with delayed guesses and so keep the others out.
        """
        if self._present >= self._most and not self.clear(address, login, self._clock()):
            raise LoginFailedError(BUSY, "delayed", login, temporary=True)
        key = (counted_as(address), login)
        turn = self._turns.setdefault(key, _Turn(asyncio.Lock()))
        turn.present += 1
        self._present += 1
        try:
            async with turn.lock:
                await self._wait(address, login)
                yield
        finally:
            self._present -= 1
            turn.present -= 1
            if not turn.present:
                del self._turns[key]

    async def _wait(self, address: str, login: str) -> None:
        self.check(address, login)
        delay = self._tally.delay(address, login, self._clock())
        if delay > 0:
            await self._sleep(delay)

    def check(self, address: str, login: str) -> None:
        """Raises LoginFailedError (temporary) if this login is refused from this address for now."""
        refused = self._tally.refusal(address, self._clock(), login)
        if refused > 0:
            minutes = int(refused // 60) + 1
            text = f"Too many failed logins from your IP address; try again in {minutes} min."
            raise LoginFailedError(text, "refused", login, temporary=True)

    def known(self, address: str, login: str) -> bool:
        """See `Tally`."""
        return self._tally.known(address, login, self._clock())

    def success(self, address: str, login: str, now: float) -> None:
        self._tally.success(address, login, now)

    def failure(self, address: str, login: str, wrong: bytes) -> None:
        """`wrong`: the secret; the same one again counts once. Empty: nothing is known that could be compared."""
        if not wrong:
            self._tally.failure(address, login, b"", self._clock())
            return
        data = login.encode() + b"\0" + wrong
        digest = hashlib.blake2b(data, key=self._key, digest_size=16).digest()
        self._tally.failure(address, login, digest, self._clock())
