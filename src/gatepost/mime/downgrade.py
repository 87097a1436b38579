"""The surrogate of a header with 8-bit octets, for clients that did not ask for UTF-8 (RFC 6858).

What section 2 of the RFC asks, and where we do more:

- §2.1: in address fields an address that is not ASCII becomes an empty group that says so, so that nobody can answer
  to a wrong address. Where only the display name is not ASCII, the name becomes encoded words and the address stays.
- §2.2: a MIME parameter that is not ASCII could be taken out; we write it after RFC 2231 instead (unless the field
  has that form too), because an attachment that keeps its name is worth more. Clients that do not know RFC 2231 see no
  parameter, as the RFC wants. §2.2 also means the headers of body parts: those stay as they are, see below.
- §2.3: Subject becomes encoded words (RFC 2047); so do the other fields that are free text.
- §2.4: every other field that is not ASCII is taken out.

Octets that are no UTF-8 are read as windows-1252: raw Latin-1 is what such mail has. Fields that are ASCII stay
octet for octet. Only the message's own header is changed: the headers inside its body (of parts, of embedded
messages) go out with the body as they are, as 8-bit body text does, so that sizes and offsets of the body stay true.

The result depends on nothing but the header, so its size can be told without making it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from gatepost.mime.addresses import Address, addresses
from gatepost.mime.headers import raw_fields, unfold
from gatepost.mime.parameters import parameters
from gatepost.mime.words import encode_words

HEADER_OCTETS: Final = 1024 * 1024
"""A header longer than this has no surrogate: it goes out as it is, rather than being held in memory again."""

FIELD_OCTETS: Final = 64 * 1024
"""A field that is not ASCII and longer than this is taken out, as one that cannot be presented (RFC 6858 §2.4)."""

FIELDS: Final = 500
"""Fields that are converted; further ones that are not ASCII are taken out. Real headers have a few."""

_ADDRESSES: Final = frozenset({
    b"bcc", b"cc", b"from", b"reply-to", b"resent-bcc", b"resent-cc", b"resent-from", b"resent-sender", b"resent-to",
    b"return-path", b"sender", b"to",
})  # fmt: skip
_MIME: Final = frozenset({b"content-type", b"content-disposition"})
_TEXT: Final = frozenset({
    b"subject", b"comments", b"content-description", b"organization", b"thread-topic", b"user-agent", b"x-mailer",
})  # fmt: skip

_PARAMETER_OCTETS: Final = 900
"""As written; with its name the line stays below 998 (RFC 5322 §2.1.1)."""

_SPECIAL: Final = re.compile(rb'[()<>\[\]:;@\\,."]')
_ESCAPE: Final = re.compile(rb'["\\]')
_EXTENDED: Final = re.compile(rb"[!#$%&'+.^_`{|}~0-9A-Za-z-]+")
"""RFC 2231 §7: attribute characters, the percent sign, and the quotes around the language."""


def ascii_size(header: bytes, size: int) -> int:
    """Octets of a message of `size` octets with the surrogate of its header; 0 if the header needs none."""
    return 0 if header.isascii() else size - len(header) + len(surrogate(header))


def surrogate(header: bytes) -> bytes:
    """The header (with its closing empty line) in pure ASCII; the same one, if it is ASCII already."""
    return header if header.isascii() else b"".join(surrogate_fields(header))


def surrogate_fields(header: bytes) -> Iterator[bytes]:
    """The fields of `surrogate` one by one, for whoever has to let others run between them."""
    turned = 0
    for field in raw_fields(header):
        if field.isascii():
            yield field
        elif turned < FIELDS:
            turned += 1
            yield _field(field)


def _field(field: bytes) -> bytes:
    name, colon, value = field.partition(b":")
    key = name.strip().lower()
    if not colon or not name.isascii() or len(field) > FIELD_OCTETS:
        return b""
    text = unfold(value).strip()
    if key in _ADDRESSES:
        return _folded(name, b",", _address_list(text))
    if key in _MIME:
        return _mime(name, text)
    if key in _TEXT or key.startswith(b"x-"):
        return _folded(name, b"", encode_words(_text(text)))
    return b""


def _folded(name: bytes, separator: bytes, lines: list[bytes]) -> bytes:
    return name + b": " + (separator + b"\r\n ").join(lines) + b"\r\n"


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def _address_list(text: bytes) -> list[bytes]:
    """The addresses; members of a group without it, for an empty group cannot stand inside a group."""
    lines: list[bytes] = []
    group: bytes | None = None
    for one in addresses(text):
        if one.host is not None:
            lines.append(_address(one, one.host))
            group = None
        elif one.mailbox is not None:
            group = one.mailbox
        elif group is not None:
            lines.append(_phrase(group) + b":;")
    return lines


def _address(one: Address, host: bytes) -> bytes:
    spec = (one.mailbox or b"") + (b"@" + host if host else b"")
    if not spec.isascii():
        return _phrase(one.name or b"internationalized-address") + b":;"
    return _phrase(one.name) + b" <" + spec + b">" if one.name else b"<" + spec + b">"


def _phrase(name: bytes) -> bytes:
    if not name.isascii():
        return b"\r\n ".join(encode_words(_text(name)))
    return _quoted(name) if _SPECIAL.search(name) else name


def _quoted(value: bytes) -> bytes:
    return b'"' + _ESCAPE.sub(rb"\\\g<0>", value) + b'"'


def _mime(name: bytes, text: bytes) -> bytes:
    head = text.partition(b";")[0].strip()
    if not head.isascii():
        return b""
    found = parameters(text)
    extended = {key.partition(b"*")[0] for key, _ in found if b"*" in key}
    written = (_parameter(key, value) for key, value in found if value.isascii() or key not in extended)
    return _folded(name, b";", [head, *(one for one in written if 0 < len(one) <= _PARAMETER_OCTETS)])


def _parameter(key: bytes, value: bytes) -> bytes:
    """RFC 2231 §4 for what is not ASCII; nothing for a parameter that cannot be written so."""
    if not key.isascii():
        return b""
    if value.isascii():
        # An extended value is never quoted (RFC 2231 §7); it has no character that would need it.
        return key + b"=" + (value if key.endswith(b"*") and _EXTENDED.fullmatch(value) else _quoted(value))
    if b"*" in key:
        return b""
    return key + b"*=utf-8''" + quote(_text(value), safe="").encode("ascii")
