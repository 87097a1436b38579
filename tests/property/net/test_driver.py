"""Many clients of one driver at once: each gets its own replies, whole and in order, whatever the others do."""

from __future__ import annotations

import asyncio
import random

import pytest

from gatepost.net.api import Peer
from gatepost.net.loop import run
from support.echo import Client, EchoSession, client_context, serving

CLIENTS = 16


class Patient(EchoSession):
    """WAIT takes a task, but no longer than that."""

    def __init__(self, peer: Peer) -> None:
        super().__init__(peer)
        self.gate.set()


def command(chance: random.Random) -> tuple[bytes, bytes]:
    """What a client says, and what it must hear."""
    octets = chance.choice([1, 5_000, 20_000, 70_000, 700_000])
    match chance.choices(["ECHO", "HUGE", "BIG", "WAIT"], [6, 2, 1, 1])[0]:
        case "ECHO":
            text = b"%d" % chance.randrange(10**9)
            return b"ECHO %b\r\n" % text, b"+OK %b\r\n" % text
        case "WAIT":
            return b"WAIT\r\n", b"+OK waited\r\n"
        case kind:
            return f"{kind} {octets}\r\n".encode(), b"x" * octets + b"\r\n"


async def converse(port: int, chance: random.Random, *, tls: bool) -> None:
    """One session: some segments of one to three commands each, then an end of one kind or another."""
    client = await (Client.tls(port) if tls else Client.plain(port))
    assert (await client.line()).startswith(b"+OK hello")
    if not tls and chance.random() < 0.5:
        assert await client.ask(b"STLS") == b"+OK begin\r\n"
        await client.writer.start_tls(client_context(), server_hostname="localhost")
    for _ in range(chance.randrange(12)):
        said, heard = zip(*[command(chance) for _ in range(chance.choice([1, 1, 3]))], strict=True)
        client.send(b"".join(said))
        expected = b"".join(heard)
        assert await client.reader.readexactly(len(expected)) == expected
    await end(client, chance)
    await client.close()


async def end(client: Client, chance: random.Random) -> None:
    match chance.choice(["quit", "quit", "abort", "half"]):
        case "quit":
            client.send(b"ECHO last\r\nQUIT\r\n")
            assert await client.reader.read() == b"+OK last\r\n+OK bye\r\n"
        case "half" if client.writer.can_write_eof():
            client.send(b"HUGE 90000\r\n")
            client.writer.write_eof()
            assert await client.reader.read() == b"x" * 90_000 + b"\r\n"
        case _:
            client.send(b"HUGE 700000\r\nECHO never\r\n")
            client.writer.transport.abort()


@pytest.mark.parametrize("service", ["pop3s", "pop3"])
@pytest.mark.parametrize("seed", range(6))
def test_a_crowd(service: str, seed: int) -> None:
    async def work() -> None:
        async with serving(service, open_session=Patient) as server, asyncio.timeout(60):
            await asyncio.gather(
                *(
                    converse(server.port, random.Random(seed * CLIENTS + number), tls=service == "pop3s")
                    for number in range(CLIENTS)
                )
            )
            await server.nobody()
            assert len(server.records) == CLIENTS
            assert server.tally.open == []
            assert sorted(server.by_service) == [f"+{service}"] * CLIENTS + [f"-{service}"] * CLIENTS

    run(work())
