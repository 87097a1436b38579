"""The PROXY protocol, versions 1 and 2: how a load balancer says who the client really is. Pure.

Only networks that the administrator named may send the header, and they must: from anybody else it would be
a way to forge addresses. Checked against the specification "The PROXY protocol, versions 1 & 2" by HAProxy.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from msgspec import Struct

from gatepost.errors import PeerError
from gatepost.numbers import number

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
"""§2.2; cannot be the start of version 1."""
MOST_V1: Final = 107
"""§2.1: the longest possible line, CRLF included."""
MOST_V2: Final = 4096
"""Addresses need 36 octets; the rest is room for extensions (TLVs), which we skip."""

_LOCAL, _PROXY = 0, 1
_FAMILIES: Final = {0x11: 4, 0x21: 16}
"""§2.2: TCP over IPv4 and IPv6, with the octets of an address."""


class ProxyError(PeerError):
    """The header is missing, malformed or too long."""


class NoProxyError(ProxyError):
    """What came is no header at all."""


class Header(Struct, frozen=True):
    """A complete header."""

    size: int
    """Octets it took; what follows belongs to the client."""
    address: str = ""
    """The client's own; empty: the balancer speaks for itself (LOCAL, UNKNOWN), so its own address counts."""
    port: int = 0


def parse(data: bytes) -> Header | None:
    """The header at the start of `data`; None: its end has not arrived. Raises ProxyError."""
    if data.startswith(SIGNATURE):
        return _version_2(data)
    if SIGNATURE.startswith(data[: len(SIGNATURE)]):
        return None
    if data[:6] != b"PROXY "[: len(data)]:
        raise NoProxyError("no PROXY header from an address that must send one (setting `proxy_from`)")
    return _version_1(data)


def is_header(data: bytes) -> bool:
    """Whether this is how a header begins, and nothing that a client says."""
    return data.startswith((SIGNATURE, b"PROXY TCP", b"PROXY UNKNOWN"))


def _version_1(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, MOST_V1)
    if end < 0:
        if len(data) >= MOST_V1:
            raise ProxyError("the PROXY line is too long")
        return None
    words = data[:end].decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":
        return Header(end + 2)
    version = {"TCP4": 4, "TCP6": 6}.get(words[1])
    if version is None or len(words) != 6:
        raise ProxyError("the PROXY line is malformed")
    _address(words[3], version)
    _port(words[5])
    return Header(end + 2, _address(words[2], version), _port(words[4]))


def _address(text: str, version: int) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise ProxyError("the PROXY line has no valid address") from None
    if address.version != version or "%" in text:
        raise ProxyError("the PROXY line's address is of another family")
    return _plain(address)


def _plain(address: IPv4Address | IPv6Address) -> str:
    """As text; an IPv4 client that reached the balancer's dual-stack socket as what it is: limits count it so."""
    return str(getattr(address, "ipv4_mapped", None) or address)


def _port(text: str) -> int:
    port = number(text, 0xFFFF) if len(text) <= 5 else None
    if port is None:
        raise ProxyError("the PROXY line has no valid port")
    return port


def _version_2(data: bytes) -> Header | None:
    if len(data) < 16:
        return None
    version, command = data[12] >> 4, data[12] & 0x0F
    length = int.from_bytes(data[14:16])
    if version != 2 or command not in (_LOCAL, _PROXY):
        raise ProxyError("the PROXY header is of an unknown version")
    if length > MOST_V2:
        raise ProxyError("the PROXY header is too long")
    if len(data) < 16 + length:
        return None
    octets = _FAMILIES.get(data[13])
    if command == _LOCAL or octets is None:
        return Header(16 + length)
    if length < 2 * octets + 4:
        raise ProxyError("the PROXY header is cut short")
    source = ip_address(data[16 : 16 + octets])
    return Header(16 + length, _plain(source), int.from_bytes(data[16 + 2 * octets : 18 + 2 * octets]))
