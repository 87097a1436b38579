"""Where a service is, how to get a wire to it, and the way into its TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from msgspec import Struct

from gatepost.doctor.facts import Dial, Handshake
from gatepost.doctor.look.converse import Dialog
from gatepost.doctor.look.dial import connect
from gatepost.doctor.look.handshake import shake
from gatepost.doctor.look.wire import Wire
from gatepost.doctor.model import Target
from gatepost.doctor.tongues import Answer, Ask, Tongue, tongue_of
from gatepost.doctor.tongues.secrets import Redactor
from gatepost.ports import TlsMode

AT_ONCE: Final = 3
"""Side connections at once to one server; with the dialog itself four."""

NO_CONNECTION: Final = "no connection"
NO_STARTTLS: Final = "no STARTTLS"
"""Why a handshake on a side connection was not even begun."""


class Manners:
    """How many side connections a server is asked to bear at once: make one per server and hand it to each contact."""

    __slots__ = ("turn",)

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self.turn = asyncio.Semaphore(at_once)


class Place(Struct, frozen=True):
    """A service at one address, and the seconds that each step there may take."""

    target: Target
    address: str
    timeout: float

    @property
    def implicit(self) -> bool:
        """Whether TLS is expected from the first octet."""
        return self.target.service.tls is TlsMode.IMPLICIT

    @property
    def tongue(self) -> Tongue | None:
        """None: a service whose protocol the doctor does not speak."""
        return tongue_of(self.target.service.protocol)

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[tuple[Dial, Wire | None]]:
        """A new connection, closed at the end."""
        dial, connection = await connect(self.target.host, self.address, self.target.port, self.timeout)
        if connection is None:
            yield dial, None
            return
        wire = Wire(connection)
        try:
            yield dial, wire
        finally:
            wire.close()


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
