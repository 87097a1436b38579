"""A worker's life: opens the site that it is given, says that it is ready, and does what the supervisor says."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Final

from gatepost.net.acceptor import Acceptor
from gatepost.net.child import DRAIN, RETIRE, Channel
from gatepost.net.hub import Hub
from gatepost.net.life import BEAT_EVERY
from gatepost.net.loop import run

CHORES_EVERY: Final = 60.0
"""Seconds between two rounds of `Site.chores`."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a worker serves, complete and open, but not accepting yet."""

    hub: Hub
    acceptors: Sequence[Acceptor]
    drain_seconds: float
    chores: Callable[[], Awaitable[None]]
    """Called once a minute."""


OpenSite = Callable[[], AbstractAsyncContextManager[Site]]


def serve_in_batches() -> None:
    """Tells the kernel that this process need not interrupt whoever runs when octets come for it (sched(7)).

    More of them then wait at each wake-up, and fewer wake-ups find the caches cold. An idle processor starts us at once
    as before.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):  # a sandbox may forbid it
            if os.sched_getscheduler(0) == os.SCHED_OTHER:  # the administrator has not chosen another policy
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def run_worker(channel: Channel, open_site: OpenSite) -> int:
    """In the forked child: serves until told to end; returns the exit code. Raises what opening the site raises."""
    return run(serve(channel, open_site))


async def serve(channel: Channel, open_site: OpenSite) -> int:
    """The asynchronous half of `run_worker`."""
    async with open_site() as site:
        orders = _orders(channel)
        site.hub.start()
        for acceptor in site.acceptors:
            acceptor.start()
        chores = asyncio.create_task(_keep_house(site.chores))
        beats = asyncio.create_task(_live(channel))
        channel.ready()
        try:
            await _obey(orders, site)
        finally:
            for task in (chores, beats):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            _ignore_orders(channel)
            site.hub.close()
    return 0


async def _obey(orders: asyncio.Queue[bytes], site: Site) -> None:
    order = await orders.get()
    if order == RETIRE:
        order = await _retire(orders, site.hub)
    for acceptor in site.acceptors:
        acceptor.stop()  # closed here and in the supervisor, the port refuses clients instead of leaving them waiting
    await site.hub.drain(site.drain_seconds if order == DRAIN else 0)


async def _retire(orders: asyncio.Queue[bytes], hub: Hub) -> bytes:
    """Waits for the last session to end by itself, or for another order, which it returns."""
    retired = asyncio.ensure_future(hub.retire())
    asked = asyncio.ensure_future(orders.get())
    done, waiting = await asyncio.wait((retired, asked), return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()
    return asked.result() if asked in done else DRAIN


def _orders(channel: Channel) -> asyncio.Queue[bytes]:
    """Words from the supervisor, one by one; empty when it is gone. SIGTERM means the same as `DRAIN`."""
    orders: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def receive() -> None:
        words = channel.receive()
        for position in range(len(words)):
            orders.put_nowait(words[position : position + 1])
        if not words:
            loop.remove_reader(channel.fileno())
            orders.put_nowait(b"")

    loop.add_reader(channel.fileno(), receive)
    loop.add_signal_handler(signal.SIGTERM, orders.put_nowait, DRAIN)
    return orders


def _ignore_orders(channel: Channel) -> None:
    loop = asyncio.get_running_loop()
    loop.remove_reader(channel.fileno())
    loop.remove_signal_handler(signal.SIGTERM)


async def _live(channel: Channel) -> None:
    while True:
        channel.beat()
        await asyncio.sleep(BEAT_EVERY)


async def _keep_house(chores: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(CHORES_EVERY)
        await chores()
