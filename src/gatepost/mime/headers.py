"""Header blocks: where they end, and their fields (RFC 5322 §2.2, RFC 6532).

Works on the wire form. A block ends with its empty line; if it has none, the whole message is header.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gatepost.mime.wire import Octets

HEADER_OCTETS: Final = 256 * 1024
"""Octets of one header that are read for fields. The largest honest ones (long To, DKIM, trace) stay below 100 kB;
what is beyond is stored and handed out like all else, only not described."""

FIELDS: Final = 2_000
"""Fields of one header that are looked at: ten times what mail through twenty servers has."""

VALUE_OCTETS: Final = 64 * 1024
"""Octets of one field that are kept: about a thousand addresses."""


def header_end(data: Octets) -> int:
    """The length of the header with its empty line."""
    if data[:2] == b"\r\n":
        return 2
    blank = data.find(b"\r\n\r\n")
    return len(data) if blank < 0 else blank + 4


def unfold(block: bytes) -> bytes:
    """Takes out the line ends that fold a field (RFC 5322 §2.2.3)."""
    return block.replace(b"\r\n ", b" ").replace(b"\r\n\t", b"\t")


def fields(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name in lower case and unfolded value of each field; lines that are no field are passed over."""
    for line in unfold(block[:HEADER_OCTETS]).split(b"\r\n", FIELDS)[:FIELDS]:
        name, colon, value = line.partition(b":")
        if colon:
            yield name.rstrip().lower(), value[:VALUE_OCTETS].strip()


def first_fields(block: bytes, wanted: frozenset[bytes]) -> dict[bytes, bytes]:
    """The first field of each name that is wanted."""
    found: dict[bytes, bytes] = {}
    for name, value in fields(block):
        if name in wanted and name not in found:
            found[name] = value
    return found
