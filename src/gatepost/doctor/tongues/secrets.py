"""Takes a password out of what a server says: as it is, backwards, quoted, escaped for HTML, JSON or a URL, in UTF-16,
hexadecimal, or anywhere in base64.

A server may echo what it was sent, and a hostile one may wrap it. Everything that becomes a fact goes through here.
"""

from __future__ import annotations

import json
import re
from html import escape
from typing import Final
from urllib.parse import quote, quote_plus

from gatepost.doctor.tongues.words import HIDDEN
from gatepost.pop3.grammar import to_base64

_MASK: Final = HIDDEN.encode()
_REST: Final = 4
"""Octets of a cut-off form at the end that are still taken out: fewer say too little to matter."""


class Redactor:
    """Knows the forms of one password; without one it lets everything pass."""

    __slots__ = ("_forms", "_pattern")

    def __init__(self, password: str = "") -> None:
        self._forms = _forms(password) if password else ()
        joined = b"|".join(re.escape(form) for form in self._forms)
        self._pattern = re.compile(joined, re.IGNORECASE)

    def __repr__(self) -> str:
        return "Redactor(…)"

    def clean(self, octets: bytes) -> bytes:
        """The octets with every form of the password replaced, and a form that the end cuts off."""
        lower = octets.lower()
        if any(form in lower for form in self._forms):  # much faster than the pattern, and mostly false
            octets = self._pattern.sub(_MASK, octets)
            lower = octets.lower()
        cut = max((_overlap(lower, form) for form in self._forms), default=0)
        return octets[:-cut] + _MASK if cut else octets


def _overlap(octets: bytes, form: bytes) -> int:
    """Octets at the end that begin `form`."""
    if len(form) <= _REST:
        return 0
    tail, begin = octets[1 - len(form) :], form[:_REST]
    at = tail.find(begin)
    while at >= 0:
        if form.startswith(tail[at:]):
            return len(tail) - at
        at = tail.find(begin, at + 1)
    return 0


def _forms(password: str) -> tuple[bytes, ...]:
    """In lower case: letter case of ASCII is looked over, because capabilities are shown in upper case."""
    secret = _octets(password)
    texts = {
        password,
        password.upper(),
        password.lower(),
        password[::-1],
        password.replace("\\", "\\\\").replace('"', '\\"'),
        escape(password),
        escape(password, quote=False),
        json.dumps(password)[1:-1],
        json.dumps(password, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        secret.hex(),
    }
    forms = {
        *map(_octets, texts),
        *([password.encode("latin-1")] if max(password) <= "\xff" else []),
        *(password.encode(form, "surrogatepass") for form in ("utf-16-le", "utf-16-be")),
        *_base64_anywhere(secret),
    }
    return tuple(sorted({form.lower() for form in forms}, key=len, reverse=True))


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _base64_anywhere(secret: bytes) -> list[bytes]:
    """What of the secret shows in base64 of any text that holds it: three alignments, without the shared digits.

    A PLAIN message has the user name before the password, LOGIN nothing; both are covered, and so is any wrapping.
    """
    cores = [to_base64(secret)]
    for shift in range(3):
        digits = to_base64(b"\0" * shift + secret)
        first = -(-shift * 8 // 6)
        last = (shift + len(secret)) * 8 // 6
        core = digits[first:last]
        if len(core) >= _REST:
            cores.append(core)
    return cores
