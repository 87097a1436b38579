"""What the first octets of a connection mean, and what a protocol says before it has a session. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from gatepost.ports import Listener, TlsMode

HANDSHAKE: Final = 0x16
"""ContentType of the record that holds a ClientHello (RFC 8446 §5.1). No text protocol begins with it."""

ACCESS_DENIED: Final = b"\x15\x03\x01\x00\x02\x02\x31"
"""Fatal alert 49 (RFC 8446 §6.2), in the clear as it must be before any key is agreed."""
DECODE_ERROR: Final = b"\x15\x03\x01\x00\x02\x02\x32"
NO_APPLICATION_PROTOCOL: Final = b"\x15\x03\x03\x00\x02\x02\x78"
"""Fatal alert 120 (RFC 7301 §3.2)."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a protocol says where there is no session yet. `net` carries these octets and knows none of them."""

    refusal: Callable[[str], bytes]
    """One line for a client that we do not serve now; the argument is the reason in English."""
    wrong_door: Callable[[Listener], bytes]
    """One line for a client that does not begin TLS on a port that speaks TLS from the first octet."""
    alpn: tuple[str, ...] = ()
    """Names in the ALPN registry. A client that offers others only is at the wrong server, or is made to attack
    it across protocols (ALPACA): it is turned away. Empty: not looked at."""


class Door(Enum):
    """Where a client that showed its first octets goes."""

    TLS = auto()
    PLAIN = auto()
    WRONG = auto()


def door(first: bytes, mode: TlsMode) -> Door:
    """Decides by the first octet; `first` is empty if the client waits for us.

    A client that begins TLS gets it on every port where TLS can be had (RFC 8314 §4 wants more of it, not less).
    """
    begins_tls = first[:1] == bytes((HANDSHAKE,))
    match mode:
        case TlsMode.IMPLICIT:
            return Door.TLS if begins_tls else Door.WRONG
        case TlsMode.STARTTLS | TlsMode.OPPORTUNISTIC:
            return Door.TLS if begins_tls else Door.PLAIN
        case _:
            return Door.PLAIN
