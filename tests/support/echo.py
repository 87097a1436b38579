"""A line protocol just big enough to exercise the driver, and a server for it on a loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from gatepost.config.settings import Limits
from gatepost.net import authority
from gatepost.net.acceptor import Acceptor
from gatepost.net.api import Flow, Insider, Peer
from gatepost.net.doors import Words
from gatepost.net.entrance import Entrance
from gatepost.net.hub import Hub
from gatepost.net.listener import open_listeners
from gatepost.net.timing import Timing
from gatepost.net.tls import TlsContexts
from gatepost.ports import BY_NAME, Listener

WORDS = Words(
    refusal=lambda text: f"-ERR {text}\r\n".encode(),
    wrong_door=lambda listener: f"-ERR port {listener.service.name} speaks TLS from the first byte\r\n".encode(),
    alpn=("pop3",),
)
NO_TALLY_LIMIT = 10**6


class EchoMachine:
    def __init__(self) -> None:
        self.buffer = b""
        self.out = b""
        self.lines: list[bytes] = []
        self.closed = False
        self.reads = True

    def receive_data(self, data: bytes) -> None:
        self.closed |= not data
        *lines, self.buffer = (self.buffer + data).split(b"\r\n")
        self.lines += lines

    def data_to_send(self) -> bytes:
        out, self.out = self.out, b""
        return out


class EchoSession:
    """ECHO text, HUGE octets, BIG octets (in pieces), STLS, WAIT (for `gate`), BUG, QUIT. Most are done at once."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.machine = EchoMachine()
        self.finished = self.wants_tls = False
        self.idle = 600.0
        self.gate = asyncio.Event()
        self.waiting = asyncio.Event()
        self.opening = asyncio.Event()
        self.ending = asyncio.Event()
        self.flow: Flow | None = None
        self.got: list[bytes] = []

    def opened(self, flow: Flow) -> None:
        self.flow = flow
        self.machine.out += b"+OK hello " + (flow.tls.version.encode() if flow.tls else b"clear") + b"\r\n"
        self.opening.set()

    def answer(self, data: bytes) -> bytes | None:
        """Answers `HI` alone at once."""
        if data == b"HI\r\n" and not self.machine.buffer:
            return b"+OK hi\r\n"
        self.machine.receive_data(data)
        return None

    def advance(self) -> Coroutine[Any, Any, None] | None:
        machine = self.machine
        while machine.lines and machine.reads and machine.lines[0].partition(b" ")[0] not in {b"BIG", b"WAIT"}:
            self.obey(*machine.lines.pop(0).partition(b" ")[::2])
        return self.work() if machine.lines and machine.reads else None

    async def work(self) -> None:
        machine = self.machine
        while machine.lines and machine.reads:
            word, _, rest = machine.lines.pop(0).partition(b" ")
            match word:
                case b"BIG":
                    self.got.append(word)
                    await self.big(int(rest))
                case b"WAIT":
                    self.got.append(word)
                    self.waiting.set()
                    await self.gate.wait()
                    machine.out += b"+OK waited\r\n"
                case _:
                    self.obey(word, rest)

    def obey(self, word: bytes, rest: bytes) -> None:
        machine = self.machine
        self.got.append(word)
        match word:
            case b"ECHO":
                machine.out += b"+OK " + rest + b"\r\n"
            case b"HUGE":
                machine.out += b"x" * int(rest) + b"\r\n"
            case b"STLS":
                machine.out += b"+OK begin\r\n"
                machine.lines.clear()
                machine.buffer = b""
                machine.reads = False
                self.wants_tls = True
            case b"BUG":
                raise ZeroDivisionError
            case b"QUIT":
                machine.out += b"+OK bye\r\n"
                self.finish()
            case _:
                machine.out += b"-ERR what\r\n"

    async def big(self, octets: int) -> None:
        assert self.flow is not None
        while octets > 0:
            self.machine.out += b"x" * min(octets, 100_000)
            octets -= 100_000
            await self.flow.flush()
        self.machine.out += b"\r\n"

    def finish(self) -> None:
        self.finished = True
        self.machine.reads = False

    @property
    def idle_seconds(self) -> float:
        return self.idle

    def secured(self) -> None:
        self.wants_tls = False
        self.machine.reads = True

    def timed_out(self) -> None:
        self.machine.out += b"-ERR too slow\r\n"
        self.finish()

    def shutting_down(self) -> None:
        self.machine.out += b"-ERR shutting down\r\n"
        self.finish()

    def ended(self) -> None:
        self.machine.out += b"-ERR ended\r\n"
        self.finish()

    insider: Insider | None = None

    def closed(self, reason: str) -> Mapping[str, object]:
        self.ending.set()
        return {"commands": len(self.got)}


class OpenTally:
    """Lets everybody in, and remembers."""

    def __init__(self, most: int = NO_TALLY_LIMIT) -> None:
        self.most = most
        self.open: list[str] = []
        self.refused_for = 0.0

    def connect(self, address: str) -> bool:
        if self.open.count(address) >= self.most:
            return False
        self.open.append(address)
        return True

    def disconnect(self, address: str) -> None:
        self.open.remove(address)

    def refusal(self, address: str, now: float, login: str = "") -> float:
        return self.refused_for


class Clock:
    def __init__(self) -> None:
        self.value = 1000.0

    def __call__(self) -> float:
        return self.value


@dataclass
class Server:
    """A running echo server."""

    hub: Hub
    tally: OpenTally
    clock: Clock
    port: int
    acceptor: Acceptor
    contexts: TlsContexts
    records: list[dict[str, object]] = field(default_factory=list)
    sessions: list[EchoSession] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    by_service: list[str] = field(default_factory=list)
    record_came: asyncio.Event = field(default_factory=asyncio.Event)
    session_came: asyncio.Event = field(default_factory=asyncio.Event)

    def advance(self, seconds: float) -> None:
        self.clock.value += seconds
        self.hub.tick(self.clock.value)

    async def record(self, count: int = 1) -> dict[str, object]:
        """The newest record, once there are `count`."""
        async with asyncio.timeout(10):
            while len(self.records) < count:
                self.record_came.clear()
                await self.record_came.wait()
        return self.records[-1]

    async def session(self, count: int = 1) -> EchoSession:
        async with asyncio.timeout(10):
            while len(self.sessions) < count:
                self.session_came.clear()
                await self.session_came.wait()
            await self.sessions[-1].opening.wait()
        return self.sessions[-1]

    async def nobody(self) -> None:
        """Until every connection is gone."""
        async with asyncio.timeout(10):
            await until(lambda: not (len(self.hub)))


async def until(condition: Callable[[], bool]) -> None:
    """Lets others run until it holds; the caller bounds the time."""
    while not condition():  # noqa: ASYNC110 -- many conditions, no events
        await asyncio.sleep(0)


@cache
def certificate_directory() -> Path:
    directory = Path(mkdtemp(prefix="gatepost-test-"))
    authority.ensure(directory, ["localhost", "127.0.0.1", "::1"])
    return directory


def contexts() -> TlsContexts:
    return TlsContexts([authority.paths(certificate_directory()).pair])


def client_context(**attributes: object) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate_directory() / "ca.pem"))
    for name, value in attributes.items():
        setattr(context, name, value)
    return context


@contextlib.asynccontextmanager
async def serving(
    service: str = "pop3s",
    *,
    timing: Timing | None = None,
    limits: Limits | None = None,
    tally: OpenTally | None = None,
    words: Words = WORDS,
    tls: TlsContexts | None = None,
    open_session: Callable[[Peer], EchoSession] = EchoSession,
    **listener: object,
) -> AsyncIterator[Server]:
    row = Listener(BY_NAME[service], "127.0.0.1", 0, **listener)  # type: ignore[arg-type]
    opened = open_listeners([row], copies=1, lease=60)[0]
    tally = tally or OpenTally()
    clock = Clock()
    server: Server

    def report(record: Mapping[str, object]) -> None:
        server.records.append(dict(record))
        server.record_came.set()

    def make(peer: Peer) -> EchoSession:
        session = open_session(peer)
        server.sessions.append(session)
        server.session_came.set()
        return session

    events: list[str] = []
    notices: list[str] = []
    hub = Hub(
        tally=tally,  # type: ignore[arg-type]
        limits=limits or Limits(),
        report=report,
        notice=notices.append,
        opened=lambda name: events.append("+" + name),
        closed=lambda name: events.append("-" + name),
        timing=timing,
        clock=clock,
    )
    used = tls or contexts()
    acceptor = Acceptor(hub, Entrance(row, words, make, used), opened.sockets[0])
    port = opened.sockets[0].getsockname()[1]
    server = Server(hub, tally, clock, port, acceptor, used, notices=notices, by_service=events)
    acceptor.start()
    try:
        yield server
    finally:
        for session in server.sessions:
            session.gate.set()
        await hub.drain(0)
        hub.close()


class Client:
    """The other side, with asyncio's streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def plain(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @classmethod
    async def tls(cls, port: int, context: ssl.SSLContext | None = None, name: str = "localhost") -> Client:
        return cls(
            *await asyncio.open_connection("127.0.0.1", port, ssl=context or client_context(), server_hostname=name)
        )

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def line(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readline()

    async def rest(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.read()

    async def ask(self, line: bytes) -> bytes:
        self.send(line + b"\r\n")
        return await self.line()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()
