"""The wire form: what POP3 and IMAP hand out has CRLF at every line's end (RFC 5322 §2.3, RFC 1939 §3).

Mail files have bare LF more often than not, and some have both. The wire form is made once, at ingest, and
`line_ends` remembers how to go back:

`crlf`   the wire form is the original, octet for octet;
`lf`     the original has LF throughout and no CR: turning CRLF into LF gives it back exactly;
`mixed`  neither: the original must be stored beside the wire form.

A last line without an end stays without one. Who hands the message out ends it (RFC 1939 §3), and counts that line
end in its size (§5): see `missing_end`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from mmap import mmap
from typing import Final

from gatepost.model import CHUNK

Octets = bytes | mmap
"""A whole message: in memory, or a mapped file of which only slices are ever copied."""

CRLF: Final = "crlf"
LF: Final = "lf"
MIXED: Final = "mixed"


def pieces(data: Octets) -> Iterator[bytes]:
    """The octets in slices of `CHUNK`."""
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]


def line_ends(data: Octets) -> str:
    """How the lines of a message end: `crlf`, `lf` or `mixed`. A message of one unended line is `crlf`."""
    returns = feeds = pairs = 0
    after_cr = False
    for piece in pieces(data):
        returns += piece.count(b"\r")
        feeds += piece.count(b"\n")
        pairs += piece.count(b"\r\n") + (after_cr and piece.startswith(b"\n"))
        after_cr = piece.endswith(b"\r")
    if returns == feeds == pairs:
        return CRLF
    return LF if returns == 0 else MIXED


def to_wire(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """CRLF for every CRLF, LF and CR, over slices that may cut a CRLF in two."""
    after_cr = False
    for chunk in chunks:
        piece = chunk[1:] if after_cr and chunk.startswith(b"\n") else chunk
        after_cr = chunk.endswith(b"\r") if chunk else after_cr
        yield piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


class ToLf:
    """The inverse of `to_wire` for a message whose `line_ends` are `lf`, fed in slices cut anywhere."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """The next octets. A CR at a slice's end waits for its LF, which always comes: such a message has no other."""
        chunk = self._held + chunk
        self._held = b"\r" if chunk.endswith(b"\r") else b""
        return chunk.removesuffix(self._held).replace(b"\r\n", b"\n")


def missing_end(tail: bytes) -> int:
    """Octets that end the last line of a wire form with these last octets (two, or all there are): 2 if it has no end.

    An empty message has no last line.
    """
    return 0 if not tail or tail.endswith(b"\r\n") else 2


def canonical(data: bytes) -> tuple[bytes, str]:
    """The wire form of a message in memory, and its `line_ends`."""
    ends = line_ends(data)
    return (data, ends) if ends == CRLF else (b"".join(to_wire(pieces(data))), ends)
