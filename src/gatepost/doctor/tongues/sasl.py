"""SASL as commands: PLAIN (RFC 4616) and LOGIN, which hand over a password, and SCRAM-SHA-256 (RFC 7677)."""

from __future__ import annotations

import re
from collections import deque
from typing import Final

from gatepost.doctor.tongues.words import HIDDEN, Answer, Ask, Exchange, fits_line
from gatepost.pop3.grammar import from_base64, to_base64
from gatepost.sasl import client
from gatepost.sasl.plain import LoginClient, PlainClient
from gatepost.sasl.scram import SCRAM
from gatepost.sasl.steps import SaslError

PREFERRED: Final = ("PLAIN", "LOGIN")
"""Inside TLS, where a login belongs, mail programs take these first."""

UNEXPECTED: Final = "unexpected challenge"
UNPROVEN: Final = "server not proven"
"""Why a login is over although the server did not say no."""

_CHALLENGE: Final = re.compile(rb"(?:\+|334)(?: (.*))?\Z", re.DOTALL)


def exchange(
    offered: tuple[str, ...], username: str, password: str, verb: str, *, tag: str = "", initial: int = 0
) -> Exchange | None:
    """Commands for the best mechanism of `offered`; None if it is neither, or SASL does not allow the words.

    `verb`: `AUTH` or `AUTHENTICATE`. `initial`: octets of the longest line with its CRLF that may carry an initial
    response; 0 if the server takes none. A longer response waits for the server's challenge (RFC 5034 §4, RFC 4954 §4).
    """
    mechanism = next((name for name in PREFERRED if name in offered), None)
    if mechanism is None or not fits_line(username, password):
        return None
    try:
        responses = _responses(mechanism, username, password)
    except SaslError:
        return None
    command = f"{verb} {mechanism}"
    begin = f"{tag} {command}" if tag else command
    first = responses[0] if mechanism == "PLAIN" else b""
    if first and len(begin) + len(first) + 3 <= initial:
        asks = [_ask(f"{begin} ".encode() + first, f"{begin} {HIDDEN}", tag)]
    else:
        asks = [_ask(begin.encode(), begin, tag), *(_ask(response, HIDDEN, tag) for response in responses)]
    return Exchange(mechanism, tuple(asks), _ask(b"*", "*", tag))


def scram(
    offered: tuple[str, ...], username: str, password: str, verb: str, nonce: str, *, tag: str = ""
) -> Exchange | None:
    """SCRAM-SHA-256; None if it is not offered, there is no `nonce`, or the name cannot be sent."""
    if SCRAM not in offered or not nonce:
        return None
    try:
        ours = client(SCRAM, username, password, nonce)
    except SaslError:
        return None
    begin = f"{tag} {verb} {SCRAM}".lstrip()
    return Exchange(SCRAM, (_ask(begin.encode(), begin, tag),), _ask(b"*", "*", tag), ours)


def challenged(reply: bytes) -> bytes | None:
    """What stands behind `+` or `334` in the last line of a reply, decoded; None if it is no base64."""
    found = _CHALLENGE.match(reply.rstrip(b"\r\n").rpartition(b"\n")[2])
    try:
        return from_base64((found[1] or b"").strip()) if found else None
    except ValueError:
        return None


class Course:
    """An exchange on its way: send `begin`, and then whatever `follow` gives, until that is nothing."""

    __slots__ = ("_exchange", "_last", "_left", "_refused", "accepted", "error", "reply")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._left = deque(exchange.asks)
        self._last = self._left.popleft()
        self._refused = False
        self.accepted = False
        """We are in, and the server is who it should be, where the mechanism can tell."""
        self.error = ""
        """Why it was given up: `UNEXPECTED`, `UNPROVEN`, or what is wrong with the server's SCRAM."""
        self.reply = b""
        """The deciding one; none where SCRAM was given up, whose messages say nothing to people."""

    @property
    def begin(self) -> Ask:
        """The first command."""
        return self._exchange.asks[0]

    def follow(self, answer: Answer, reply: bytes) -> Ask | None:
        """What to send after a complete reply; None: it is over."""
        if self._last is self._exchange.cancel:
            if self._refused:
                self.error, self.reply = "", reply
            return None
        self.reply = reply
        if self._left and answer is self._last.goes_on_at:
            self._last = self._left.popleft()
        elif answer is Answer.MORE:
            self._last = self._response(reply)
        else:
            self._decide(answer)
            return None
        return self._last

    def _decide(self, answer: Answer) -> None:
        ours = self._exchange.client
        proven = ours is None or ours.complete
        self.accepted = answer is Answer.YES and proven
        if answer is Answer.YES and not proven:
            self.error, self.reply = UNPROVEN, b""

    def _response(self, reply: bytes) -> Ask:
        ours, challenge = self._exchange.client, challenged(reply)
        if ours is None:
            self.error = UNEXPECTED
            return self._exchange.cancel
        try:
            response = to_base64(ours.step(challenge))
        except SaslError as error:
            # `e=` is a refusal in SCRAM's own words (RFC 5802 §7); the server's plain ones follow it.
            self._refused = (challenge or b"").startswith(b"e=")
            self.error, self.reply = str(error), b""
            return self._exchange.cancel
        return _ask(response, HIDDEN if response else "(empty)", self._exchange.cancel.tag.decode())


def _responses(mechanism: str, username: str, password: str) -> list[bytes]:
    if mechanism == "PLAIN":
        return [to_base64(PlainClient(username, password).step(None))]
    client = LoginClient(username, password)
    return [to_base64(client.step(b"")), to_base64(client.step(b""))]


def _ask(octets: bytes, shown: str, tag: str) -> Ask:
    return Ask(octets + b"\r\n", shown, tag.encode())
