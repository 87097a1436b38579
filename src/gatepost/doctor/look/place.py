"""Where a service is, how to get a wire to it, and the way into its TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Final

from msgspec import Struct, field

from gatepost.doctor.facts import Dial, Handshake
from gatepost.doctor.look.converse import Dialog
from gatepost.doctor.look.dial import connect
from gatepost.doctor.look.handshake import shake
from gatepost.doctor.look.wire import Wire
from gatepost.doctor.model import Target
from gatepost.doctor.tongues import Answer, Ask, Tongue, tongue_of
from gatepost.doctor.tongues.secrets import Redactor
from gatepost.ports import TlsMode

AT_ONCE: Final = 4
"""Connections at once to one address."""
KNOCK: Final = 0.5
"""Seconds after which an attempt to connect that nobody answers gives its turn to another: it burdens nobody, and six
ports behind a firewall that drops would otherwise take twice as long.
"""

NO_CONNECTION: Final = "no connection"
NO_STARTTLS: Final = "no STARTTLS"
"""Why a handshake on a side connection was not even begun."""


class Manners:
    """How many connections an address is asked to bear at once, whatever its services and whoever looks: `AT_ONCE` in
    all, and one less of those that begin a contact. Make one for each address and hand it to every contact there.

    Only the connection that begins a contact opens another one while it is open, so the last turn always comes round:
    nobody waits for somebody who waits.
    """

    __slots__ = ("_all", "_first")

    def __init__(self, at_once: int = AT_ONCE) -> None:
        """`at_once`: two at least."""
        self._all = asyncio.Semaphore(at_once)
        self._first = asyncio.Semaphore(at_once - 1)

    @property
    def is_busy(self) -> bool:
        """Whether one more would have to wait."""
        return self._all.locked()

    async def turn(self, *, first: bool = False) -> Callable[[], None]:
        """Waits for a turn; what it returns gives it back, and does nothing when it is called again.

        `first`: for a connection that begins a contact.
        """
        with ExitStack() as taken:
            for turns in (self._first, self._all) if first else (self._all,):
                await turns.acquire()
                taken.callback(turns.release)
            return taken.pop_all().close


class Place(Struct, frozen=True):
    """A service at one address, and the seconds that each step there may take."""

    target: Target
    address: str
    timeout: float
    manners: Manners = field(default_factory=Manners)

    @property
    def implicit(self) -> bool:
        """Whether TLS is expected from the first octet."""
        return self.target.service.tls is TlsMode.IMPLICIT

    @property
    def tongue(self) -> Tongue | None:
        """None: a service whose protocol the doctor does not speak."""
        return tongue_of(self.target.service.protocol)

    @asynccontextmanager
    async def wire(self, *, first: bool = False) -> AsyncIterator[tuple[Dial, Wire | None]]:
        """A new connection when its turn comes, closed at the end. `first`: it begins a contact."""
        done = await self.manners.turn(first=first)
        with ExitStack() as stack:
            stack.callback(done)
            patience = asyncio.get_running_loop().call_later(KNOCK, done)
            stack.callback(patience.cancel)
            dial, connection = await connect(self.target.host, self.address, self.target.port, self.timeout)
            patience.cancel()
            wire = Wire(connection, closed=done) if connection is not None else None
            if wire is None:
                done()
            else:
                stack.callback(wire.close)
            yield dial, wire


async def approach(place: Place, wire: Wire, starttls: bytes = b"") -> bool:
    """As far as the first octet of TLS; False if the server does not let us. `starttls`: other octets to ask with."""
    tongue = place.tongue
    if place.implicit or tongue is None:
        return True
    dialog = Dialog(wire, tongue, Redactor(), place.timeout)
    await dialog.greeting(place.timeout)
    ask: Ask = tongue.starttls
    if dialog.alive and tongue.name == "smtp":
        await dialog.capabilities()
    if not dialog.alive:
        return False
    heard = await dialog.ask_raw(starttls or ask.octets, ask)
    return heard.whole and tongue.answer(ask, heard.octets) is Answer.YES


async def shake_at(place: Place, context: ssl.SSLContext, name: str) -> Handshake:
    """One handshake on a connection of its own, by STARTTLS where that is the way. Raises nothing."""
    async with place.wire() as (_, wire):
        if wire is None:
            return Handshake(False, False, error=NO_CONNECTION)
        if not await approach(place, wire):
            return Handshake(False, False, error=NO_STARTTLS)
        return await shake(wire, context, name, place.timeout)
