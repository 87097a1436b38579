"""What the server says, in octets; and what a client reads from it.

`Voice` prepares each sentence once for a language, so that a reply costs a dictionary look-up.
`reason` is the one table from an error of the domain to a reply.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from msgspec import Struct

from gatepost import errors
from gatepost.errors import DomainError, PeerError
from gatepost.pop3 import texts
from gatepost.pop3.grammar import CRLF, END
from gatepost.pop3.texts import LANGUAGES, Text
from gatepost.text import printable


class RefusedError(PeerError):
    """A command that gets -ERR: the sentence, and the numbers in it."""

    def __init__(self, text: Text, *numbers: int) -> None:
        super().__init__(text.en % numbers)
        self.text = text
        self.numbers = numbers


class FatalError(RefusedError):
    """A line after which the connection ends."""


class Voice:
    """How the server speaks to one client: a language, in UTF-8 or in ASCII. Shared by all who chose the same."""

    __slots__ = ("_ascii_only", "_err", "_ok", "tag")

    def __init__(self, tag: str, *, ascii_only: bool) -> None:
        self.tag = tag
        self._ascii_only = ascii_only
        self._ok: dict[Text, bytes] = {}
        self._err: dict[Text, bytes] = {}

    def ok(self, text: Text, *numbers: int) -> bytes:
        """A +OK line."""
        line = self._ok.get(text)
        if line is None:
            line = self._ok[text] = b"+OK %b\r\n" % self._said(text)
        return line % numbers if numbers else line

    def err(self, text: Text, *numbers: int) -> bytes:
        """A -ERR line, with the sentence's response code."""
        line = self._err.get(text)
        if line is None:
            code = b"[%b] " % text.code.encode() if text.code else b""
            line = self._err[text] = b"-ERR %b%b\r\n" % (code, self._said(text))
        return line % numbers if numbers else line

    def failure(self, error: PeerError | DomainError) -> bytes:
        """The -ERR line for an error."""
        match error:
            case RefusedError(text=text, numbers=numbers):
                return self.err(text, *numbers)
            case PeerError():
                return self.free_err(str(error))
            case _:
                return self.err(reason(error))

    def tagged_ok(self, text: Text) -> bytes:
        """A +OK line that names the language first (RFC 6856 §3.2)."""
        return b"+OK %b %b\r\n" % (self.tag.encode(), self._said(text))

    def free_err(self, sentence: str) -> bytes:
        """A -ERR line with a sentence that another room wrote, cut and cleaned to be one."""
        plain = printable(sentence)[:100].lstrip("[")
        encoded = plain.encode("ascii", "replace") if self._ascii_only else plain.encode()
        return b"-ERR %b\r\n" % encoded

    def _said(self, text: Text) -> bytes:
        return text.said(self.tag, ascii_only=self._ascii_only).encode()


@cache
def voice(tag: str, *, ascii_only: bool) -> Voice:
    """`tag` is a key of `texts.LANGUAGES`."""
    return Voice(tag, ascii_only=ascii_only)


def matching_language(wanted: str, preferred: str) -> str | None:
    """The tag for a basic language range, by falling back to shorter ones (RFC 4647 §3.4); None if there is none."""
    if wanted == "*":
        return preferred
    subtags = wanted.lower().split("-")
    return subtags[0] if subtags[0] in LANGUAGES else None


def multi_line(status: bytes, lines: Iterable[str]) -> bytes:
    """A reply of several lines, none of which begins with a dot."""
    return status + b"".join([line.encode() + CRLF for line in lines]) + END


_REASONS: Final[dict[type[DomainError], Text]] = {
    errors.NoSuchMessageError: texts.MESSAGE_GONE,
    errors.NoSuchMailboxError: texts.ACCOUNT_GONE,
    errors.NoSuchAccountError: texts.ACCOUNT_GONE,
    errors.MaildropInUseError: texts.IN_USE,
    errors.StoreUnavailableError: texts.STORE_AWAY,
    errors.StoreFullError: texts.STORE_FULL,
    errors.StoreCorruptError: texts.DAMAGED,
}


def reason(error: DomainError) -> Text:
    """What to tell a client about an error of the domain."""
    return next((_REASONS[kind] for kind in type(error).__mro__ if kind in _REASONS), texts.TROUBLE)


class Capabilities(Struct, frozen=True):
    """What CAPA depends on (RFC 2449 §5); `lines` says it."""

    user: bool
    """False while no login is allowed; then SASL is hidden too."""
    mechanisms: tuple[str, ...]
    stls: bool
    login_delay: int | None
    """Seconds; before login the longest of any account; None: no account has one."""
    expire_days: int
    """Before login the least of any account; 0: never."""
    logged_in: bool
    implementation: str

    def lines(self) -> list[str]:
        per_user = "" if self.logged_in else " USER"
        found = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "UTF8 USER", "LANG"]
        if self.login_delay is not None:
            found.append(f"LOGIN-DELAY {self.login_delay}{per_user}")
        found.append(f"EXPIRE {self.expire_days}{per_user}" if self.expire_days else "EXPIRE NEVER")
        if self.user:
            found.append("USER")
            found.append("SASL " + " ".join(self.mechanisms))
        if self.stls:
            found.append("STLS")
        if self.logged_in:  # nobody else needs to know what runs here
            found.append(f"IMPLEMENTATION {self.implementation}")
        return found


class Status(Struct, frozen=True):
    """The first line of a reply, as a client reads it."""

    ok: bool
    text: str
    code: str = ""
    """The response code in upper case without its brackets (RFC 2449 §8), e.g. `SYS/TEMP`."""
