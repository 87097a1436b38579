"""From a message to the tree of its parts (RFC 2046 §5.1), in one pass over its octets.

The pass looks at every line that begins with `--` once, and compares it with the boundaries that are open at that
point by one look-up of the whole line; so a boundary that begins like another one, or a hundred open ones, cost
nothing. Nesting is a list of open multiparts, never recursion.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gatepost.mime.addresses import addresses
from gatepost.mime.headers import HEADER_OCTETS, first_fields
from gatepost.mime.parameters import Parameters, media_type, parameter, parameters, token
from gatepost.mime.structure import Envelope, Part
from gatepost.mime.wire import Octets

DEPTH: Final = 100
"""Nesting that is followed; mail forwarded thirty times stays below. What is deeper is a leaf."""

PARTS: Final = 10_000
"""Parts that are described; the largest honest digests have a few hundred. The last one keeps the rest."""

DESCRIBED: Final = 1024 * 1024
"""Octets of header fields that are kept of all parts together: what describes a message stays far smaller than the
largest message. Where they are used up the rest belongs to the last part."""

NEAR_MISSES: Final = 500_000
"""Lines that begin with `--` and are no delimiter, before the rest belongs to the last part: a third of a second of
work. Only a very long listing of comments or a patch has more."""

BOUNDARY: Final = 200
"""Octets of a boundary. RFC 2046 §5.1.1 allows 70, and some programs exceed that."""

_WANTED: Final = frozenset({
    b"content-type", b"content-id", b"content-description", b"content-transfer-encoding", b"content-md5",
    b"content-disposition", b"content-language", b"content-location",
})  # fmt: skip
_ENVELOPE: Final = frozenset({
    b"date", b"subject", b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"in-reply-to", b"message-id",
})  # fmt: skip
_READ: Final = _WANTED | _ENVELOPE | {b"references"}

_LINE: Final = BOUNDARY + 80
"""Octets of a delimiter line: two dashes before and after, and some white space that was put there on the way."""

_TEXT: Final = (b"text", b"plain")
_MESSAGE: Final = (b"message", b"rfc822")
_EMBEDDED: Final = frozenset({_MESSAGE, (b"message", b"global")})
_IDENTITY: Final = frozenset({b"7bit", b"8bit", b"binary"})


@dataclass(slots=True)
class _Node:
    """A part while its end is not known."""

    header: int
    body: int
    depth: int
    fields: dict[bytes, bytes]
    kind: tuple[bytes, bytes]
    params: Parameters
    boundary: bytes = b""
    end: int = -1
    children: list[_Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Delimiter:
    at: int
    """Of the CRLF before it, which belongs to it (RFC 2046 §5.1.1)."""
    after: int
    level: int
    """Index of its multipart among the open parts."""
    closing: bool


@dataclass(frozen=True, slots=True)
class Scanned:
    """A message taken apart."""

    body: Part
    envelope: Envelope
    fields: dict[bytes, bytes]
    """Those of its own header that ingest reads."""


def scan(data: Octets, header_end: int) -> Scanned:
    """Takes a message in wire form apart, whose header ends at `header_end`."""
    scanner = _Scanner(data)
    root = scanner.message(0, header_end, 0)
    scanner.run()
    return Scanned(scanner.freeze(), _envelope(root.fields), root.fields)


class _Scanner:
    def __init__(self, data: Octets) -> None:
        self.data = data
        self.nodes: list[_Node] = []
        self.open: list[_Node] = []
        """Every part that has begun and not ended: each multipart, then what is inside it."""
        self.boundaries: dict[bytes, int] = {}
        """Line -> index in `open` of the multipart whose delimiter it is."""
        self.blank = -1
        self.position = 0
        self.room = DESCRIBED
        self.misses = 0

    # -- Parts begin ----------------------------------------------------------------------------------------

    def message(self, start: int, body: int, depth: int) -> _Node:
        """Begins a message (the whole, or an embedded one) whose header ends at `body`."""
        found = first_fields(self.data[start : min(body, start + HEADER_OCTETS)], _READ)
        return self.begin(start, body, depth, found, _TEXT)

    def begin(
        self, start: int, body: int, depth: int, found: dict[bytes, bytes], default: tuple[bytes, bytes]
    ) -> _Node:
        content_type = found.get(b"content-type", b"")
        kind = media_type(content_type)
        params = parameters(content_type) if kind[0] else ()
        node = _Node(start, body, depth, found, kind if kind[0] else default, params)
        if self.open:
            self.open[-1].children.append(node)
        self.nodes.append(node)
        self.open.append(node)
        self.room -= sum(map(len, found.values()))
        self.position = max(body - 2, 0)
        if node.kind[0] == b"multipart":
            self._open_multipart(node)
        return node

    def _open_multipart(self, node: _Node) -> None:
        boundary = parameter(node.params, b"boundary").rstrip()
        line = b"--" + boundary
        # A boundary that is open already belongs to the outer multipart, whose parts these then are.
        if 0 < len(boundary) <= BOUNDARY and node.depth < DEPTH and line not in self.boundaries:
            node.boundary = line
            self.boundaries[line] = len(self.open) - 1

    # -- The pass -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Reads on until the message ends or holds too many parts."""
        self._descend()
        while self.boundaries and self._has_room():
            found = self._delimiter(len(self.data))
            if found is None:
                break
            self._part_after(found)
        self._close(0, len(self.data))

    def _has_room(self) -> bool:
        return len(self.nodes) < PARTS and self.room > 0

    def _delimiter(self, before: int) -> _Delimiter | None:
        """The next open boundary's line that begins ahead of `before`; no candidate is looked at twice."""
        while self.misses < NEAR_MISSES:
            at = self.data.find(b"\r\n--", self.position, before)
            if at < 0:
                self.position = max(self.position, before - 3)
                return None
            self.position = at + 2
            found = self._match(at)
            if found is not None:
                return found
            self.misses += 1
        return None

    def _match(self, at: int) -> _Delimiter | None:
        line = self.data[at + 2 : at + 2 + _LINE]
        stop = line.find(b"\r\n")
        if stop < 0 and len(line) == _LINE:
            return None
        line = line[: stop if stop >= 0 else len(line)].rstrip(b" \t")
        level = self.boundaries.get(line)
        closing = level is None and line.endswith(b"--")
        if closing:
            level = self.boundaries.get(line[:-2])
        after = len(self.data) if stop < 0 else at + stop + 4
        return None if level is None else _Delimiter(at, after, level, closing)

    def _part_after(self, found: _Delimiter) -> None:
        """Ends what the delimiter ends, and begins the part that follows, unless it is the last line."""
        self._close(found.level + 1, found.at)
        parent = self.open[found.level]
        if found.closing:
            del self.boundaries[parent.boundary]
            return
        start = found.after
        body = self._header_end(start)
        block = self.data[start : min(body, start + HEADER_OCTETS)]
        default = _MESSAGE if parent.kind[1] == b"digest" else _TEXT
        self.begin(start, body, parent.depth + 1, first_fields(block, _WANTED), default)
        self._descend()

    def _descend(self) -> None:
        """Begins the embedded message, and the one in that, while there is one."""
        node = self.open[-1]
        while node.kind in _EMBEDDED and node.depth < DEPTH and self._has_room() and _encoding(node) in _IDENTITY:
            node = self.message(node.body, self._header_end(node.body), node.depth + 1)

    def _header_end(self, start: int) -> int:
        """Where the header that begins at `start` ends: after an empty line, or where its part does."""
        self.position = max(start - 2, 0)
        if self.blank < self.position:
            blank = self.data.find(b"\r\n\r\n", self.position)
            self.blank = blank if blank >= 0 else len(self.data)
        found = self._delimiter(self.blank) if self.boundaries else None
        if found is None:
            return min(self.blank + 4, len(self.data))
        return max(found.at + 2, start)

    # -- Parts end ------------------------------------------------------------------------------------------

    def _close(self, level: int, end: int) -> None:
        while len(self.open) > level:
            node = self.open.pop()
            node.end = max(end, node.body)
            if node.boundary:
                self.boundaries.pop(node.boundary, None)

    def freeze(self) -> Part:
        lines = self._count_lines()
        done: dict[int, Part] = {}
        for node in reversed(self.nodes):
            done[id(node)] = _part(node, lines, tuple(done.pop(id(child)) for child in node.children))
        return done[id(self.nodes[0])]

    def _count_lines(self) -> dict[int, int]:
        """Line ends before each offset that matters: the octets are counted once, however parts nest."""
        marks = sorted({mark for node in self.nodes if _has_lines(node) for mark in (node.body, node.end)})
        counts: dict[int, int] = {}
        total, start = 0, marks[0] if marks else 0
        for mark in marks:
            total += count_lines(self.data, start, mark)
            counts[mark] = total
            start = mark
        return counts


def count_lines(data: Octets, start: int, end: int, line_end: bytes = b"\n") -> int:
    """Line ends (one octet) in `data[start:end]`."""
    if isinstance(data, bytes):
        return data.count(line_end, start, end)
    return sum(data[at : min(at + _STEP, end)].count(line_end) for at in range(start, end, _STEP))


_STEP: Final = 256 * 1024


def _has_lines(node: _Node) -> bool:
    return node.kind[0] == b"text" or node.kind in _EMBEDDED


def _encoding(node: _Node) -> bytes:
    return token(node.fields.get(b"content-transfer-encoding", b"")) or b"7bit"


def _part(node: _Node, lines: dict[int, int], parts: tuple[Part, ...]) -> Part:
    get = node.fields.get
    disposition = get(b"content-disposition", b"")
    embedded = _envelope(node.children[0].fields) if node.kind in _EMBEDDED and node.children else None
    return Part(
        header=node.header,
        body=node.body,
        end=node.end,
        lines=lines[node.end] - lines[node.body] if _has_lines(node) else 0,
        type=node.kind[0],
        subtype=node.kind[1],
        params=node.params,
        id=get(b"content-id", b""),
        description=get(b"content-description", b""),
        encoding=_encoding(node),
        md5=get(b"content-md5", b""),
        disposition=token(disposition),
        disposition_params=parameters(disposition),
        language=get(b"content-language", b""),
        location=get(b"content-location", b""),
        envelope=embedded,
        parts=parts,
    )


def _envelope(found: dict[bytes, bytes]) -> Envelope:
    """The envelope of a message with these fields; Sender and Reply-To default to From (RFC 9051 §7.5.2)."""
    get = found.get
    from_ = addresses(get(b"from", b""))
    return Envelope(
        get(b"date", b""),
        get(b"subject", b""),
        from_,
        addresses(get(b"sender", b"")) or from_,
        addresses(get(b"reply-to", b"")) or from_,
        addresses(get(b"to", b"")),
        addresses(get(b"cc", b"")),
        addresses(get(b"bcc", b"")),
        get(b"in-reply-to", b""),
        get(b"message-id", b""),
    )
