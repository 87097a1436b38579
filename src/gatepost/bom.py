"""Text files as people's programs write them: with a byte order mark in front, or without one, and in UTF-16 too.

Windows' editors and spreadsheets put the mark there, and nobody sees it. Whatever reads a file that a person wrote
reads it through here (The Unicode Standard §23.8; RFC 3629 §6).
"""

from __future__ import annotations

import codecs
from typing import Final

_UTF_8: Final = codecs.BOM_UTF8
_WIDE: Final = {codecs.BOM_UTF16_LE: ("utf-16-le", 3), codecs.BOM_UTF16_BE: ("utf-16-be", 2)}
"""The codec, and the first octet that is 0 in every second place wherever there is ASCII."""
_HEAD: Final = 400
"""Octets in which some ASCII is looked for (a digit, a blank): the mark alone may stand before any octets."""


def utf_16(octets: bytes) -> str:
    """The codec of a text in UTF-16; empty for another."""
    codec, first = _WIDE.get(octets[:2], ("", 0))
    return codec if codec and 0 in octets[first:_HEAD:2] else ""


def text(octets: bytes, errors: str = "strict") -> str:
    """The file's text without its mark: UTF-8, or UTF-16 where the mark says so. Raises UnicodeDecodeError."""
    wide = utf_16(octets)
    if wide:
        return octets[2:].decode(wide, errors)
    return octets.removeprefix(_UTF_8).decode("utf-8", errors)


def document(octets: bytes) -> str:
    """`text` with LF at its lines' ends, whichever ones the file has."""
    return text(octets).replace("\r\n", "\n").replace("\r", "\n")


def first_line(octets: bytes) -> str:
    """The text of what was read up to a line end, without it; the second octet of a wide one may still be missing."""
    if octets.startswith(codecs.BOM_UTF16_LE) and len(octets) % 2:
        octets += b"\0"
    return text(octets).partition("\n")[0].rstrip("\r")


def length(octets: bytes) -> int:
    """How many octets the mark of UTF-8 in front takes: 3, or 0. For files of octets, which stay as they are."""
    return len(_UTF_8) if octets.startswith(_UTF_8) else 0


def in_utf_8(octets: bytes) -> bytes:
    """A file of octets that a program saved as UTF-16: in UTF-8 again. Others stay as they are, mark and all.

    What is damaged (half a character at the end) is replaced, for a message must not be lost by its last octet.
    """
    return text(octets, "replace").encode("utf-8", "replace") if utf_16(octets) else octets
