"""Who is logged in, told and ended from outside: each worker listens on a Unix socket for `gatepost session`.

One question in JSON, then for each session that it means an answer of one line. Only the owner of the data (and root)
may connect: the directory is 0700 and the socket 0600. Nothing here runs until somebody asks.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from gatepost.net.api import Insider, Peer
from gatepost.socket_path import socket_path

PATTERN: Final = "worker-*.sock"
ADMINISTRATOR: Final = "an administrator ended it"
"""The reason in the log."""
SLICE: Final = 200
"""Sessions between which others get their turn: a millisecond."""
PATIENCE: Final = 5.0
"""Seconds for a worker's answer, and for a question: both sides are on one machine."""
_LONGEST: Final = 65_536
"""Octets of a question, and of a line: a login and a name of a credential at most."""
_MOST: Final = 64 * 1024 * 1024
"""Octets of one worker's answer: 100,000 sessions."""


class Guest(Protocol):
    """A connection, as far as it matters here."""

    peer: Peer

    @property
    def insider(self) -> Insider | None:
        """Who is logged in."""

    @property
    def since(self) -> tuple[float, float]:
        """When it began, and when it was last answered; monotonic."""

    def expel(self, reason: str) -> None:
        """Ends it."""


class Guests(Protocol):
    """The `Hub`."""

    clock: Callable[[], float]
    """Monotonic."""

    def insiders(self) -> list[tuple[Guest, Insider]]:
        """All who are logged in."""


class Question(Struct, frozen=True):
    """Which sessions: all, or one user's, or the one with an id."""

    login: str = ""
    session: str = ""
    end: bool = False


class SessionStatus(Struct, frozen=True):
    """One session. What of it a client chose is not printable by itself."""

    session: str
    """The connection's id, as in the log."""
    login: str
    credential: str
    mechanism: str
    service: str
    address: str
    seconds: float
    """Since it began."""
    idle: float
    """Seconds since its last command was answered."""
    worker: str
    pid: int


class SessionDesk:
    """The worker's side."""

    def __init__(self, directory: Path, place: int, worker: str) -> None:
        """Listens; `answer` begins to serve. `place`: a number that no other worker has. Raises OSError."""
        self._file = directory / f"worker-{place}.sock"
        self._worker = worker
        self._file.unlink(missing_ok=True)  # of a worker that was killed
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with socket_path(directory, self._file.name) as path:
                self._socket.bind(path)
            self._file.chmod(0o600)
            self._socket.listen()
        except BaseException:
            self._socket.close()
            raise

    async def answer(self, guests: Guests) -> None:
        """Serves until it is cancelled."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, TimeoutError, ValueError, msgspec.MsgspecError):
                async with asyncio.timeout(PATIENCE):
                    question = msgspec.json.decode(await reader.readline(), type=Question)
                    await self._reply(guests, question, writer)
            writer.close()

        server = await asyncio.start_unix_server(serve, sock=self._socket, limit=_LONGEST)
        async with server:
            await server.serve_forever()

    async def _reply(self, guests: Guests, question: Question, writer: asyncio.StreamWriter) -> None:
        now = guests.clock()
        for number, (guest, insider) in enumerate(guests.insiders(), start=1):
            if not number % SLICE:
                await writer.drain()
                await asyncio.sleep(0)
            if question.login in ("", insider.login) and question.session in ("", guest.peer.connection_id):
                writer.write(msgspec.json.encode(self._told(guest, insider, now)) + b"\n")
                if question.end:
                    guest.expel(ADMINISTRATOR)
        await writer.drain()

    def _told(self, guest: Guest, insider: Insider, now: float) -> SessionStatus:
        seconds, idle = (max(0.0, now - each) for each in guest.since)
        return SessionStatus(
            session=guest.peer.connection_id,
            login=insider.login,
            credential=insider.credential,
            mechanism=insider.mechanism,
            service=guest.peer.service,
            address=guest.peer.address,
            seconds=round(seconds, 1),
            idle=round(min(idle, seconds), 1),
            worker=self._worker,
            pid=os.getpid(),
        )

    def close(self) -> None:
        """Idempotent. A worker that may change nothing (`landlock`) leaves the name to the next one in its place."""
        self._socket.close()
        with suppress(OSError):
            self._file.unlink()


def ask(directory: Path, question: Question) -> list[SessionStatus]:
    """All workers' answers, the oldest session first. Raises PermissionError, TimeoutError if one does not answer."""
    answers: list[SessionStatus] = []
    for file in sorted(directory.glob(PATTERN)):
        with suppress(FileNotFoundError, ConnectionError, msgspec.MsgspecError):  # of a worker that is no more
            answers += _asked(directory, file.name, question)
    return sorted(answers, key=lambda each: (-each.seconds, each.session))


def _asked(directory: Path, name: str, question: Question) -> Iterator[SessionStatus]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(PATIENCE)
        with socket_path(directory, name) as path:
            sock.connect(path)
        sock.sendall(msgspec.json.encode(question) + b"\n")
        answer = bytearray()
        while len(answer) < _MOST and (data := sock.recv(_LONGEST)):
            answer += data
    for line in answer.splitlines():
        yield msgspec.json.decode(line, type=SessionStatus)
