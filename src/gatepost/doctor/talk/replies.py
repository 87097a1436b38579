"""When a reply is complete, piece by piece as it comes: a message of any size passes through without being kept.

What a complete line means is `gatepost.doctor.tongues`' to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gatepost.doctor.tongues import Answer, Ask, greeting_end, refuses, speech, tongue_of
from gatepost.doctor.tongues.words import REPLY_LIMIT

GREETING: Final = "greeting"
"""The word of the `Pending` that a connection begins with."""

PIECE: Final = 64 * 1024
"""Octets of a line that are kept before they are shown without its end; honest lines are below 10,000."""
_HEAD: Final = 1000
_TAIL: Final = 40
"""Octets at the ends of an overlong line that decide what it means: code and tag, and a literal's size."""

_LITERAL: Final = re.compile(rb"\{(\d{1,9})\+?\}\r?\n\Z")


@dataclass(slots=True, eq=False)
class Pending:
    """Something that the server has been asked, until its reply is complete."""

    ask: Ask
    word: str
    """The command, upper case: `RETR`, `UID FETCH`."""
    argument: str = ""
    goes_on: bool = False
    """The server may ask for more (AUTH, IDLE, DATA, a literal) or changes the channel: nothing is sent meanwhile."""
    then: Callable[[Answer, bytes], Iterator[Any]] | None = None
    """What follows from the reply; gets its octets, up to `REPLY_LIMIT`."""
    heard: bytearray = field(default_factory=bytearray)

    def hear(self, octets: bytes) -> None:
        """Keeps what fits."""
        self.heard += octets[: REPLY_LIMIT - len(self.heard)]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a piece of a server's words is."""

    pending: Pending | None
    """Whose reply it belongs to; None: nobody asked."""
    answer: Answer | None = None
    """Set when the reply is complete."""
    content: bool = False
    """A line of a list or a message, a piece of a literal, or the rest of an overlong line."""


class Pieces:
    """Cuts a stream into lines with their ends, and overlong lines into pieces."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, octets: bytes) -> Iterator[bytes]:
        """The lines that are complete now."""
        *lines, self._rest = (self._rest + octets).split(b"\n")
        for line in lines:
            yield line + b"\n"
        while len(self._rest) > PIECE:
            piece, self._rest = self._rest[:PIECE], self._rest[PIECE:]
            yield piece

    def rest(self) -> bytes:
        """Takes away what came without a line end."""
        rest, self._rest = self._rest, b""
        return rest


class Reader:
    """Follows the replies of one connection."""

    __slots__ = ("_head", "_left", "_line", "_long", "_protocol", "_tongue")

    def __init__(self, protocol: str) -> None:
        """`protocol`: `pop3`, `imap` or `smtp`."""
        tongue = tongue_of(protocol)
        assert tongue
        self._tongue = tongue
        self._protocol = protocol
        self._line = b""
        self._head = b""
        """IMAP: the beginning of a response that goes on behind a literal."""
        self._left = 0
        """IMAP: octets of a literal that are still to come."""
        self._long = False
        """POP3: inside a reply of several lines."""

    def hear(self, piece: bytes, pending: Sequence[Pending]) -> Heard:
        """A line or a piece of one, from `Pieces`; `pending` in the order in which it was sent."""
        rest = piece[self._left :]
        self._left -= len(piece) - len(rest)
        going = bool(self._line)
        self._line += rest
        if len(self._line) > PIECE:
            self._line = self._line[:_HEAD] + self._line[-_TAIL:]
        current = pending[0] if pending else None
        if not rest.endswith(b"\n"):
            return Heard(current, content=True)
        line, self._line = self._line, b""
        if current and current.word == GREETING:
            return Heard(current, self._greeting(line))
        match self._protocol:
            case "pop3":
                return self._pop3(line, current)
            case "imap":
                return self._imap(line, pending, content=going or len(rest) < len(piece))
            case _:
                return self._smtp(line, current)

    def _greeting(self, line: bytes) -> Answer | None:
        if not greeting_end(line):
            return None
        if speech(line) != self._protocol:
            return Answer.STRANGE
        return Answer.NO if refuses(line) else Answer.YES

    def _pop3(self, line: bytes, current: Pending | None) -> Heard:
        if self._long:
            over = line.rstrip(b"\r\n") == b"."
            self._long = not over
            return Heard(current, Answer.YES if over else None, content=True)
        if current is None:
            return Heard(None)
        if self._tongue.reply_end(current.ask, line):
            return Heard(current, self._tongue.answer(current.ask, line))
        self._long = True
        return Heard(current)

    def _smtp(self, line: bytes, current: Pending | None) -> Heard:
        if current is None:
            return Heard(None)
        over = self._tongue.reply_end(current.ask, line)
        return Heard(current, self._tongue.answer(current.ask, line) if over else None)

    def _imap(self, line: bytes, pending: Sequence[Pending], *, content: bool) -> Heard:
        literal = _LITERAL.search(line)
        if literal:
            self._left = int(literal[1])
            self._head = self._head or line[: literal.start()] + b"\r\n"
            return Heard(pending[0] if pending else None, content=content)
        whole, self._head = self._head or line, b""
        asked = _asked(whole, pending)
        if asked and self._tongue.reply_end(asked.ask, whole):
            return Heard(asked, self._tongue.answer(asked.ask, whole), content)
        return Heard(pending[0] if pending else None, content=content)


def _asked(line: bytes, pending: Sequence[Pending]) -> Pending | None:
    """Whose reply a line may end; IMAP may answer in another order than it was asked (RFC 9051 §5.5)."""
    word = line.split(maxsplit=1)[0].upper() if line.strip() else b""
    if word == b"*":
        return pending[0] if pending else None
    if word == b"+":
        return pending[-1] if pending and pending[-1].goes_on else None
    return next((each for each in pending if each.ask.tag.upper() == word), None)
