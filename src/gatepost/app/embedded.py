"""The whole server in somebody else's event loop: one process, any store. For tests and for embedding."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from gatepost.app.site import Plan, open_site
from gatepost.config.settings import Settings
from gatepost.net.listener import open_listeners
from gatepost.net.places import ensure_certificate
from gatepost.net.shared_tally import SharedTally
from gatepost.net.tls import TlsContexts
from gatepost.pop3.context import TraceSink
from gatepost.ports import Listener
from gatepost.store.api import Store
from gatepost.store.locks import MemoryMaildropLocks


def _nothing(_: object) -> None:
    """For whoever does not want to hear it."""


@asynccontextmanager
async def serve_in_process(
    settings: Settings,
    store: Store,
    listeners: tuple[Listener, ...],
    *,
    secret: bytes = b"",
    report: Callable[[Mapping[str, object]], None] = _nothing,
    notice: Callable[[str], None] = _nothing,
    trace: TraceSink | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[dict[str, int]]:
    """Serves `store` while the context is open; gives the port of each service (of the last listener, if several).

    A listener's port may be 0: the system chooses. Closing drains. Raises what binding and certificates raise.
    """
    files = settings.tls.certificate or (ensure_certificate(settings).pair,)
    rows = open_listeners(listeners, copies=1, lease=settings.pop3.lease)
    plan = Plan(
        settings=settings,
        secret=secret or secrets.token_bytes(32),
        contexts=TlsContexts(
            files, minimum=settings.tls.minimum, client_cas={"", *(each.client_ca for each in listeners)}
        ),
        tally=SharedTally(settings.limits, 1, clock),
        listeners=listeners,
        report=report,
        notice=notice,
        trace=trace,
    )
    sockets = [(row.listener, row.sockets[0]) for row in rows]
    async with open_site(plan, store, MemoryMaildropLocks(), sockets) as site:
        site.hub.start()
        for acceptor in site.acceptors:
            acceptor.start()
        try:
            yield {listener.service.name: listening.getsockname()[1] for listener, listening in sockets}
        finally:
            await site.hub.drain(site.drain_seconds)
