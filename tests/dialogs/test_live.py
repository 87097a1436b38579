"""The same scripts against a live server, over TLS and over STLS: what `test_pop3` plays in memory."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dialogs.house import LOGIN, PASSWORD, PLAIN
from dialogs.runner import Script, SocketWire, Step, World, read, run
from gatepost.store.api import Store
from gatepost.store.commands import RemoveAccount
from support.live import Visitor, inside, make_account, put
from support.server import Server, installation

SCRIPTS = [read(path) for path in sorted((Path(__file__).parent / "pop3").glob("*.dialog"))]
LIVE = [script for script in SCRIPTS if not script.needs_memory]
ACCOUNTS = (LOGIN, "jürgen@example.com")
IN_THE_CLEAR = "127.0.0.9"
"""The client that may log in without TLS."""
TOLD_BY_CAPA = {"login_delay", "expire_days"}
"""Settings of accounts that CAPA tells strangers; it may remember those of the scripts before for a moment."""

StartServer = Callable[[World], Server]


class LiveWire(SocketWire):
    """Gone only when the server knows it."""

    server: Server
    lines: int
    """Of its log, when the connection was opened."""

    @property
    def port(self) -> int:
        return self._writer.get_extra_info("socket").getsockname()[1]

    async def close(self) -> None:
        if not self._writer.is_closing():
            pattern = rf"\bport={self.port}\b"
            await super().close()
            await asyncio.to_thread(self.server.log.await_line, pattern, self.lines)


@pytest.fixture(scope="module")
def server_for() -> Iterator[StartServer]:
    """A server for each set of options that scripts ask for."""
    servers: dict[str, Server] = {}
    with ExitStack() as running:

        def start(world: World) -> Server:
            options = [f"{key} = {value!r}\n" for key, value in sorted(world.options.items())]
            own = sorted(f"{key}={world.account[key]}" for key in TOLD_BY_CAPA & world.account.keys())
            name = "".join(options + own)
            if name not in servers:
                server = running.enter_context(installation())
                server.write_config(
                    "".join(["[pop3]\n", *options]), pop3=f'cleartext_login_from = ["{IN_THE_CLEAR}/32"]'
                )
                server.start()
                servers[name] = server
            return servers[name]

        yield start


async def furnish(store: Store, world: World) -> None:
    """The accounts of the script before go, those of this one come."""
    for login in ACCOUNTS:
        if (old := await store.account_by_login(login)) is not None:
            await store.execute(RemoveAccount(old.account_id))
        await make_account(store, login, PASSWORD, **world.account)
        for body in world.mail:
            await put(store, login, body)
        await put(store, login, PLAIN, "Archive")


async def play(script: Script, server: Server) -> None:
    context, world = server.context(), script.world

    async def connect(service: str) -> LiveWire:
        lines = len(server.log.lines)
        source = (IN_THE_CLEAR, 0) if world.peer.get("cleartext_login") else None
        wire = await LiveWire.connect(
            "127.0.0.1", server.ports[service], context, tls=service == "pop3s", local_addr=source
        )
        wire.server, wire.lines = server, lines
        return wire

    await run(with_ports(script, server), connect, lambda _: None)


def with_ports(script: Script, server: Server) -> Script:
    """Expects the numbers that this server has."""
    number = b"port %d" % server.ports["pop3s"]
    steps = [
        Step(step.kind, step.connection, step.value.replace(b"port 995", number), step.line) for step in script.steps
    ]
    return Script(script.name, script.world, steps)


@pytest.mark.parametrize("script", LIVE, ids=lambda script: script.name)
def test_dialog(script: Script, server_for: StartServer) -> None:
    server = server_for(script.world)
    inside(server, lambda store: furnish(store, script.world))
    asyncio.run(play(script, server))


def test_most_scripts_run_live() -> None:
    assert len(SCRIPTS) - len(LIVE) <= 2


@pytest.mark.parametrize("smuggled", [b"CAPA\r\n", b"USER mall", b"\r\n"])
def test_what_follows_stls_in_the_clear_is_never_answered(smuggled: bytes, server_for: StartServer) -> None:
    """Checklist 2: nothing of it counts, and there is no session to go on with."""
    server = server_for(World())
    with Visitor(server.ports["pop3"]) as visitor:
        assert visitor.line().startswith(b"+OK")
        assert visitor.say("STLS").startswith(b"+OK")
        visitor.send(smuggled)
        with pytest.raises((ssl.SSLError, OSError)):
            visitor.secure(server.context())
    line = server.log.await_line(rf"\bport={visitor.port}\b.*").string
    assert 'outcome="no TLS"' in line
