"""The preview: the first words of a message, as one line of plain text.

Only the first octets of one part are decoded, so its cost does not grow with the message.
"""

from __future__ import annotations

import html
import re
from binascii import a2b_qp
from typing import Final

from gatepost.mime.words import base64_octets, clean, decode

PREVIEW: Final = 200
"""Characters; two lines on a phone."""

PLAIN_OCTETS: Final = 4 * 1024
HTML_OCTETS: Final = 8 * 1024
"""Octets of the encoded part that are looked at; HTML begins with styles."""

_INVISIBLE: Final = re.compile(r"(?is)<(style|script|head|title)\b.*?(?:</\1[^>]*+>?|\Z)|<!--.*?(?:-->|\Z)")
_TAG: Final = re.compile(r"<[^>]*+>?")
_NO_CHARACTER: Final = re.compile(r"&#(?:[0-9]{9,}+|[xX][0-9a-fA-F]{9,}+);?")
"""A reference to a number that no character has: `html.unescape` would make a number of however many digits."""


def window(subtype: bytes) -> int:
    """How many octets of a text part `preview` wants."""
    return HTML_OCTETS if subtype == b"html" else PLAIN_OCTETS


def preview(data: bytes, encoding: bytes, charset: bytes, subtype: bytes) -> str:
    """The first characters of a text part, of which `data` is the beginning."""
    text = decode(content(data, encoding), charset.decode("ascii", "replace"))
    if subtype == b"html":
        text = html.unescape(_NO_CHARACTER.sub("\ufffd", _TAG.sub(" ", _INVISIBLE.sub(" ", text))))
    return clean(text, PREVIEW)


def content(data: bytes, encoding: bytes) -> bytes:
    """Undoes a content-transfer-encoding (RFC 2045 §6); garbage gives garbage, an unknown one changes nothing."""
    if encoding == b"quoted-printable":
        return a2b_qp(data)
    return base64_octets(data) if encoding == b"base64" else data
