"""The octets of POP3: limits with their reasons, and the few forms that several modules share."""

from __future__ import annotations

import binascii
import re
from typing import Final

CRLF: Final = b"\r\n"
END: Final = b".\r\n"
"""What ends a multi-line reply (RFC 1939 §3)."""

COMMAND_LIMIT: Final = 255
"""Octets of a command with its CRLF (RFC 2449 §4)."""

AUTH_LIMIT: Final = 12288
"""Octets of a line of an AUTH exchange, the first included: RFC 5034 §4 sets none, this is SMTP's (RFC 4954 §4)."""

STATUS_LIMIT: Final = 512
"""Octets of the first line of a reply with its CRLF (RFC 2449 §4)."""

BACKLOG: Final = 1024 * 1024
"""Octets of commands that may wait unread: far above what one read brings, far below what would hurt."""

PENDING: Final = 256 * 1024
"""Octets of replies that may wait before they are flushed: a client that never reads costs this much, no more."""

PENDING_EARLY: Final = 4 * 1024
"""The same before login, where anybody may come, and the longest reply (CAPA) has some 300 octets."""

_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}\Z")


def is_mechanism(name: str) -> bool:
    """Whether this has the form of a SASL mechanism's name (RFC 4422 §3.1)."""
    return _MECHANISM.match(name) is not None


def from_base64(text: bytes) -> bytes:
    """Strict base64 (RFC 4648 §3, §4). Raises ValueError for anything else, and for padding that hides bits."""
    data = binascii.a2b_base64(text, strict_mode=True)
    if binascii.b2a_base64(data, newline=False) != text:
        raise ValueError("not canonical base64")
    return data


def to_base64(data: bytes) -> bytes:
    """One line of base64, without line end."""
    return binascii.b2a_base64(data, newline=False)


def header_end(data: bytes | bytearray) -> int:
    """Octets of the header with its closing empty line; -1 if that line is not in `data`."""
    if data.startswith(CRLF):
        return 2
    at = data.find(b"\r\n\r\n")
    return at + 4 if at >= 0 else -1
