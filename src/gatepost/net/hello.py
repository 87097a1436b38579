"""Reads a TLS ClientHello (RFC 8446 §4.1.2): the server name and the protocols it asks for. Pure and bounded.

Python's `ssl` cannot refuse a handshake for its ALPN offer, and its SNI callback fails loudly on odd names;
both are decided here, before OpenSSL sees the first octet. Everything else is left to OpenSSL.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from msgspec import Struct

from gatepost.errors import PeerError

MOST_OCTETS: Final = 16 * 1024
"""A ClientHello with post-quantum key share and tickets has 2 to 4 kB."""
MOST_RECORDS: Final = 16
"""One record is usual; a bound keeps looking again at each arriving octet cheap."""

_HANDSHAKE_RECORD: Final = 22
_CLIENT_HELLO: Final = 1
_EXTENSION: Final = struct.Struct(">HH")
"""ExtensionType, and the length of what follows (RFC 8446 §4.2)."""
_SERVER_NAME: Final = 0
_ALPN: Final = 16
_CUT_SHORT: Final = "the ClientHello is cut short"
_NAME: Final = re.compile(rb"[A-Za-z0-9._-]{1,255}")


class HelloError(PeerError):
    """This is not a ClientHello, or one beyond all reason."""


class Hello(Struct, frozen=True):
    """What a client asks for."""

    server_name: str = ""
    """Lower case; empty if none was sent, or none that can be a host name (RFC 6066 §3)."""
    protocols: tuple[str, ...] = ()
    """ALPN names (RFC 7301), in the client's order."""


def read_hello(data: bytes) -> Hello | None:
    """The ClientHello at the start of `data`; None: its end has not arrived. Raises HelloError."""
    message = _handshake_message(data)
    if message is None:
        return None
    position = 2 + 32  # legacy_version, random
    for width in (1, 2, 1):  # legacy_session_id, cipher_suites, legacy_compression_methods
        position = _vector_end(message, position, width)
    return _extensions(message, position) if position < len(message) else Hello()


def _handshake_message(data: bytes) -> bytes | None:
    """Puts the message together from its records: a ClientHello may be split over several (RFC 8446 §5.1)."""
    message = bytearray()
    start = 0
    for _ in range(MOST_RECORDS):
        header = data[start : start + 5]
        if header[:1] and header[0] != _HANDSHAKE_RECORD:
            raise HelloError("this is not TLS")
        length = int.from_bytes(header[3:5])
        if len(header) < 5 or len(data) < start + 5 + length:
            break
        message += data[start + 5 : start + 5 + length]
        start += 5 + length
        if message[:1] and message[0] != _CLIENT_HELLO:
            raise HelloError("TLS does not begin with a ClientHello")
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4]):
            return bytes(message[4 : 4 + int.from_bytes(message[1:4])])
    else:
        raise HelloError("the ClientHello is in too many pieces")
    if len(data) > MOST_OCTETS or int.from_bytes(message[1:4]) > MOST_OCTETS:
        raise HelloError("the ClientHello is too long")
    return None


def _vector_end(data: bytes, position: int, width: int) -> int:
    """Where the vector at `position` ends, whose length stands before it in `width` octets (RFC 8446 §3.4)."""
    start = position + width
    end = start + int.from_bytes(data[position:start])
    if end > len(data) or start > len(data):
        raise HelloError(_CUT_SHORT)
    return end


def _extensions(data: bytes, position: int) -> Hello:
    """Walks over all extensions, some fifteen, and looks into two."""
    server_name = ""
    protocols: tuple[str, ...] = ()
    last = _vector_end(data, position, 2)
    position += 2
    while position < last:
        if position + 4 > len(data):
            raise HelloError(_CUT_SHORT)
        kind, length = _EXTENSION.unpack_from(data, position)
        end = position + 4 + length
        if end > len(data):
            raise HelloError(_CUT_SHORT)
        if kind == _SERVER_NAME:
            server_name = _server_name(data[position + 4 : end])
        elif kind == _ALPN:
            protocols = _protocols(data[position + 4 : end])
        position = end
    return Hello(server_name, protocols)


def _server_name(body: bytes) -> str:
    _vector_end(body, 0, 2)
    position = 2
    while position < len(body):
        end = _vector_end(body, position + 1, 2)
        name = body[position + 3 : end]
        if body[position] == 0 and _NAME.fullmatch(name):
            return name.decode("ascii").lower()
        position = end
    return ""


def _protocols(body: bytes) -> tuple[str, ...]:
    _vector_end(body, 0, 2)
    position = 2
    found = []
    while position < len(body):
        end = _vector_end(body, position, 1)
        found.append(body[position + 1 : end].decode("latin-1"))
        position = end
    return tuple(found)
