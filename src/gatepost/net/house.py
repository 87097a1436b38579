"""What a connection needs of its surroundings: the `Hub`, as the driver sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from gatepost.net.loop import Watch
from gatepost.net.timing import Timing

if TYPE_CHECKING:
    from gatepost.net.connection import Connection


class House(Protocol):
    """The `Hub`."""

    loop: asyncio.AbstractEventLoop
    watch: Watch
    timing: Timing
    clock: Callable[[], float]
    now: float
    report: Callable[[Mapping[str, object]], None]

    def next_id(self) -> str:
        """A new connection id."""

    def admit(self, connection: Connection, address: str) -> None:
        """Welcomes or refuses a client whose address became known behind a proxy."""

    def greet_later(self, connection: Connection) -> None:
        """Calls `greet` after `Timing.greeting_delay`."""

    def failed(self, connection: Connection, error: Exception) -> None:
        """Tells of a bug."""

    def left(self, connection: Connection) -> None:
        """The connection is over."""
