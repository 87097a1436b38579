"""The server's state machine (RFC 1939 §3): octets in, legal commands out; replies in, octets out.

`LEGAL` is the whole truth about which command may come when. What may not come is answered here, counted, and
never reaches the session. The session tells by a method what its reply has changed: `named`, `challenge`, …
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, Literal

from gatepost.pop3 import parse, texts
from gatepost.pop3.commands import (
    Abort,
    Apop,
    Auth,
    Capa,
    Command,
    Dele,
    Lang,
    ListMechanisms,
    ListSizes,
    Noop,
    Pass,
    Quit,
    Response,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
    encode,
)
from gatepost.pop3.framing import LineFramer, LineTooLongError
from gatepost.pop3.grammar import AUTH_LIMIT, BACKLOG, COMMAND_LIMIT, CRLF, PENDING, PENDING_EARLY, to_base64
from gatepost.pop3.replies import FatalError, RefusedError, Voice
from gatepost.pop3.texts import Text

Event = Command | Response | Abort

Shown = Callable[[Literal["C", "S"], str], None]
"""Sees each line of the dialog, the client's (C) or the server's (S), without secrets and bodies."""


class State(Enum):
    AUTHORIZATION = "not logged in"
    NAMED = "USER was accepted, PASS may come"
    EXCHANGE = "within AUTH"
    TRANSACTION = "logged in"
    SECURING = "STLS was accepted, TLS must come"
    CLOSED = "over"

    __hash__ = object.__hash__  # members are singletons; the enum's own hash is a Python function


SECURING: Final = State.SECURING
CLOSED: Final = State.CLOSED
EXCHANGE: Final = State.EXCHANGE
TRANSACTION: Final = State.TRANSACTION
"""Names of their own, for what is asked at every command: to find a member in its enum takes ten times as long."""

_ANYTIME: Final[frozenset[type[Command]]] = frozenset({Quit, Capa, Lang})
_BEFORE_LOGIN: Final[frozenset[type[Command]]] = frozenset({User, Auth, ListMechanisms, Apop, Stls, Utf8})
_WITH_MAILDROP: Final[frozenset[type[Command]]] = frozenset({Stat, ListSizes, Retr, Dele, Noop, Rset, Top, Uidl})

LEGAL: Final[dict[State, frozenset[type[Command]]]] = {
    State.AUTHORIZATION: _ANYTIME | _BEFORE_LOGIN,
    # RFC 1939 §7 wants PASS right behind USER; some clients ask CAPA or set UTF8 in between, which harms nobody
    State.NAMED: _ANYTIME | _BEFORE_LOGIN | frozenset({Pass}),
    State.TRANSACTION: _ANYTIME | _WITH_MAILDROP,
}
"""In EXCHANGE there are no commands; in SECURING and CLOSED nothing is read."""


def _why_not(state: State, kind: type[Command]) -> Text:
    if state is TRANSACTION:
        return texts.ONLY_BEFORE_LOGIN
    return texts.NAME_FIRST if kind is Pass else texts.LOG_IN_FIRST


def _without_secrets(line: bytes, state: State) -> str:
    """What others may see of a line. One that cannot be read may be a password: nothing of it is shown."""
    try:
        event = parse.response(line) if state is EXCHANGE else parse.command(line)
    except RefusedError:
        return "(a line that makes no sense)"
    return encode(event, hide=True).decode().rstrip()


class Machine:
    """One connection. `bad_commands` that make no sense end it."""

    __slots__ = (
        "_bad_left", "_ended_input", "_framer", "_out", "pending", "reads", "sent", "shown", "state", "voice",
    )  # fmt: skip

    def __init__(self, voice: Voice, *, bad_commands: int, shown: Shown | None = None) -> None:
        self.state = State.AUTHORIZATION
        self.reads = True
        """See `gatepost.net.api.Machine`: False in SECURING and CLOSED."""
        self.voice = voice
        self.shown = shown
        self.pending = 0
        """Octets that wait in `data_to_send`."""
        self.sent = 0
        """Octets that `data_to_send` gave away."""
        self._framer = LineFramer(AUTH_LIMIT)
        self._out: list[bytes] = []
        self._bad_left = bad_commands
        self._ended_input = False

    # -- What comes in

    def receive_data(self, data: bytes) -> None:
        """Octets from the client; empty: it closed its side. While TLS is due they are thrown away (RFC 2595 §4)."""
        if not data:
            self._ended_input = True
        elif self.reads and self._framer.feed(data) > BACKLOG:
            self._refuse(FatalError(texts.TOO_MUCH_AHEAD))

    def only_event(self, data: bytes) -> Event | None:
        """`receive_data` and `next_event` in one, for octets that are one whole line: what nearly all segments are.

        None: ask `next_event`.
        """
        if not (self.reads and self._framer.between):
            self.receive_data(data)
            return None
        if self.state is TRANSACTION and self.shown is None and (usual := parse.USUAL.get(data)) is not None:
            return usual
        line = data[:-2] if data.endswith(CRLF) else data[:-1]
        if data.find(b"\n") != len(data) - 1 or len(line) > COMMAND_LIMIT - len(CRLF) or not data:
            self.receive_data(data)
            return None
        try:
            return self._event(line)
        except RefusedError as refused:
            self._refuse(refused)
            return None

    def next_event(self) -> Event | None:
        """The next legal command; None until more octets come, and when the conversation is over."""
        while self.reads:
            if not self._framer.held and not self._ended_input:
                return None
            try:
                line = self._line()
                return self._event(line) if line is not None else None
            except RefusedError as refused:
                self._refuse(refused)
        return None

    def _line(self) -> bytes | None:
        try:
            line = self._framer.next_line()
        except LineTooLongError as too_long:
            line = too_long.start.ljust(AUTH_LIMIT)  # its length is what matters now
        if line is None:
            if self._ended_input:
                self.close()
        elif len(line) > COMMAND_LIMIT - len(CRLF):
            self._check_length(line)
        return line

    def _check_length(self, line: bytes) -> None:
        limit = AUTH_LIMIT if self.state is EXCHANGE or line[:5].upper() == b"AUTH " else COMMAND_LIMIT
        if len(line) > limit - len(CRLF):
            raise RefusedError(texts.TOO_LONG, limit)

    def _event(self, line: bytes) -> Event:
        """Raises RefusedError."""
        if self.shown is not None:
            self.shown("C", _without_secrets(line, self.state))
        if self.state is EXCHANGE:
            return parse.response(line)
        command = parse.command(line)
        if type(command) not in LEGAL[self.state]:
            raise RefusedError(_why_not(self.state, type(command)))
        return command

    def _refuse(self, refused: RefusedError) -> None:
        if self.state is EXCHANGE:
            self.state = State.AUTHORIZATION  # RFC 5034 §4: what cannot be decoded ends the exchange
        self._bad_left -= 1
        if isinstance(refused, FatalError):
            self.close(self.voice.err(refused.text, *refused.numbers))
        elif self._bad_left <= 0:
            self.close(self.voice.err(texts.TOO_MANY_BAD))
        else:
            self.send(self.voice.err(refused.text, *refused.numbers))

    # -- What goes out

    def send(self, reply: bytes) -> None:
        """Whole lines of protocol: a reply, or a part of a listing."""
        self._out.append(reply)
        self.pending += len(reply)
        if self.shown is not None:
            for line in reply.removesuffix(CRLF).split(CRLF):
                self.shown("S", line.decode("utf-8", "replace"))

    def send_body(self, octets: bytes) -> None:
        """Octets of a message, stuffed: nobody but the client sees them."""
        self._out.append(octets)
        self.pending += len(octets)

    @property
    def full(self) -> bool:
        """So much waits in `data_to_send` that it should go out before anything is added."""
        return self.pending >= (PENDING if self.state is TRANSACTION else PENDING_EARLY)

    def data_to_send(self) -> bytes:
        """Everything that waits, once."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        self._out = []
        self.sent += self.pending
        self.pending = 0
        return data

    # -- What replies change

    def named(self) -> None:
        """USER was accepted."""
        self.state = State.NAMED

    def unnamed(self) -> None:
        """A login ended without success: it has to begin anew."""
        self.state = State.AUTHORIZATION

    def challenge(self, data: bytes) -> None:
        """Goes on with AUTH: sends `data`, takes the next line for the client's answer (RFC 5034 §4)."""
        self.state = EXCHANGE
        self.send_body(b"+ " + to_base64(data) + CRLF)
        if self.shown is not None:
            self.shown("S", "+ ***")

    def logged_in(self) -> None:
        self.state = TRANSACTION

    def securing(self) -> None:
        """STLS was accepted. What the client sent behind it in the clear is forgotten (RFC 2595 §4)."""
        self.state = SECURING
        self.reads = False
        self._framer.clear()

    def secured(self, voice: Voice) -> None:
        """TLS stands: nothing that was said in the clear counts any more."""
        self.state = State.AUTHORIZATION
        self.reads = True
        self.voice = voice

    def close(self, last: bytes = b"") -> None:
        """Nothing is read after this; `last` is the last thing said."""
        if last:
            self.send(last)
        self.state = CLOSED
        self.reads = False
        self._framer.clear()
