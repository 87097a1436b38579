"""What `gatepost.app` puts together once for a process, and asks for a session for each connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from gatepost.config.settings import Pop3
from gatepost.net.api import Peer, Session
from gatepost.pop3.context import Context
from gatepost.pop3.session import Pop3Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop3Services(Context):
    """The rooms that POP3 needs, with the system's clock."""

    options: Pop3 = field(default_factory=Pop3)
    clock: Callable[[], float] = monotonic
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    def session(self, peer: Peer) -> Session:
        """A new connection of this peer."""
        return Pop3Session(self, peer)
