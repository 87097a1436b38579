"""What a connection needs of its surroundings: the `Hub`, as the driver sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from gatepost.net.api import Peer
from gatepost.net.loop import Watch
from gatepost.net.seldom import Seldom
from gatepost.net.timing import Timing
from gatepost.net.turns import Turns


class Guest(Protocol):
    """A `Connection`, as the hub sees it."""

    counted: str
    peer: Peer


class Newcomer(Guest, Protocol):
    """One that has not begun its dialog."""

    def greet(self) -> None:
        """The client had its `Timing.greeting_delay` to speak first."""

    def shake_hands(self) -> None:
        """The TLS handshake may begin."""

    def refuse(self, reason: str) -> None:
        """The client shall hear why it is not served, and nothing else."""


class House(Protocol):
    """The `Hub`."""

    loop: asyncio.AbstractEventLoop
    watch: Watch
    turns: Turns
    timing: Timing
    clock: Callable[[], float]
    now: float
    seldom: Seldom
    report: Callable[[Mapping[str, object]], None]

    def next_id(self) -> str:
        """A new connection id."""

    def admit(self, guest: Newcomer, address: str) -> str:
        """Welcomes or refuses a client whose address became known behind a proxy. Returns why it is not even worth a
        session in which it is told so; empty: it is.
        """

    def pace(self, guest: Newcomer) -> None:
        """Calls `shake_hands` when it is the client's turn: now, or later."""

    def greet_later(self, guest: Newcomer) -> None:
        """Calls `greet` after `Timing.greeting_delay`."""

    def failed(self, guest: Guest, error: Exception) -> None:
        """Tells of a bug."""

    def left(self, guest: Guest) -> None:
        """The connection is over."""
