"""What one worker serves: store, authentication and protocols put together behind its sockets."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from gatepost.config.settings import Settings
from gatepost.identity.authenticator import StoreAuthenticator
from gatepost.identity.hasher import Hasher
from gatepost.identity.revocation import Revocation
from gatepost.net.acceptor import Acceptor
from gatepost.net.doors import Words
from gatepost.net.entrance import Entrance
from gatepost.net.hub import Hub
from gatepost.net.privileges import room_for_connections
from gatepost.net.tally import Tally
from gatepost.net.timing import Timing
from gatepost.net.tls import TlsContexts
from gatepost.net.worker import Site
from gatepost.pop3.context import TraceSink
from gatepost.pop3.services import Pop3Services
from gatepost.ports import BY_NAME, Listener, TlsMode
from gatepost.store.api import MaildropLocks, Store

POP3_WORDS: Final = Words(
    refusal=lambda reason: f"-ERR [SYS/TEMP] {reason}\r\n".encode(),
    wrong_door=lambda listener: (
        b'-ERR this port speaks TLS from the first byte: choose SSL/TLS (not STARTTLS, not "none") '
        b"in your mail program for port %d\r\n" % listener.port
    ),
    alpn=("pop3",),
)
"""[SYS/TEMP] tells programs not to ask for another password (RFC 3206 §4). `pop3`: the ALPN registry's name."""

WORDS: Final = {"pop3": POP3_WORDS}
"""By `Service.protocol`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is made before the fork, from one reading of the configuration."""

    settings: Settings
    secret: bytes
    contexts: TlsContexts
    tally: Tally
    listeners: tuple[Listener, ...]
    report: Callable[[Mapping[str, object]], None]
    notice: Callable[[str], None]
    trace: TraceSink | None = None
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Counters:
    """Called with a service's name when a connection begins, and when it is gone."""

    opened: Callable[[str], None] = lambda _: None
    closed: Callable[[str], None] = lambda _: None


@asynccontextmanager
async def open_site(
    plan: Plan,
    store: Store,
    locks: MaildropLocks,
    sockets: Sequence[tuple[Listener, socket.socket]],
    counters: Counters = Counters(),
) -> AsyncIterator[Site]:
    """Puts a site together in the running loop. `store` and `locks` stay the caller's."""
    settings = plan.settings
    hasher = Hasher(max(1, (os.cpu_count() or 1) // plan.workers))
    authenticator = StoreAuthenticator(store, plan.tally, settings, plan.secret, hasher)
    services = Pop3Services(
        store=store,
        authenticator=authenticator,
        tally=plan.tally,
        locks=locks,
        options=settings.pop3,
        secure_port=_secure_port(plan.listeners),
        trace=plan.trace,
    )
    hub = Hub(
        tally=plan.tally,
        limits=replace(settings.limits, connections=min(settings.limits.connections, room_for_connections())),
        report=plan.report,
        notice=plan.notice,
        opened=counters.opened,
        closed=counters.closed,
        timing=Timing(lease=settings.pop3.lease),
    )
    sessions = {"pop3": services.session}
    entrances = {
        listener: Entrance(
            listener, WORDS[listener.service.protocol], sessions[listener.service.protocol], plan.contexts
        )
        for listener in dict.fromkeys(listener for listener, _ in sockets)
    }
    watch = asyncio.create_task(Revocation(store, hub).run())
    acceptors = [Acceptor(hub, entrances[listener], listening) for listener, listening in sockets]
    try:
        yield Site(hub, acceptors, settings.server.drain, authenticator.flush)
    finally:
        watch.cancel()
        hub.close()
        await authenticator.flush()
        hasher.close()


def _secure_port(listeners: Sequence[Listener]) -> int:
    """Where sentences send people who came without TLS."""
    ports = (each.port for each in listeners if each.service.tls is TlsMode.IMPLICIT)
    return next(ports, BY_NAME["pop3s"].port)
