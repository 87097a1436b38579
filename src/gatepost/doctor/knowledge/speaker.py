"""Who speaks in a text, from which side of the connection, by which protocol, and at which step.

The same words mean different things from different mouths: "wrong version number" in a server's log is a mail program
that speaks in the clear to a TLS port; in a mail program it is a server that does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct

from gatepost.doctor.knowledge.pattern import Pattern, pattern
from gatepost.doctor.knowledge.plain import normalised
from gatepost.doctor.knowledge.row import Heard
from gatepost.doctor.model import Stage


class Side(StrEnum):
    """The end of a connection at which somebody speaks; `SENDER` is a server that delivers to another."""

    CLIENT = "client"
    SERVER = "server"
    SENDER = "sender"


class Speaker(Struct, frozen=True, forbid_unknown_fields=True):
    """A program, or a provider, and the pieces of text that betray it."""

    signs: tuple[str, ...]
    name: str = ""
    side: Side = Side.CLIENT
    protocol: str = ""
    """`pop3`, `imap` or `smtp`; empty: any."""
    provider: str = ""
    """Names of providers, with commas between; then it is not a program that speaks, but their server."""
    advice: tuple[str, ...] = ()
    """What it says whatever the cause: lists of what may be wrong, and sentences around another's words."""


_PROTOCOLS: Final = {
    "pop3": ("pop3", "-err", "+ok", ":995", ":110", "poplib", "pop.", "stls", "net::pop"),
    "imap": ("imap", ":993", ":143", "* ok", "* bye", "imaplib"),
    "smtp": (
        "smtp",
        ":25",
        ":465",
        ":587",
        "rcpt to",
        "mail from",
        "ehlo",
        "phpmailer",
        "nodemailer",
        "status=bounced",
    ),
}
_STEPS: Final = {
    step: re.compile(rf"(?<![a-z0-9])(?:{words})")
    for step, words in {
        Stage.MAILBOX: r"rcpt|mail from|recipient|select\b|fetch\b|append\b|mailbox|quota|message size",
        Stage.LOGIN: r"auth|login|password|credentials|sasl|username",
        Stage.TLS: r"tls|certificate|handshake|x509|cipher|crypto",
        Stage.GREETING: r"greeting|banner|ehlo|helo|capability|capa\b",
        Stage.NAMES: r"getaddrinfo|dns|resolve|lookup|unknown host|hostname",
        Stage.REACH: r"connect|socket|timed out|timeout|network|unreachable|refused",
    }.items()
}
"""Words of each step, the latest step first: who is refused a mailbox has logged in."""


class Ear:
    """Knows every speaker."""

    __slots__ = ("_advice", "_programs", "_providers")

    def __init__(self, speakers: Iterable[Speaker]) -> None:
        every = tuple(speakers)
        self._advice = [normalised(text) for speaker in every for text in speaker.advice]
        made = [(speaker, tuple(map(pattern, speaker.signs))) for speaker in every]
        self._programs = [each for each in made if not each[0].provider]
        self._providers = [each for each in made if each[0].provider]

    def without_advice(self, plain: str) -> str:
        """A normalised text without what programs say whatever the cause."""
        for each in self._advice:
            plain = plain.replace(each, " ")
        return plain

    def heard(self, plain: str) -> Heard:
        """What a normalised text betrays of who says it. Of several programs the one with most signs speaks."""
        program = _loudest(plain, self._programs)
        provider = _loudest(plain, self._providers)
        protocol = (program.protocol if program else "") or _most(plain, _PROTOCOLS)
        return Heard(
            speaker=program.name if program else "",
            side=program.side if program else "",
            provider=provider.provider if provider else "",
            protocol=protocol,
            step=next((step for step, words in _STEPS.items() if words.search(plain)), None),
        )


def _loudest(plain: str, speakers: Iterable[tuple[Speaker, tuple[Pattern, ...]]]) -> Speaker | None:
    """The speaker most of whose signs are in the text; a server's log goes before what it quotes."""
    counted = list(_counted(plain, speakers))
    return max(counted, key=lambda each: each[0])[1] if counted else None


def _counted(
    plain: str, speakers: Iterable[tuple[Speaker, tuple[Pattern, ...]]]
) -> Iterator[tuple[tuple[bool, int], Speaker]]:
    for speaker, signs in speakers:
        count = sum(sign.found_in(plain) for sign in signs)
        if count:
            yield (speaker.side is not Side.CLIENT, count), speaker


def _most(plain: str, words: dict[str, tuple[str, ...]]) -> str:
    """The key most of whose words are in the text; empty: none, or two alike."""
    counted = sorted(((sum(plain.count(each) for each in some), key) for key, some in words.items()), reverse=True)
    return counted[0][1] if counted[0][0] > counted[1][0] else ""
