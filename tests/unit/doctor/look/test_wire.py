"""Octets in and out, with limits; endings told apart."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

import pytest

from gatepost.doctor.facts import Ending
from gatepost.doctor.look import trust, wire
from gatepost.doctor.look.dial import connect
from gatepost.doctor.look.handshake import shake
from gatepost.doctor.look.wire import Wire
from gatepost.doctor.tongues import greeting_end
from support.doctor_zoo import CLOSE, RESET, SILENCE, Authority, Script, healthy, raw, serve, tls

HOME = Authority()


def meet(script: Script, work: Callable[[Wire], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serve(script) as server:
            _, connection = await connect("localhost", "127.0.0.1", server.port, 1.0)
            assert connection is not None
            met = Wire(connection)
            try:
                await work(met)
            finally:
                met.close()

    asyncio.run(main())


def test_a_greeting_and_what_follows_it() -> None:
    async def work(met: Wire) -> None:
        heard = await met.listen(greeting_end, 1.0, 1000)
        assert (heard.octets, heard.whole) == (b"+OK one\r\n", True)
        assert heard.listening.ending is Ending.OCTETS
        assert (await met.listen(greeting_end, 1.0, 1000)).octets == b"+OK two\r\n"
        assert met.take_rest() == b"rest"
        assert met.own_address == "127.0.0.1"

    meet(raw(b"+OK one\r\n+OK two\r\nrest"), work)


@pytest.mark.parametrize(
    ("script", "ending"),
    [
        (raw(b"").but(accept=CLOSE), Ending.CLOSED),
        (raw(b"").but(accept=RESET), Ending.RESET),
        (raw(b"").but(accept=SILENCE), Ending.SILENT),
    ],
)
def test_endings(script: Script, ending: Ending) -> None:
    async def work(met: Wire) -> None:
        heard = await met.listen(greeting_end, 0.2, 1000)
        assert (heard.octets, heard.whole, heard.listening.ending) == (b"", False, ending)

    meet(script, work)


def test_half_a_greeting_is_kept() -> None:
    async def work(met: Wire) -> None:
        heard = await met.listen(greeting_end, 0.1, 1000)
        assert (heard.octets, heard.whole, heard.ending) == (b"+OK rea", False, Ending.SILENT)
        assert heard.listening.ending is Ending.OCTETS

    meet(raw(b"+OK rea"), work)


def test_a_line_without_end_ends_at_the_limit() -> None:
    async def work(met: Wire) -> None:
        heard = await met.listen(greeting_end, 1.0, 5000)
        assert (heard.octets, heard.whole) == (b"x" * 5000, False)

    meet(raw(b"x" * 50_000), work)


def test_octet_by_octet_ends_in_time() -> None:
    async def work(met: Wire) -> None:
        heard = await met.listen(greeting_end, 0.1, 1000)
        assert not heard.whole
        assert heard.seconds < 1.0

    meet(Script(b"x", drips=0.01), work)


def test_a_connection_brings_only_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TOTAL", 1000)

    async def work(met: Wire) -> None:
        for _ in range(3):
            heard = await met.listen(lambda _: 0, 1.0, 1 << 20)
        assert heard.ending is Ending.CLOSED

    meet(raw(b"x" * 50_000), work)


def test_inside_tls_it_is_the_same() -> None:
    async def work(met: Wire) -> None:
        assert (await shake(met, trust.trusting(), "localhost", 1.0)).done
        assert (await met.listen(greeting_end, 1.0, 1000)).octets == b"+OK ready\r\n"
        await met.send(b"QUIT\r\n", 1.0)
        assert (await met.listen(greeting_end, 1.0, 1000)).octets == b"+OK bye\r\n"
        assert (await met.listen(greeting_end, 1.0, 1000)).ending is Ending.CLOSED

    meet(healthy("pop3", HOME.issue("localhost")), work)


def test_the_polite_end_of_tls_is_an_end() -> None:
    """With close_notify (RFC 8446 §6.1); most servers leave it out."""

    async def main() -> None:
        here, there = socket.socketpair()
        here.setblocking(False)
        there.setblocking(False)
        met = Wire(here)
        server = tls(HOME.issue("localhost"))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        other = server.wrap_bio(incoming, outgoing, server_side=True)
        loop = asyncio.get_running_loop()

        async def answer() -> None:
            while True:
                try:
                    other.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await loop.sock_sendall(there, outgoing.read())
                    incoming.write(await loop.sock_recv(there, 65536))
            with pytest.raises(ssl.SSLWantReadError):
                other.unwrap()
            await loop.sock_sendall(there, outgoing.read())

        answering = asyncio.create_task(answer())
        await met.start_tls(trust.trusting(), "localhost")
        await answering
        assert (await met.listen(greeting_end, 1.0, 1000)).ending is Ending.CLOSED
        assert met.failure == ""
        met.close()
        there.close()

    asyncio.run(main())


def test_rubbish_inside_tls_has_a_reason() -> None:
    async def work(met: Wire) -> None:
        assert (await shake(met, trust.trusting(), "localhost", 1.0)).done
        await met.listen(greeting_end, 1.0, 1000)
        met._incoming.write(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        heard = await met.listen(greeting_end, 1.0, 1000)
        assert heard.ending is Ending.CLOSED
        assert "BAD" in met.failure or "DECRYPTION" in met.failure

    meet(healthy("pop3", HOME.issue("localhost")), work)


class Endless:
    """A loop whose socket always has an octet, so that nobody ever waits for one."""

    def __init__(self, octets: bytes = b"x") -> None:
        self.octets = octets
        self.reads = 0

    async def sock_recv(self, _socket: socket.socket, _size: int) -> bytes:
        self.reads += 1
        assert self.reads < 1_000_000, "nothing ends this"
        return self.octets


def endless(work: Callable[[Wire, Endless], Awaitable[None]], *, limited: bool, octets: bytes = b"x") -> None:
    async def main() -> None:
        here, there = socket.socketpair()
        met, loop = Wire(here, limited=limited), Endless(octets)
        met._loop = loop  # type: ignore[assignment]
        try:
            await work(met, loop)
        finally:
            met.close()
            there.close()

    asyncio.run(main())


def test_time_ends_also_where_there_is_always_more() -> None:
    async def work(met: Wire, _: Endless) -> None:
        heard = await met.listen(greeting_end, 0.05, 1 << 30)
        assert (heard.whole, heard.ending) == (False, Ending.SILENT)
        assert heard.seconds < 1.0

    endless(work, limited=False)


def test_a_connection_brings_only_so_many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "READS", 50)

    async def work(met: Wire, loop: Endless) -> None:
        heard = await met.listen(greeting_end, 5.0, 1000)
        assert (heard.octets, heard.ending) == (b"x" * 50, Ending.CLOSED)
        assert loop.reads == 50

    endless(work, limited=True)


def test_only_whole_lines_are_looked_at() -> None:
    looks: list[int] = []

    def end_of(octets: bytes) -> int:
        looks.append(len(octets))
        return 0

    async def work(met: Wire, _: Endless) -> None:
        await met.listen(end_of, 5.0, 500)

    endless(work, limited=True)
    assert looks == [0]


def test_records_of_one_octet_are_read_together() -> None:
    looks: list[bytes] = []

    def end_of(octets: bytes) -> int:
        looks.append(octets)
        return 0

    async def main() -> None:
        here, there = socket.socketpair()
        here.setblocking(False)
        there.setblocking(False)
        met, loop = Wire(here), asyncio.get_running_loop()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        other = tls(HOME.issue("localhost")).wrap_bio(incoming, outgoing, server_side=True)
        shaking = asyncio.create_task(met.start_tls(trust.trusting(), "localhost"))
        while True:
            try:
                other.do_handshake()
                break
            except ssl.SSLWantReadError:
                await loop.sock_sendall(there, outgoing.read())
                incoming.write(await loop.sock_recv(there, 65536))
        await shaking
        for _ in range(300):
            other.write(b"\n")
        outgoing.write(b"\x17\x03\x03\x00\x20" + b"x" * 32)  # no TLS any more
        await loop.sock_sendall(there, outgoing.read())
        heard = await met.listen(end_of, 1.0, 1000)
        assert (heard.octets, heard.ending) == (b"\n" * 300, Ending.CLOSED)
        assert met.failure
        met.close()
        there.close()

    asyncio.run(main())
    assert len(looks) <= 4


def test_reasons_without_a_word() -> None:
    assert "odd" in wire.reason(ssl.SSLError("odd"))
    assert wire.reason(ssl.SSLEOFError("eof")) == "UNEXPECTED_EOF"


def test_who_never_reads_does_not_hold_us() -> None:
    async def work(met: Wire) -> None:
        with pytest.raises(TimeoutError):
            await met.send(b"x" * 50_000_000, 0.1)

    async def main() -> None:
        here, there = socket.socketpair()
        here.setblocking(False)
        try:
            await work(Wire(here))
        finally:
            here.close()
            there.close()

    asyncio.run(main())
