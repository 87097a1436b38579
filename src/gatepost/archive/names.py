"""Folder names as file names, and back.

Maildir++ writes names in IMAP's modified UTF-7 (RFC 3501 §5.1.3) with `.` between levels. Elsewhere names stay as
they are, and only what a file system cannot hold, or could be led astray by, is written in the same way.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error
from typing import Final
from unicodedata import normalize

from gatepost.text import visible

_ENCODED: Final = re.compile(r"&([A-Za-z0-9+,]*)-")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f/\\]+|^\.+|^$")
_UNSAFE_MAILDIR: Final = re.compile(r"[^\x20-\x7e]+|[./\\]+|^$")
_UNSAFE_KEYWORD: Final = re.compile(r"[^\x21-\x7e]+|[(){%*\"\\\]]+")
_EMPTY: Final = "\u200b"
"""Stands for a level without a name, which no file system has."""


def decode(name: str) -> str:
    """Modified UTF-7 to text in NFC; a name that is not valid in it is taken as it stands."""
    try:
        return normalize("NFC", _ENCODED.sub(lambda found: _decoded(found[1]), name))
    except (Error, UnicodeDecodeError):
        return normalize("NFC", name)


def _decoded(text: str) -> str:
    if not text:
        return "&"
    return b64decode(text.replace(",", "/") + "=" * (-len(text) % 4)).decode("utf-16-be")


def _encode(name: str, unsafe: re.Pattern[str]) -> str:
    return unsafe.sub(lambda found: _encoded(found[0] or _EMPTY), name.replace("&", "&-"))


def _encoded(text: str) -> str:
    return "&" + b64encode(text.encode("utf-16-be", "replace")).decode().rstrip("=").replace("/", ",") + "-"


def to_path(mailbox: str) -> tuple[str, ...]:
    """A mailbox name as path steps: none of them empty, `.`, `..` or hidden."""
    return tuple(_encode(level, _UNSAFE) for level in mailbox.split("/"))


def to_maildir(mailbox: str) -> str:
    """A mailbox name as a Maildir++ folder: `Sent/2019` is `.Sent.2019`."""
    return "".join("." + _encode(level, _UNSAFE_MAILDIR) for level in mailbox.split("/"))


def from_path(steps: tuple[str, ...]) -> str:
    """The inverse of `to_path`; a step that begins with a dot is a Maildir++ folder with its levels."""
    levels = [level for step in steps for level in (step[1:].split(".") if step.startswith(".") else (step,))]
    return "/".join(level(decode(one)) for one in levels)


def keyword(name: str) -> str:
    """A name as a keyword of IMAP (RFC 9051 §9): ASCII, without blanks and what an atom cannot hold."""
    return _encode("_".join(name.split()), _UNSAFE_KEYWORD)


def level(name: str) -> str:
    """A level of a name that is fit for a terminal: what cannot be shown becomes `_`."""
    return "".join(c if visible(c) and c != "/" else "_" for c in name.replace(_EMPTY, ""))
