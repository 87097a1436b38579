"""What nobody may see: secrets in typed lines, secrets that a server echoes, and octets that would steer a terminal."""

from __future__ import annotations

import re
from collections import deque
from typing import Final

from gatepost.doctor.talk.lexicon import known_words
from gatepost.doctor.talk.meanings import MECHANISMS
from gatepost.doctor.tongues.secrets import Redactor
from gatepost.doctor.tongues.words import HIDDEN, text_of
from gatepost.pop3.grammar import from_base64
from gatepost.text import printable

_RAW: Final = re.compile(r"\s*(?:/raw\s+)?", re.IGNORECASE)
_TAG: Final = re.compile(r"(\S+)\s+")
_SECRETS: Final = re.compile(r"(?:PASS|LOGIN|APOP\s+\S+|(?:AUTH|AUTHENTICATE)\s+\S+)(\s+)(?=\S)", re.IGNORECASE)
"""Behind these words, whatever the protocol: people mix them up, and the server then says so, with an echo."""

_AUTH_TAIL: Final = re.compile(r"\s*/auth\s+\S+\s+(?=\S)", re.IGNORECASE)

_SPACES: Final = "\t\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
"""Unicode's space separators (Zs), which are not printable to Python."""

_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*\Z')

REMEMBERED: Final = 50
"""Secrets that a server may echo; a dialog sends one or two."""
_SHORTEST: Final = 4
"""Characters of a secret that is looked for in replies: shorter ones are everywhere."""


def hidden_from(protocol: str, line: str) -> int | None:
    """Where in a typed command line the secret begins; None if there is none."""
    tail = _AUTH_TAIL.match(line)
    if tail:
        rest = line[tail.end() :].upper()
        return None if any(name.startswith(rest) for name in (*MECHANISMS, "USER")) else tail.end()
    begin = _RAW.match(line).end()  # type: ignore[union-attr]  # matches always
    found = _SECRETS.match(line, begin)
    tag = _TAG.match(line, begin)
    if not found and protocol == "imap" and tag and tag[1].upper() not in known_words("imap"):
        found = _SECRETS.match(line, tag.end())
    return found.end() if found else None


def masked(line: str, begin: int | None) -> str:
    """The line with everything from `begin` on hidden; how long it is stays hidden too."""
    return line if begin is None else line[:begin] + HIDDEN


class Scrubber:
    """Takes the secrets that went to a server out of what comes back."""

    __slots__ = ("_redactors",)

    def __init__(self) -> None:
        self._redactors: deque[Redactor] = deque(maxlen=REMEMBERED)

    def remember(self, secret: str) -> None:
        """A secret as it was typed or sent, in base64 or not; its last word counts too: `LOGIN name password`."""
        for form in dict.fromkeys((secret, _last_word(secret), _decoded(secret))):
            if len(form) >= _SHORTEST:
                self._redactors.append(Redactor(form))

    def clean(self, octets: bytes) -> bytes:
        """The octets without any of the secrets."""
        for redactor in self._redactors:
            octets = redactor.clean(octets)
        return octets


def _last_word(secret: str) -> str:
    quoted = _QUOTED.search(secret)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else (secret.split() or [""])[-1]


def _decoded(secret: str) -> str:
    """The password in the base64 of PLAIN, LOGIN or a token."""
    text = decode64(secret)
    return "" if text is None else text_of(text.rpartition(b"\0")[2])


def decode64(text: str) -> bytes | None:
    """What base64 says; None if it is not base64."""
    try:
        return from_base64(text.strip().encode())
    except ValueError:
        return None


def spoken(octets: bytes) -> str:
    """A server's octets, `printable`; tabs and spaces of all kinds stay."""
    return printable(text_of(octets), kept=_SPACES)
