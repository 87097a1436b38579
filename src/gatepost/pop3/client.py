"""The client's side of POP3: commands in, octets out; octets in, events out. For tests, diagnosis and fetching.

Commands may be pipelined (RFC 2449 §6.6): answers come in the order of the commands. What the server must not do
raises NotAReplyError; a -ERR is an answer like any other.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from msgspec import Struct

from gatepost.pop3 import parse
from gatepost.pop3.commands import (
    Abort,
    Auth,
    Capa,
    Command,
    Lang,
    ListMechanisms,
    ListSizes,
    Response,
    Retr,
    Top,
    Uidl,
    encode,
)
from gatepost.pop3.framing import LineFramer, LineTooLongError, Unstuffer
from gatepost.pop3.grammar import AUTH_LIMIT, from_base64
from gatepost.pop3.parse import NotAReplyError
from gatepost.pop3.replies import Status

LINE_LIMIT: Final = AUTH_LIMIT
"""Octets of a status line or challenge: RFC 2449 §4 says 512, but challenges and some servers say more."""


class Greeting(Struct, frozen=True):
    """The server's first line."""

    status: Status


class Answer(Struct, frozen=True):
    """The first line of the answer to `command`; if it is long, `Part`s and an `End` follow."""

    command: Command
    status: Status


class Part(Struct, frozen=True):
    """Octets of a long answer, dots removed; they need not end where a line ends."""

    data: bytes


class End(Struct, frozen=True):
    """A long answer is complete."""

    command: Command


class Asked(Struct, frozen=True):
    """A challenge of the running AUTH, decoded: `respond` to it."""

    data: bytes


Event = Greeting | Answer | Part | End | Asked


def is_long(command: Command) -> bool:
    """Whether a +OK to this command is followed by lines (RFC 1939 §3)."""
    match command:
        case Retr() | Top() | Capa() | ListMechanisms():
            return True
        case ListSizes(number=None) | Uidl(number=None) | Lang(language=None):
            return True
        case _:
            return False


class Client:
    """One connection. After a +OK to STLS, start TLS and call `secured`."""

    __slots__ = ("_body", "_framer", "_greeted", "_left", "_out", "_waiting", "ended")

    def __init__(self) -> None:
        self._framer = LineFramer(LINE_LIMIT)
        self._greeted = False
        self._waiting: deque[Command] = deque()
        self._body: Unstuffer | None = None
        self._left = b""
        self._out: list[bytes] = []
        self.ended = False
        """The server closed its side."""

    def send(self, command: Command) -> None:
        self._waiting.append(command)
        self._out.append(encode(command))

    def respond(self, data: bytes | None) -> None:
        """Goes on with the running AUTH; None gives it up."""
        self._out.append(encode(Abort() if data is None else Response(data)))

    def data_to_send(self) -> bytes:
        data = b"".join(self._out)
        self._out.clear()
        return data

    def receive_data(self, data: bytes) -> None:
        """Octets from the server; empty when it closed its side."""
        if not data:
            self.ended = True
        elif self._body is None:
            self._framer.feed(data)
        else:
            self._left += data

    def secured(self) -> None:
        """TLS stands; what the server said in the clear behind its +OK is forgotten (RFC 2595 §4)."""
        self._framer.clear()

    def next_event(self) -> Event | None:
        """None until more octets come. Raises NotAReplyError."""
        if self._body is not None:
            return self._next_part(self._body)
        try:
            line = self._framer.next_line()
        except LineTooLongError:
            raise NotAReplyError("the server's answer is a line without end") from None
        if line is None:
            return None
        if not self._greeted:
            self._greeted = True
            return Greeting(parse.status(line))
        if not self._waiting:
            raise NotAReplyError("the server says something that nobody asked")
        return self._answer(line, self._waiting[0])

    def _answer(self, line: bytes, command: Command) -> Event:
        if isinstance(command, Auth) and (line.startswith(b"+ ") or line == b"+"):
            return Asked(_challenge(line[2:]))
        status = parse.status(line)
        if status.ok and is_long(command):
            self._body = Unstuffer()
            self._left = self._framer.take()
        else:
            self._waiting.popleft()
        return Answer(command, status)

    def _next_part(self, body: Unstuffer) -> Event | None:
        if body.ended:
            self._framer.feed(self._left)
            self._body, self._left = None, b""
            return End(self._waiting.popleft())
        if not self._left:
            return None
        data, self._left = body.feed(self._left)
        return Part(data) if data else self.next_event() if body.ended else None


def _challenge(text: bytes) -> bytes:
    try:
        return from_base64(text)
    except ValueError:
        raise NotAReplyError("the server's challenge is not base64") from None
