"""IMAP: RFC 3501 and RFC 9051 from the client's side, with the initial response of RFC 4959."""

from __future__ import annotations

import re
from typing import Final

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.tongues import sasl
from gatepost.doctor.tongues.words import HIDDEN, REPLY_LIMIT, Answer, Ask, Exchange, fits_line, item, line_end, unique

_LITERAL: Final = re.compile(rb"\{(\d{1,9})\+?\}\r?\n\Z")
_CAPABILITY: Final = re.compile(rb"(?:^\* |\[)CAPABILITY ([^\]\r\n]*)", re.IGNORECASE | re.MULTILINE)
_LINE: Final = 4096
"""Octets of a line with an initial response; servers take 8000 (RFC 7162 §4), a password has no need of it."""


def _ask(tag: str, words: str) -> Ask:
    return Ask(f"{tag} {words}\r\n".encode(), f"{tag} {words}", tag.encode())


class Imap:
    """See `words.Tongue`. Each command has a tag of its own, so that no reply is taken for another's."""

    name = "imap"
    starttls_item = "STARTTLS"
    starttls = _ask("gp2", "STARTTLS")
    goodbye = _ask("gp9", "LOGOUT")
    injected = _ask("gp3", "NOOP")

    def reply_end(self, ask: Ask, octets: bytes) -> int:
        """Up to the tagged line, a request to go on, or BYE or BAD in the place of an answer; literals are skipped."""
        start = at = 0
        while end := line_end(octets, at):
            literal = _LITERAL.search(octets, at, end)
            if literal:
                at = min(end + int(literal[1]), REPLY_LIMIT)
                continue
            if _ends(ask, octets[start:end]):
                return end
            start = at = end
        return 0

    def answer(self, ask: Ask, reply: bytes) -> Answer:
        """By the last line; `* BYE` in the place of an answer is a no (RFC 3501 §7.1.5)."""
        last = reply[: self.reply_end(ask, reply)].rstrip(b"\r\n").rpartition(b"\n")[2]
        words = last.upper().split(b" ")
        if words[0] == b"+":
            return Answer.MORE
        if len(words) < 2 or words[0] not in (b"*", ask.tag.upper()):
            return Answer.STRANGE
        match words[1]:
            case b"OK":
                return Answer.YES
            case b"NO" | b"BAD" | b"BYE":
                return Answer.NO
            case _:
                return Answer.STRANGE

    def capabilities_ask(self, own_name: str) -> Ask:  # noqa: ARG002 -- SMTP's
        """See `Tongue.capabilities_ask`."""
        return _ask("gp1", "CAPABILITY")

    def fallback_ask(self, own_name: str) -> Ask | None:  # noqa: ARG002 -- SMTP's
        """See `Tongue.fallback_ask`."""
        return None

    def capabilities(self, reply: bytes) -> Capabilities:
        """From the untagged line, or from a response code."""
        found = [item(word) for match in _CAPABILITY.finditer(reply) for word in match[1].split()]
        return Capabilities(True, unique(found), reply)

    def login(self, known: Capabilities, username: str, password: str, nonce: str = "") -> Exchange | None:
        """AUTHENTICATE PLAIN or LOGIN, else LOGIN, never when it is disabled (RFC 3501 §6.2.3), else SCRAM."""
        initial = _LINE if known.has("SASL-IR") else 0
        mechanisms = known.mechanisms()
        by_sasl = sasl.exchange(mechanisms, username, password, "AUTHENTICATE", tag="gp4", initial=initial)
        if by_sasl is not None:
            return by_sasl
        if known.has("LOGINDISABLED") or not fits_line(username, password):
            return sasl.scram(mechanisms, username, password, "AUTHENTICATE", nonce, tag="gp4")
        return _login_command(username, password)

    def visit(self, sender: str) -> tuple[Ask, ...]:  # noqa: ARG002 -- SMTP's
        """EXAMINE opens the mailbox read-only: not even a flag changes (RFC 3501 §6.3.2)."""
        return (_ask("gp5", "EXAMINE INBOX"),)

    def listing(self) -> Ask | None:
        """See `Tongue.listing`."""
        return None

    def was_injected(self, octets: bytes) -> bool:
        """The tag of the command that was sent in the clear comes back."""
        return any(line.upper().startswith(b"GP3 ") for line in octets.split(b"\n"))


def _ends(ask: Ask, line: bytes) -> bool:
    upper = line.upper()
    if upper.startswith((b"+ ", b"+\r", b"+\n", b"* BYE", b"* BAD")):
        # LOGOUT is answered by BYE and then by its tag (RFC 3501 §6.1.3).
        return not (upper.startswith(b"*") and ask.octets.endswith(b"LOGOUT\r\n"))
    return upper.startswith(ask.tag.upper() + b" ") or not upper.startswith(b"* ")


def _login_command(username: str, password: str) -> Exchange:
    """Quoted strings hold ASCII only; anything else travels as a literal (RFC 3501 §4.3)."""
    begin = "gp4 LOGIN"
    if (username + password).isascii():
        line = f"{begin} {_quoted(username)} {_quoted(password)}\r\n".encode()
        asks = [Ask(line, f"{begin} {_quoted(username)} {HIDDEN}", b"gp4")]
    else:
        user, secret = username.encode(), password.encode()
        asks = [
            Ask(b"%b {%d}\r\n" % (begin.encode(), len(user)), f"{begin} {{{len(user)}}}", b"gp4"),
            Ask(b"%b {%d}\r\n" % (user, len(secret)), f"{username} {{…}}", b"gp4"),
            Ask(secret + b"\r\n", HIDDEN, b"gp4"),
        ]
    return Exchange("IMAP LOGIN", tuple(asks), Ask(b"*\r\n", "*", b"gp4"))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
