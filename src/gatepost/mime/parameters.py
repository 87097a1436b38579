"""Structured MIME fields: `type/subtype; name=value` (RFC 2045 §5.1, RFC 2183 §2, RFC 2231)."""

from __future__ import annotations

import re
from typing import Final

Parameters = tuple[tuple[bytes, bytes], ...]
"""Names in lower case with their values, as they stand in the field, quotes taken away."""

MOST: Final = 64
"""Parameters of one field. Real ones have a handful; RFC 2231 continuations of a long file name add some."""

_TOKEN: Final = re.compile(rb"[^\s;,=()<>@\"\\/\[\]?:]++")
_PARAMETER: Final = re.compile(
    rb';[ \t]*+([^\s=;"()]++)[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"?|([^\s;"()]*+))', re.DOTALL
)
"""Possessive throughout, and an unclosed quote is accepted to the end: no octet is looked at twice by one match."""
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_SECTION: Final = re.compile(rb"\*([0-9]{1,2})\*?")


def token(value: bytes, start: int = 0) -> bytes:
    """The token that begins at `start`, after white space, in lower case; empty if there is none."""
    found = _TOKEN.match(value, len(value) - len(value[start:].lstrip()))
    return found[0].lower() if found else b""


def parameters(value: bytes) -> Parameters:
    """The parameters of a field, at most `MOST`, in order."""
    found: list[tuple[bytes, bytes]] = []
    semicolon = value.find(b";")
    if semicolon < 0:
        return ()
    for match in _PARAMETER.finditer(value, semicolon):
        name, quoted, plain = match.groups()
        if quoted is not None and b"\\" in quoted:
            quoted = _ESCAPED.sub(rb"\1", quoted)
        found.append((name.lower(), plain if quoted is None else quoted))
        if len(found) == MOST:
            break
    return tuple(found)


def media_type(value: bytes) -> tuple[bytes, bytes]:
    """Type and subtype in lower case; two empty values where the field has not both (RFC 2045 §5.2)."""
    slash = value.find(b"/", 0, 256)
    if slash < 0:
        return b"", b""
    main, sub = token(value[:slash]), token(value, slash + 1)
    return (main, sub) if main and sub else (b"", b"")


def parameter(values: Parameters, name: bytes) -> bytes:
    """One parameter's octets; continued ones (`name*0`, `name*1`; RFC 2231 §3) are put together in order."""
    sections: dict[int, bytes] = {}
    for key, value in values:
        if key == name:
            return value
        if key.startswith(name):
            section = _SECTION.fullmatch(key, len(name))
            if section:
                sections.setdefault(int(section[1]), value)
    return b"".join(sections[number] for number in sorted(sections))
