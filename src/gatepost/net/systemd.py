"""Talking to systemd: inherited sockets and readiness, by their environment variables, without its library.

Both protocols are plain: `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` describe open descriptors from 3 on
(sd_listen_fds(3)), `NOTIFY_SOCKET` names a datagram socket that takes `KEY=value` lines (sd_notify(3)).
Outside systemd everything here does nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Final

from gatepost.numbers import number

FIRST_DESCRIPTOR: Final = 3
"""SD_LISTEN_FDS_START."""

_MOST_SOCKETS: Final = 4096
"""Descriptors that a variable may claim: more than any unit lists."""


def inherited_sockets(environ: MutableMapping[str, str], pid: int) -> list[socket.socket]:
    """The sockets that are meant for process `pid`; takes their variables away, so that no child sees them.

    Of whatever kind they are: `adoption` tells of those that nobody can use. Names (`FileDescriptorName=`) are not
    looked at: family, address and number say which rows of the port table a socket serves. What is no socket stays.
    """
    given = {key: environ.pop(key, "") for key in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")}
    count = number(given["LISTEN_FDS"], _MOST_SOCKETS)
    if given["LISTEN_PID"] != str(pid) or count is None:
        return []
    found = []
    for position in range(count):
        descriptor = FIRST_DESCRIPTOR + position
        with suppress(OSError):
            os.set_inheritable(descriptor, False)
            found.append(socket.socket(fileno=descriptor))
    return found


OPENING_SECONDS: Final = 30
"""How much more time each sign of a start that goes on asks for (the service manager's own limit is 90 s)."""


class Notifier:
    """Tells the service manager how we are. Sending never fails and never waits: it is news, not a promise."""

    __slots__ = ("_address", "_socket", "watchdog_seconds")

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Takes `NOTIFY_SOCKET` and `WATCHDOG_USEC` away from `environ`: children must not speak for us."""
        address = environ.pop("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        if self._socket is not None:
            self._socket.setblocking(False)
        microseconds = environ.pop("WATCHDOG_USEC", "")
        environ.pop("WATCHDOG_PID", None)
        self.watchdog_seconds = (number(microseconds, 1 << 63) or 0) / 1_000_000
        """A sign of life is due at least this often; 0: none asked for."""

    def ready(self, status: str) -> None:
        """Every listener accepts (after the start, and after each reload)."""
        self._send(READY=1, MAINPID=os.getpid(), STATUS=status)

    def opening(self) -> None:
        """The store is being opened still: it is brought up to this release, or a command has it to itself."""
        self._send(EXTEND_TIMEOUT_USEC=OPENING_SECONDS * 1_000_000, STATUS="Waiting for the store")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._send(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)

    def stopping(self, status: str) -> None:
        """The drain begins."""
        self._send(STOPPING=1, STATUS=status)

    def alive(self) -> None:
        """The sign of life of sd_watchdog_enabled(3)."""
        if self.watchdog_seconds:
            self._send(WATCHDOG=1)

    def _send(self, **fields: object) -> None:
        if self._socket is None:
            return
        text = "\n".join(f"{key}={str(value).replace(chr(10), ' ')}" for key, value in fields.items())
        with suppress(OSError):
            self._socket.sendto(text.encode(), self._address)

    def close(self) -> None:
        """Gives the socket back; later calls do nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
