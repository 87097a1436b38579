"""Encoded words (RFC 2047) and the charsets that we read.

The list of charsets is closed: Python's codec registry also holds compressors, quadratic ones (punycode) and UTF-7,
which hides ASCII from whoever looks at the octets.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp, b2a_base64
from typing import Final

from gatepost.text import visible

_CODECS: Final = {
    **{f"iso-8859-{n}": f"iso8859-{n}" for n in (*range(2, 12), 13, 14, 15, 16)},
    **{f"windows-{n}": f"cp{n}" for n in (874, *range(1250, 1259))},
    **{name: name for name in ("koi8-r", "koi8-u", "big5", "big5-hkscs", "gb18030", "euc-jp", "iso-2022-jp", "euc-kr")},
    **dict.fromkeys(("us-ascii", "ascii", "utf-8", "utf8"), "utf-8"),
    # Mail that says Latin-1 means its superset more often than C1 controls.
    **dict.fromkeys(("iso-8859-1", "latin1", "iso_8859-1"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk", "cp936", "x-gbk"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j"), "cp932"),
    **dict.fromkeys(("ks_c_5601-1987", "windows-949"), "cp949"),
    **dict.fromkeys(("tis-620",), "cp874"),
    **dict.fromkeys(("utf-16", "utf-16le", "utf-16be"), "utf-16"),
}

WORD: Final = re.compile(rb"=\?([!-)+->@-~]{1,40})(?:\*[!->@-~]{0,20})?\?([BbQq])\?([ ->@-~]*+)\?=")
_GAP: Final = re.compile(rb"(\?=)\s++(?==\?)")

SHOWN: Final = 2_000
"""Octets of a field that are decoded for people: no screen shows more of a subject."""


def decode(data: bytes, charset: str) -> str:
    """Octets as text; what is no text becomes U+FFFD, an unknown charset is read as UTF-8."""
    return data.decode(_CODECS.get(charset.strip().lower(), "utf-8"), "replace")


def decode_words(value: bytes, most: int = SHOWN) -> str:
    """A field's value for people: encoded words decoded, at most `most` octets of it, no control characters."""
    value = value[:most]
    if b"=?" not in value:
        return clean(decode(value, "utf-8"), most)
    parts: list[str] = []
    position = 0
    joined = _GAP.sub(rb"\1", value)
    for word in WORD.finditer(joined):
        parts.append(decode(joined[position : word.start()], "utf-8"))
        parts.append(decode(_word_octets(word[2], word[3]), word[1].decode("ascii")))
        position = word.end()
    parts.append(decode(joined[position:], "utf-8"))
    return clean("".join(parts), most)


def _word_octets(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"Qq":
        return a2b_qp(text, header=True)
    return base64_octets(text)


def base64_octets(text: bytes) -> bytes:
    """Decodes as much as is base64; garbage gives few octets, never an error."""
    try:
        return a2b_base64(text + b"==")
    except Error:  # one character too many for whole octets: fill it up, and drop the octet that this makes
        return a2b_base64(text + b"A==")[:-1]


def clean(text: str, most: int = SHOWN) -> str:
    """One line: white space collapsed, control and direction-changing characters gone (no tricks on a terminal)."""
    line = " ".join(text.split())[:most]
    if line.isascii() and line.isprintable():
        return line
    return " ".join("".join(c if visible(c) else " " for c in line).split())


def encode_words(text: str) -> list[bytes]:
    """Text as UTF-8 encoded words of at most 75 characters each (RFC 2047 §2), whole characters in each."""
    octets = text.encode("utf-8", "replace")
    words: list[bytes] = []
    start, end = 0, len(octets)
    while start < end or not words:
        stop = min(start + _WORD_OCTETS, end)
        while stop < end and octets[stop] & 0xC0 == 0x80:
            stop -= 1
        words.append(b"=?utf-8?B?" + b2a_base64(octets[start:stop], newline=False) + b"?=")
        start = stop
    return words


_WORD_OCTETS: Final = 45
"""60 characters of base64, and 12 of frame, make 72."""
