"""What all tongues share: a question, its answer, an exchange that logs in, and how lines are cut."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from gatepost.doctor.facts import Capabilities
from gatepost.sasl.steps import Client
from gatepost.text import printable

HIDDEN: Final = "[secret]"
"""What a transcript shows in the place of a secret."""

REPLY_LIMIT: Final = 64 * 1024
"""Octets of one reply. Ten times the longest EHLO or CAPABILITY seen; a server that says more is not listened to."""

_WIDEST: Final = 4
"""Octets of a character in UTF-8."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""What the environment makes of octets that are no text; it has no UTF-8."""


class Answer(StrEnum):
    """What a complete reply means, whatever the protocol."""

    YES = "yes"
    NO = "no"
    MORE = "more"
    """The server waits for the rest: `+ …`, `334 …`, `354 …`."""
    STRANGE = "strange"
    """Nothing of this protocol."""


class Ask(Struct, frozen=True):
    """A command, and how its reply is recognised."""

    octets: bytes
    """With CRLF, as it goes to the server."""
    shown: str
    """For the transcript: without CRLF and without secrets."""
    tag: bytes = b""
    """IMAP: the tag that ends the reply."""
    long: bool = False
    """POP3: lines up to a single dot follow a +OK (RFC 1939 §3)."""
    goes_on_at: Answer = Answer.MORE
    """In an exchange: the answer after which the next command follows. Any other one decides."""

    def __repr__(self) -> str:
        return f"Ask({self.shown!r})"


class Exchange(Struct, frozen=True):
    """A login: commands that follow each other, and what to say to a server that asks for more than there is."""

    mechanism: str
    """As in `facts.Login`."""
    asks: tuple[Ask, ...]
    cancel: Ask
    client: Client | None = None
    """Answers the challenges that come behind `asks`: SCRAM's."""


class Tongue(Protocol):
    """A protocol from the client's side. Everything is pure; nothing raises but where it says so."""

    name: str
    starttls_item: str
    """The capability that offers TLS: `STLS` or `STARTTLS`."""
    starttls: Ask
    goodbye: Ask
    injected: Ask
    """A harmless command that is sent in the clear right behind `starttls` to see whether it is answered inside TLS."""

    def reply_end(self, ask: Ask, octets: bytes) -> int:
        """Octets of the complete reply at the start of `octets`; 0 if it is not complete."""
        ...

    def answer(self, ask: Ask, reply: bytes) -> Answer:
        """What a reply means; an incomplete or empty one is STRANGE."""
        ...

    def capabilities_ask(self, own_name: str) -> Ask:
        """CAPA, CAPABILITY or EHLO. `own_name`: how this machine calls itself (SMTP)."""
        ...

    def fallback_ask(self, own_name: str) -> Ask | None:
        """What to say when the question for capabilities was refused: HELO."""
        ...

    def capabilities(self, reply: bytes) -> Capabilities:
        """The reply to `capabilities_ask` as a fact; a refusal gives no items."""
        ...

    def login(self, known: Capabilities, username: str, password: str, nonce: str = "") -> Exchange | None:
        """The best way to log in that the server offers; None if there is none, or the words do not fit into it.

        Call it only for a connection inside TLS. `nonce`: fresh random characters; without them there is no SCRAM.
        """
        ...

    def visit(self, sender: str) -> tuple[Ask, ...]:
        """What to ask after a login, without changing anything. `sender`: SMTP's envelope sender to test."""
        ...

    def listing(self) -> Ask | None:
        """What asks for the names by which programs know messages again, after a login; None: there is nothing."""
        ...

    def was_injected(self, octets: bytes) -> bool:
        """Whether `injected` was answered inside TLS. `octets`: all that came there, when only `goodbye` was sent."""
        ...


def line_end(octets: bytes, start: int = 0) -> int:
    """Where the line that begins at `start` ends, behind its LF; 0 if it does not end."""
    return octets.find(b"\n", start) + 1


def lines_of(octets: bytes) -> list[bytes]:
    """Lines without their ends; bare LF is an end too. An unfinished last line is one."""
    lines = [line.removesuffix(b"\r") for line in octets.split(b"\n")]
    return lines if lines[-1] else lines[:-1]


def text_of(octets: bytes) -> str:
    """Words of a server as text, whatever their encoding."""
    return octets.decode("utf-8", "backslashreplace")


def readable(octets: bytes, limit: int) -> str:
    """Words of a server for a person's screen, `limit` characters at most."""
    return printable(text_of(octets[: (limit + 1) * _WIDEST]), limit)


def fits_line(*words: str) -> bool:
    """Whether words may stand in a command: text that has octets, and no line end or NUL, which would make another
    command of the rest.
    """
    together = "".join(words)
    return not set(together) & set("\r\n\0") and not _SURROGATE.search(together)


def item(words: bytes) -> str:
    """A capability as `facts.Capabilities` has it."""
    return " ".join(text_of(words).upper().split())


def unique(items: list[str]) -> tuple[str, ...]:
    """In order, each once, none empty."""
    return tuple(dict.fromkeys(one for one in items if one))
