"""Everything that is computed once about a message, when it comes in."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from gatepost.mime import downgrade
from gatepost.mime.headers import header_end
from gatepost.mime.parameters import parameter
from gatepost.mime.scan import scan
from gatepost.mime.structure import Envelope, Parsed, Part, leaves, pack
from gatepost.mime.text import preview, window
from gatepost.mime.wire import Octets, missing_end

REFERENCES: Final = 100
"""Message-IDs kept for threading: the last ones, for the nearest ancestors matter most."""

_MESSAGE_ID: Final = re.compile(rb"<[!-;=?-~]{1,500}+>")
"""No white space, no 8-bit, no `<` inside; 500 octets fit into every index."""


class Ingested(Struct, frozen=True):
    """What the store keeps beside the body; see `gatepost.model.Email`."""

    header_octets: int
    structure: bytes
    message_id: str
    references: tuple[str, ...]
    ascii_size: int
    preview: str


def ingest(wire: Octets) -> Ingested:
    """Reads a message in wire form. Never raises for its content."""
    end = header_end(wire)
    parsed = _parse(wire, end)
    size = 0 if end > downgrade.HEADER_OCTETS else _ascii_size(wire, end)
    return Ingested(end, pack(parsed), parsed.message_id, parsed.references, size, parsed.preview)


def _ascii_size(wire: Octets, end: int) -> int:
    return downgrade.ascii_size(wire[:end], len(wire), ended=not missing_end(wire[-2:]))


def undescribed(wire: Octets) -> Ingested:
    """What can be said of any octets at all: one part that is no text. For a message on which `ingest` fails."""
    end = header_end(wire)
    body = Part(0, end, len(wire), 0, b"application", b"octet-stream", encoding=b"binary")
    parsed = Parsed(Envelope(), body)
    return Ingested(end, pack(parsed), "", (), 0, "")


def parse(wire: Octets) -> Parsed:
    """The envelope, structure and preview of a message in wire form. Never raises for its content."""
    return _parse(wire, header_end(wire))


def _parse(wire: Octets, end: int) -> Parsed:
    message = scan(wire, end)
    own = _MESSAGE_ID.search(message.fields.get(b"message-id", b""))
    return Parsed(
        envelope=message.envelope,
        body=message.body,
        preview=_preview(wire, message.body),
        message_id=own[0].decode("ascii") if own else "",
        references=_references(message.fields),
    )


def _references(fields: dict[bytes, bytes]) -> tuple[str, ...]:
    """RFC 5322 §3.6.4: References, or without it what In-Reply-To names."""
    value = fields.get(b"references") or fields.get(b"in-reply-to", b"")
    found = dict.fromkeys(_MESSAGE_ID.findall(value))
    return tuple(one.decode("ascii") for one in list(found)[-REFERENCES:])


def _preview(wire: Octets, body: Part) -> str:
    part = _readable(body)
    if part is None:
        return ""
    data = wire[part.body : min(part.end, part.body + window(part.subtype))]
    return preview(data, part.encoding, parameter(part.params, b"charset"), part.subtype)


def _readable(body: Part) -> Part | None:
    """The first plain text, else the first HTML, that is not an attachment."""
    html: Part | None = None
    for part in leaves(body):
        if part.type == b"text" and part.disposition != b"attachment" and part.size:
            if part.subtype == b"plain":
                return part
            html = html or (part if part.subtype == b"html" else None)
    return html
