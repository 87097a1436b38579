"""Whether the system of a peer that reads nothing is still there.

A client may pause in the middle of a message: it reads nothing, its window is closed, and its system answers our probes
all the same (RFC 9293 §3.8.6.1). Another has vanished: its system answers nothing. TCP_USER_TIMEOUT takes both for the
same (RFC 5482 §3, tcp(7)), so we look ourselves, by TCP_INFO: who owes an acknowledgement for a whole lease is gone.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import Final

from msgspec import Struct

LOOKS: Final = 8
"""In each lease: a system that vanished is noticed so much of a lease late."""

_INFO: Final = getattr(socket, "TCP_INFO", 11)
_OCTETS: Final = 148
"""Up to `tcpi_notsent_bytes`, which Linux has since 4.6."""


class TcpState(Struct, frozen=True):
    """What the kernel knows of a connection."""

    owing: bool
    """The peer's system has not answered what we sent, data or probes."""
    waiting: bool
    """We have data that the peer's window has no room for."""
    silent: float
    """Seconds since its system last acknowledged anything."""


def tcp_state(descriptor: int) -> TcpState | None:
    """None where the system does not tell, or it is no TCP socket."""
    borrowed = socket.socket(fileno=descriptor)
    try:
        info = borrowed.getsockopt(socket.IPPROTO_TCP, _INFO, _OCTETS)
    except OSError:
        return None
    finally:
        borrowed.detach()
    return None if len(info) < _OCTETS else read_info(info)


def read_info(info: bytes) -> TcpState:
    """From `struct tcp_info` of <linux/tcp.h>."""
    retransmits, probes = info[2], info[3]
    (unacknowledged,) = struct.unpack_from("=I", info, 24)
    (since_ack,) = struct.unpack_from("=I", info, 56)
    (not_sent,) = struct.unpack_from("=I", info, 144)
    return TcpState(
        owing=bool(retransmits or probes or unacknowledged),
        waiting=not_sent > 0,
        silent=since_ack / 1000,
    )


def probe_within(descriptor: int, seconds: float) -> None:
    """The kernel probes a closed window no later than so long after it was closed; 0: as late as two minutes.

    It does so where TCP_USER_TIMEOUT would end, and then gives the peer up if nobody has put that off meanwhile. The
    kernel counts from when the window was closed, and goes on counting when it opens a little only.
    """
    if (option := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:
        borrowed = socket.socket(fileno=descriptor)
        try:
            with suppress(OSError):
                borrowed.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
        finally:
            borrowed.detach()


class Pulse:
    """Looks at one connection; while nothing is owed, or it is not time yet, that costs next to nothing."""

    __slots__ = ("_closed", "_done", "_due", "_extended", "_lease")

    def __init__(self, lease: float) -> None:
        """`lease`: seconds after which who has vanished is given up."""
        self._lease = lease
        self._due = self._done = self._closed = -1.0
        self._extended = False

    def lost(self, descriptor: int, said: float, now: float) -> bool:
        """Whether the peer has vanished. `said`: when something was last sent to it."""
        if now < self._due or said == self._done:
            return False
        self._due = now + self._lease / LOOKS
        state = tcp_state(descriptor)
        if state is None or not (state.owing or state.waiting):
            self._done = said  # keep-alive does the rest
            if self._extended:
                probe_within(descriptor, 0)
                self._extended = False
            return False
        if state.owing and state.silent >= self._lease:
            return True
        if state.waiting:
            if not self._extended:
                self._extended, self._closed = True, now
            probe_within(descriptor, now - self._closed + self._lease * (2 / LOOKS) + max(self._lease / 2, 5.0))
        return False
