"""Runs `.dialog` scripts: the same script against a session in memory, or against a live server.

A script is a list of lines:

    # a comment
    @mail none                 what the world looks like (see `World`): mail, account, option, service, peer
    @memory reason             why it cannot run against a live server
    C: USER alice@example.com  the client sends this line; lines of the client without an answer between go out at once
    C-bytes: \\x00\\xff\\n       the client sends exactly these octets
    C-repeat: 1000 NOOP        the client sends a line so many times
    S: +OK *                   the server answers; * stands for anything
    S: ...                     any number of lines, up to one that matches the next S:
    TLS                        the client starts TLS
    CLOSE                      the client goes away without a word
    CLOSED                     the server has closed the connection
    WAIT: 90                   so many seconds pass (in memory only)

`C2:` and `S2:` (and so on) belong to a second connection, which is opened when it is first used.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from dialogs.house import DOTS, EIGHT_BIT, MAIL, PLAIN, TLS, House, segment
from gatepost.model import DeletePolicy

BODIES = {"plain": PLAIN, "dots": DOTS, "8bit": EIGHT_BIT}
ACCOUNT_TYPES = {"delete_policy": DeletePolicy, "soft_login_delay": lambda text: text == "yes"}


class Wire(Protocol):
    """What a script needs of a connection."""

    async def send(self, data: bytes) -> None: ...
    async def read_line(self) -> bytes | None:
        """Without its CRLF; None when the server has closed."""

    async def start_tls(self) -> None: ...
    async def close(self) -> None: ...


class MemoryWire:
    """A session in memory, driven as `gatepost.net` drives it; what is sent arrives in pieces of `chunk` octets."""

    def __init__(self, session, flow, chunk):
        self._session = session
        self._flow = flow
        self._chunk = chunk
        self._open = True
        self.log = {}

    async def send(self, data):
        session = self._session
        for start in range(0, len(data), self._chunk):
            if session.finished:
                return
            await segment(session, self._flow, data[start : start + self._chunk])

    async def read_line(self):
        line, found, rest = self._flow.out.partition(b"\r\n")
        if found:
            self._flow.out[:] = rest
            return bytes(line)
        assert self._session.finished, "the server says nothing and does not close"
        await self.close()
        return None

    async def start_tls(self):
        assert self._session.wants_tls
        self._flow.tls = TLS
        self._session.secured()

    async def close(self):
        if self._open:
            self._open = False
            self.log = dict(self._session.closed("closed by client"))


class SocketWire:
    """A live server. `context` is what TLS trusts; `tls` begins with it."""

    def __init__(self, reader, writer, context):
        self._reader = reader
        self._writer = writer
        self._context = context

    @classmethod
    async def connect(
        cls, host: str, port: int, context: ssl.SSLContext, *, tls: bool, local_addr: tuple[str, int] | None = None
    ) -> Self:
        reader, writer = await asyncio.open_connection(
            host,
            port,
            ssl=context if tls else None,
            server_hostname="localhost" if tls else None,
            local_addr=local_addr,
            limit=2**20,
        )
        return cls(reader, writer, context)

    async def send(self, data):
        self._writer.write(data)
        await self._writer.drain()

    async def read_line(self):
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        return line.removesuffix(b"\r\n") if line else None

    async def start_tls(self):
        await self._writer.start_tls(self._context, server_hostname="localhost")

    async def close(self):
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            return


@dataclass
class World:
    """What a script asks for before it begins; a live backend must make the same, or skip the script."""

    service: str = "pop3s"
    mail: tuple[bytes, ...] = MAIL
    account: dict[str, object] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)
    peer: dict[str, object] = field(default_factory=dict)
    memory: str = ""

    def set(self, name: str, value: str) -> None:
        key, _, text = value.partition("=")
        match name:
            case "service":
                self.service = value
            case "mail":
                self.mail = tuple(BODIES[word] for word in value.split() if word != "none")
            case "account":
                self.account[key] = ACCOUNT_TYPES.get(key, int)(text)
            case "option":
                self.options[key] = int(text) if text.isdigit() else text
            case "peer":
                self.peer[key] = text == "yes"
            case "memory":
                self.memory = value
            case _:
                raise ValueError(f"unknown setting @{name}")

    def house(self) -> House:
        return House(self.mail, account=self.account, options=self.options)


@dataclass
class Step:
    kind: str
    """`C` (octets), `S` (a pattern), `TLS`, `CLOSE`, `CLOSED`, `WAIT`."""
    connection: str
    value: bytes
    line: int


@dataclass
class Script:
    name: str
    world: World
    steps: list[Step]

    @property
    def needs_memory(self) -> bool:
        """Whether time must pass faster than it does, or the wire do what a real one does not."""
        return bool(self.world.memory) or any(step.kind == "WAIT" for step in self.steps)


def read(path: Path) -> Script:
    world, steps = World(), []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@"):
            world.set(*line[1:].split(" ", 1))
            continue
        head, _, value = line.partition(": ") if ": " in line else (line.removesuffix(":"), "", "")
        name, _, form = head.partition("-")
        kind = name.rstrip("0123456789")
        steps.append(Step(kind, name[len(kind) :], _octets(kind, form, value), number))
    return Script(path.stem, world, steps)


def _octets(kind: str, form: str, value: str) -> bytes:
    match form:
        case "bytes":
            return value.encode("latin-1").decode("unicode_escape").encode("latin-1")
        case "repeat":
            count, line = value.split(" ", 1)
            return (line.encode() + b"\r\n") * int(count)
        case _:
            return value.encode() + (b"\r\n" if kind == "C" else b"")


class MismatchError(AssertionError):
    """The server did not say what the script expects."""


@dataclass
class Side:
    """A client of the script, with what it has not sent yet and what was read too early."""

    wire: Wire
    unsent: bytes = b""
    unread: list[bytes] = field(default_factory=list)

    async def send(self):
        data, self.unsent = self.unsent, b""
        if data:
            await self.wire.send(data)

    async def read_line(self):
        return self.unread.pop() if self.unread else await self.wire.read_line()

    async def expect(self, pattern, where):
        line = await self.read_line()
        if line is None or not matches(pattern, line):
            raise MismatchError(f"{where}: expected {pattern!r}, got {line!r}")

    async def skip(self, until, where):
        while (line := await self.read_line()) is not None:
            if matches(until, line):
                self.unread.append(line)
                return
        raise MismatchError(f"{where}: the server closed before {until!r} came")


async def run(script: Script, connect: Callable[[str], Awaitable[Wire]], wait: Callable[[float], None]) -> None:
    """Plays the script; `connect` opens a connection to a service."""
    sides: dict[str, Side] = {}
    for at, step in enumerate(script.steps):
        if step.connection not in sides:
            sides[step.connection] = Side(await connect(script.world.service))
        if step.kind == "C":
            sides[step.connection].unsent += step.value
            continue
        for side in sides.values():
            await side.send()
        following = (s.value for s in script.steps[at + 1 :] if s.kind == "S" and s.connection == step.connection)
        await _play(step, sides[step.connection], wait, following, f"{script.name}.dialog line {step.line}")
    for side in sides.values():
        await side.wire.close()


async def _play(step, side, wait, following, where):
    match step.kind:
        case "TLS":
            await side.wire.start_tls()
        case "CLOSE":
            await side.wire.close()
        case "WAIT":
            wait(float(step.value))
        case "CLOSED":
            if (line := await side.read_line()) is not None:
                raise MismatchError(f"{where}: the server should have closed, but says {line!r}")
        case "S" if step.value == b"...":
            await side.skip(next(following), where)
        case "S":
            await side.expect(step.value, where)
        case _:
            raise ValueError(f"{where}: what is {step.kind}?")


def matches(pattern: bytes, line: bytes) -> bool:
    """Whether the line is the pattern, with `*` for anything (also nothing)."""
    first, *others = pattern.split(b"*")
    if not others:
        return pattern == line
    if not line.startswith(first):
        return False
    at = len(first)
    for part in others[:-1]:
        found = line.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return line.endswith(others[-1]) and len(line) - len(others[-1]) >= at
