"""The surrogate of a header with 8-bit octets, for clients that did not ask for UTF-8 (RFC 6858).

What section 2 of the RFC asks, and where we do more:

- §2.1: in address fields an address that is not ASCII becomes an empty group that says so, so that nobody can answer
  to a wrong address. Where only the display name is not ASCII, the name becomes encoded words and the address stays.
- §2.2: a MIME parameter that is not ASCII could be taken out; we write it after RFC 2231 instead (unless the field
  has that form too), because an attachment that keeps its name is worth more. Clients that do not know RFC 2231 see no
  parameter, as the RFC wants. §2.2 also means the headers of body parts: those stay as they are, see below.
- §2.3: Subject becomes encoded words (RFC 2047); so do the other fields that are free text.
- §2.4: every other field that is not ASCII is taken out.

A field whose octets are no UTF-8 stays as it came, octet for octet: the RFC is about UTF-8, and nobody can tell KOI8-R
from windows-1251, GB2312 or Latin-1 by looking, but the reader's mail program may know. Encoded words that stand beside
UTF-8 stay what they are. Fields that are ASCII stay octet for octet. Only the message's own header is changed: the
headers inside its body (of parts, of embedded messages) go out with the body as they are, as 8-bit body text does, so
that sizes and offsets of the body stay true.

The result depends on nothing but the header, so its size can be told without making it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from gatepost.mime.addresses import Address, addresses
from gatepost.mime.headers import unfold
from gatepost.mime.parameters import parameters
from gatepost.mime.wire import missing_end
from gatepost.mime.words import WORD, encode_words

HEADER_OCTETS: Final = 1024 * 1024
"""A header longer than this has no surrogate: it goes out as it is, rather than being held in memory again."""

FIELD_OCTETS: Final = 64 * 1024
"""A field that is not ASCII and longer than this is taken out, as one that cannot be presented (RFC 6858 §2.4)."""

FIELDS: Final = 500
OCTETS: Final = 128 * 1024
"""Fields, and octets of them, that are converted: a hundredth of a second of work. Further ones that are not ASCII are
taken out. Real headers have a few; a thousand recipients have some 60 kB."""

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


_EIGHT_BIT: Final = re.compile(rb"[\x80-\xff]")
_END: Final = re.compile(rb"\r\n(?![ \t])")
_BEGIN: Final = re.compile(rb"[^ \t]\n\r")
"""Where a field begins, in a header read from its end."""


def ascii_size(header: bytes, size: int, *, ended: bool = True) -> int:
    """Octets that are handed out of a message of `size` octets, with the surrogate of its header; 0 if it needs none.

    `ended`: its last line has an end. One that has none gets it, and that counts.
    """
    written = surrogate(header)
    if written == header:
        return 0
    rest = size - len(header)
    missing = (0 if ended else 2) if rest else missing_end(written[-2:])
    return len(written) + rest + missing


def surrogate(header: bytes) -> bytes:
    """The header (with its closing empty line), its fields in UTF-8 turned to ASCII; the same one, if it has none.

    Linear, and what is ASCII is passed over in one go. Never empty.
    """
    return header if header.isascii() else b"".join(surrogate_fields(header))


def surrogate_fields(header: bytes) -> Iterator[bytes]:
    """The pieces of `surrogate` one by one, for whoever has to let others run between them."""
    backwards = b""
    done = octets = written = 0
    for _ in range(FIELDS):
        found = _EIGHT_BIT.search(header, done)
        if found is None or octets > OCTETS:
            break
        backwards = backwards or header[::-1]
        begin, end = _begin(header, backwards, found.start(), done), _end(header, found.start())
        piece = header[done:begin] + _field(header[begin:end])
        yield piece
        written += len(piece)
        octets += end - begin
        done = end
    rest = _rest(header[done:])
    yield rest if rest or written else b"\r\n"


def _begin(header: bytes, backwards: bytes, at: int, least: int) -> int:
    """Where the field around `at` begins; not before `least`, where one begins for certain."""
    found = _BEGIN.search(backwards, len(header) - at - 1, len(header) - least)
    return least if found is None else len(header) - found.start() - 1


def _end(header: bytes, at: int) -> int:
    found = _END.search(header, at)
    return len(header) if found is None else found.start() + 2


def _rest(header: bytes) -> bytes:
    """Fields beyond the limits: those in UTF-8 are taken out, all of them stay if they are in something else."""
    if header.isascii() or not _is_utf_8(header):
        return header
    fold = next((code for code in range(32) if code not in header), -1)
    if fold < 0:
        return b"\r\n"  # all control characters in a header beyond all limits: nothing in it can be presented
    mark = bytes((fold,))
    lines = header.replace(b"\r\n ", mark + b" ").replace(b"\r\n\t", mark + b"\t").split(b"\r\n")
    return b"\r\n".join([line for line in lines if line.isascii()]).replace(mark, b"\r\n")


def _is_utf_8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def _field(field: bytes) -> bytes:
    if not _is_utf_8(field):
        return field
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
        return _folded(name, b"", _words(text))
    return b""


def _folded(name: bytes, separator: bytes, lines: list[bytes]) -> bytes:
    return name + b": " + (separator + b"\r\n ").join(lines) + b"\r\n"


def _words(text: bytes) -> list[bytes]:
    """Text as encoded words; those that are there already stay.

    A blank between two encoded words is none (RFC 2047 §6.2), so the blanks around what becomes one go into it.
    """
    written: list[bytes] = []
    done = 0
    for known in WORD.finditer(text):
        written += _plain(text[done : known.start()])
        written.append(known[0])
        done = known.end()
    return written + _plain(text[done:])


def _plain(text: bytes) -> list[bytes]:
    if not text.isascii():
        return encode_words(text.decode())
    stripped = text.strip()
    return [stripped] if stripped else []


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
        return b"\r\n ".join(_words(name))
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
    return key + b"*=utf-8''" + quote(value, safe="").encode("ascii")
