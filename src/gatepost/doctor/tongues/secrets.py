"""Takes a password out of what a server says: as it is, quoted, percent-encoded, hexadecimal, or anywhere in base64.

A server may echo what it was sent, and a hostile one may wrap it. Everything that becomes a fact goes through here.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

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
        self._pattern = re.compile(joined, re.IGNORECASE) if joined else None

    def __repr__(self) -> str:
        return "Redactor(…)"

    def clean(self, octets: bytes) -> bytes:
        """The octets with every form of the password replaced, and a form that the end cuts off."""
        if self._pattern is None:
            return octets
        cleaned = self._pattern.sub(_MASK, octets)
        lower = cleaned.lower()
        cut = max((_overlap(lower, form.lower()) for form in self._forms), default=0)
        return cleaned[:-cut] + _MASK if cut else cleaned


def _overlap(octets: bytes, form: bytes) -> int:
    """Octets at the end that begin `form`."""
    longest = min(len(form) - 1, len(octets))
    return next((size for size in range(longest, _REST - 1, -1) if octets.endswith(form[:size])), 0)


def _forms(password: str) -> tuple[bytes, ...]:
    secret = password.encode("utf-8", "surrogatepass")
    forms = {
        secret,
        *([password.encode("latin-1")] if max(password) <= "\xff" else []),
        password.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8", "surrogatepass"),
        # Letter case of ASCII is looked over anyway; capabilities are shown in upper case.
        password.upper().encode("utf-8", "surrogatepass"),
        quote(secret, safe="").encode(),
        secret.hex().encode(),
        *_base64_anywhere(secret),
    }
    return tuple(sorted((form for form in forms if form), key=len, reverse=True))


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
