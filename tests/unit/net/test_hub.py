from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from gatepost.net import hub as hub_module
from gatepost.net.loop import run as run_loop
from gatepost.net.timing import Timing
from support.echo import Client, serving


def test_ids_are_unique_and_short() -> None:
    async def work() -> None:
        async with serving() as server:
            ids = {server.hub.next_id() for _ in range(1000)}
            assert len(ids) == 1000
            assert max(map(len, ids)) <= 10
            assert len({each.partition("-")[0] for each in ids}) == 1

    run_loop(work())


def test_it_looks_by_itself_once_started() -> None:
    async def work() -> None:
        async with serving(timing=Timing(first_octets=0)) as server:
            looked = asyncio.Event()
            loop = asyncio.get_running_loop()
            real = loop.call_later

            class Eager:
                """The loop, in a hurry."""

                def __getattr__(self, name: str) -> object:
                    return getattr(loop, name)

                def call_later(self, _delay: float, callback: object, *arguments: object) -> asyncio.TimerHandle:
                    looked.set()
                    return real(0.001, callback, *arguments)  # type: ignore[arg-type]

            server.hub.loop = Eager()  # type: ignore[assignment]
            server.hub.start()
            client = await Client.plain(server.port)
            assert (await client.rest()).startswith(b"-ERR port")
            assert looked.is_set()
            await client.close()
        assert server.hub._timer is None
        server.hub.close()

    run_loop(work())


def test_many_connections_are_looked_at_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        monkeypatch.setattr(hub_module, "AT_ONCE", 2)
        async with serving("lmtp") as server:
            clients = [await Client.plain(server.port) for _ in range(5)]
            for client in clients:
                await client.line()
            looked: list[int] = []
            queued: list[Callable[[], None]] = []
            look_at = server.hub._look_at
            server.hub._look_at = lambda some: (looked.append(len(some)), look_at(some))[0]  # type: ignore[method-assign, arg-type, assignment, return-value]
            server.hub.turns = SimpleNamespace(queue=queued.append)  # type: ignore[assignment]
            server.clock.value += 700
            server.hub._run_tick()
            while queued:
                queued.pop(0)()
            assert looked == [2, 2, 1]
            for client in clients:
                assert await client.rest() == b"-ERR too slow\r\n"
                await client.close()

    run_loop(work())


def test_retiring_waits_for_the_last_session() -> None:
    async def work() -> None:
        async with serving("lmtp") as server:
            client = await Client.plain(server.port)
            await client.line()
            retiring = asyncio.ensure_future(server.hub.retire())
            assert await client.ask(b"ECHO busy") == b"+OK busy\r\n"
            assert not retiring.done()
            await client.ask(b"QUIT")
            await client.close()
            await retiring
            assert len(server.hub) == 0

    run_loop(work())
