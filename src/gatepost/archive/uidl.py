"""The unique-ids that POP3 clients know messages by, as other servers keep them.

Keeping them is what makes a move invisible: a client that leaves mail on the server does not download it all again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gatepost.mime.headers import fields
from gatepost.mime.wire import Octets
from gatepost.numbers import number

_VALID: Final = re.compile(r"[!-~]{1,70}")
_DOVECOT_HEAD: Final = re.compile(r"3 (?:[^ ]+ )*?V(\d+)|1 (\d+) \d+")
_COURIER_LINE: Final = re.compile(r"(.+) \d+ (\d+):(\d+)(?::\d)?")
_COURIER_ESCAPED: Final = re.compile(r"[^!#-&(-*,-~]")

_LARGEST: Final = 0xFFFFFFFF
"""UIDs and UIDVALIDITY have 32 bits (RFC 9051 §2.3.1.1): a line with more is damaged."""

_HEADER: Final = 64 * 1024
"""Octets in which X-UIDL and status fields are looked for; mail programs put them at the end of a normal header."""


@dataclass(frozen=True, slots=True)
class Known:
    """What another server knew of a message."""

    uid: int
    uidl: str | None


def valid(uidl: str) -> str | None:
    """The unique-id if RFC 1939 §7 allows it: 1 to 70 characters from 0x21 to 0x7E."""
    return uidl if _VALID.fullmatch(uidl) else None


def base(filename: str) -> str:
    """A Maildir file name without its flags; `:` is also written `;` or `!` where it is not allowed."""
    return re.split(r"[:;!]2,", filename, maxsplit=1)[0]


def header_fields(data: Octets) -> dict[bytes, bytes]:
    """The last field of each name in a header with any line ends."""
    head = data[:_HEADER].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return dict(fields(head.replace(b"\n", b"\r\n")))


def x_uidl(data: Octets) -> str | None:
    """What the X-UIDL field says (qpopper, UW, and clients that save messages put it there)."""
    return valid(header_fields(data).get(b"x-uidl", b"").decode("ascii", "replace"))


def dovecot(text: str) -> dict[str, Known]:
    """A `dovecot-uidlist`, by base name: `P` entries, else Dovecot's default form of UID and UIDVALIDITY."""
    head, *lines = text.split("\n")
    found = _DOVECOT_HEAD.match(head)
    if found is None:
        return {}
    uidvalidity = number(found[1] or found[2], _LARGEST)
    known: dict[str, Known] = {}
    for line in lines:
        digits, _, rest = line.partition(" ")
        more, _, name = f" {rest}".partition(" :") if found[1] else ("", "", rest)
        uid = number(digits, _LARGEST)
        if name and uid is not None:
            saved = next((one[1:] for one in more.split(" ") if one.startswith("P")), "")
            derived = "" if uidvalidity is None else f"{uid:08x}{uidvalidity:08x}"
            known[base(name)] = Known(uid, valid(saved or derived))
    return known


def courier(text: str) -> dict[str, Known]:
    """A `courierpop3dsizelist` of version 2 or 3, by base name."""
    head, *lines = text.split("\n")
    if not re.match(r"/[23] \d+", head):
        return {}
    known: dict[str, Known] = {}
    for line in lines:
        found = _COURIER_LINE.fullmatch(line)
        uid, uidvalidity = (number(found[place], _LARGEST) for place in (2, 3)) if found else (None, None)
        if found and uid is not None and uidvalidity is not None:
            name = base(found[1])
            known[name] = Known(uid, valid(_courier_uidl(name, uid, uidvalidity)))
    return known


def _courier_uidl(name: str, uid: int, uidvalidity: int) -> str:
    if uid:
        return f"UID{uid}-{uidvalidity}" if uidvalidity else f"UID{uid}"
    octets = name.encode("utf-8", "surrogateescape").decode("latin-1")
    return _COURIER_ESCAPED.sub(lambda found: f"+{ord(found[0]):02X}", octets)
