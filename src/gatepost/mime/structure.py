"""What is known of a message after ingest: envelope, body structure with offsets, preview (RFC 9051 §7.5.2).

Strings from the message are kept as octets, just as they stand there (unfolded, without comments): a protocol that
needs another form makes it. Offsets are octets from the beginning of the wire form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from gatepost.mime.addresses import Address
from gatepost.mime.parameters import Parameters


class Envelope(Struct, frozen=True, array_like=True, omit_defaults=True):
    """RFC 9051's ENVELOPE, of the message or of one inside it. Empty means that the field is missing."""

    date: bytes = b""
    subject: bytes = b""
    from_: tuple[Address, ...] = ()
    sender: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    in_reply_to: bytes = b""
    message_id: bytes = b""


class Part(Struct, frozen=True, array_like=True):
    """A MIME entity: the message itself, a body part, or the message in a message/rfc822.

    `data[header:body]` is its header with the empty line, `data[body:end]` its body.
    """

    header: int
    body: int
    end: int
    lines: int
    """Line ends in the body; counted for text and embedded messages, else 0."""
    type: bytes
    """Lower case, as is `subtype`."""
    subtype: bytes
    params: Parameters = ()
    id: bytes = b""
    description: bytes = b""
    encoding: bytes = b"7bit"
    """Lower case."""
    md5: bytes = b""
    disposition: bytes = b""
    """Lower case; empty if there is none."""
    disposition_params: Parameters = ()
    language: bytes = b""
    location: bytes = b""
    envelope: Envelope | None = None
    """Of the embedded message: then `parts` holds just that."""
    parts: tuple[Part, ...] = ()
    """Body parts of a multipart; none where its boundary was missing or a limit was reached."""

    @property
    def size(self) -> int:
        """Octets of the body, encoded as it is."""
        return self.end - self.body


class Parsed(Struct, frozen=True, array_like=True):
    """Everything that readers need, so that they need not look into the body."""

    envelope: Envelope
    body: Part
    preview: str = ""
    """About 200 characters of plain text."""
    message_id: str = ""
    """With its angle brackets."""
    references: tuple[str, ...] = ()
    """Message-IDs of its ancestors, oldest first (RFC 5322 §3.6.4)."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Parsed)


def pack(parsed: Parsed) -> bytes:
    """The form in which `gatepost.model.Email.structure` keeps it."""
    return _ENCODER.encode(parsed)


def unpack(data: bytes) -> Parsed:
    """The inverse of `pack`. Raises msgspec.DecodeError for anything else."""
    return _DECODER.decode(data)


def leaves(part: Part) -> Iterator[Part]:
    """The parts without parts, in the order of the message; embedded messages are not opened."""
    waiting = [part]
    while waiting:
        part = waiting.pop()
        if part.parts and part.envelope is None:
            waiting.extend(reversed(part.parts))
        else:
            yield part
