"""Host names as people type them, in the form that DNS wants. Pure.

RFC 1035 §2.3.4 (lengths), RFC 5891 and UTS 46 (internationalised names). Underscores pass: service records need them.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from gatepost.hostname import DOTS, ascii_label

LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
LONGEST: Final = 253
"""Characters of a name without the final dot (255 octets on the wire)."""


class BadNameError(ValueError):
    """The text cannot be a host name; `str()` says why, in the words of a technician."""


def ascii_name(name: str) -> str:
    """The name in lower-case ASCII without a final dot: `Müller.example` is `xn--mller-kva.example`.

    Raises BadNameError.
    """
    labels = DOTS.split(name.strip())
    if len(labels) > 1 and not labels[-1]:
        labels.pop()
    plain = ".".join(_ascii_label(label) for label in labels)
    if len(plain) > LONGEST:
        raise BadNameError(f"name too long: {len(plain)} characters, {LONGEST} are allowed")
    return plain


def _ascii_label(label: str) -> str:
    if not label:
        raise BadNameError("empty label: two dots in a row, or a dot at the start")
    try:
        plain = ascii_label(label)
    except UnicodeError as error:
        raise BadNameError(str(error)) from error
    if len(plain) > 63:
        raise BadNameError(f"label too long: {len(plain)} characters, 63 are allowed")
    if not LABEL.fullmatch(plain):
        raise BadNameError(f"{label!a} has a character that no host name may have")
    return plain.lower()


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address, if the host is one; brackets and an IPv6 zone are allowed."""
    text = host.strip()
    try:
        return ip_address(text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text)
    except ValueError:
        return None


def split_address(text: str) -> tuple[str, str]:
    """The mail address's local part and its domain in ASCII; a domain alone has the local part ``.

    Raises BadNameError.
    """
    local, _, domain = text.strip().rpartition("@")
    return local, ascii_name(domain)
