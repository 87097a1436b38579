"""Address lists as IMAP tells them: name, route, mailbox, host; groups as markers (RFC 5322 §3.4, RFC 9051 §7.5.2).

Accepts what people and programs write, not only what the grammar allows: obsolete routes, empty elements,
missing brackets, UTF-8 (RFC 6532), and brackets, quotes or comments that are never closed.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

MOST: Final = 1_000
"""Addresses of one field that are described; the whole field stays in the message."""

_SIMPLE: Final = re.compile(rb'(?:"([^"\\]*+)"\s*+|([^"\\<>,;:(]*+))<([^\s@<>"\\(),;:]++)@([^\s@<>"\\(),;:\[]++)>')
"""`Name <local@host>`: nearly all single addresses, without the tokeniser's work."""

_TOKEN: Final = re.compile(
    rb'"((?:[^"\\]|\\.)*+)"?'  # 1: quoted string
    rb"|\(([^)]*+)\)?"  # 2: comment, made flat
    rb'|<((?:[^>"\\]|\\.|"(?:[^"\\]|\\.)*+"?)*+)>?'  # 3: angle address
    rb"|([,:;])"  # 4: separator
    rb'|(\[[^\]]*+\]?|[^\s"(<,:;\[]++)',  # 5: word or domain literal
    re.DOTALL,
)
"""Possessive, and what is never closed is accepted to the end: the field is cut in one linear pass."""

_NESTING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[()]', re.DOTALL)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)


class Address(Struct, frozen=True, array_like=True):
    """An address, or a group's begin (`host` None, `mailbox` its name) or end (both None)."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


GROUP_END: Final = Address(None, None, None, None)


def addresses(value: bytes) -> tuple[Address, ...]:
    """The addresses of a field's unfolded value, in order, at most `MOST`."""
    simple = _SIMPLE.fullmatch(value)
    if simple:
        return (Address((simple[1] or simple[2] or b"").strip() or None, None, simple[3], simple[4]),)
    if b"(" in value:
        value = _flatten(value)
    return _Collector().collect(value)


def _flatten(value: bytes) -> bytes:
    """Takes the inner parentheses out of nested comments (RFC 5322 §3.2.2), counting instead of recursing."""
    kept: list[bytes] = []
    depth = position = 0
    while True:
        # Quotes mean nothing inside a comment, parentheses nothing inside quotes.
        found = _PARENTHESIS.search(value, position) if depth else _NESTING.search(value, position)
        if found is None:
            return b"".join((*kept, value[position:]))
        outer = depth == 0
        depth += {b"(": 1, b")": -1 if depth else 0}.get(found[0], 0)
        keep = found.end() if outer or depth == 0 else found.start()
        kept.append(value[position:keep])
        position = found.end()


_PARENTHESIS: Final = re.compile(rb"(?<!\\)[()]")


class _Collector:
    """Puts tokens together to addresses."""

    def __init__(self) -> None:
        self.found: list[Address] = []
        self.in_group = False
        self._clear()

    def _clear(self) -> None:
        self.words: list[bytes] = []
        self.raw: list[bytes] = []
        self.angle: bytes | None = None
        self.comment: bytes | None = None

    def collect(self, value: bytes) -> tuple[Address, ...]:
        for token in _TOKEN.finditer(value):
            match token.lastindex:
                case 1 | 5:
                    self.words.append(_ESCAPED.sub(rb"\1", token[1]) if token.lastindex == 1 else token[5])
                    self.raw.append(token[0])
                case 2:
                    self.comment = self.comment or token[2]
                case 3:
                    self.angle = token[3]
                case _:
                    self._separate(token[4])
            if len(self.found) >= MOST:
                break
        self._finish(end_group=True)
        return tuple(self.found)

    def _separate(self, mark: bytes) -> None:
        if mark != b":":
            self._finish(end_group=mark == b";")
        elif not self.in_group:
            self.found.append(Address(None, None, b" ".join(self.words), None))
            self.in_group = True
            self._clear()

    def _finish(self, *, end_group: bool) -> None:
        if self.angle is not None:
            name = b" ".join(self.words) or self.comment
            self.found.append(_address(self.angle, name or None))
        elif self.raw:
            self.found.append(_address(b"".join(self.raw), self.comment))
        if end_group and self.in_group:
            self.found.append(GROUP_END)
            self.in_group = False
        self._clear()


def _address(spec: bytes, name: bytes | None) -> Address:
    route: bytes | None = None
    if spec.startswith(b"@") and b":" in spec:
        route, _, spec = spec.partition(b":")
    mailbox, at, host = spec.strip().rpartition(b"@")
    return Address(name, route, mailbox.strip(), host.strip()) if at else Address(name, route, host, b"")
