"""One TCP connection to one address, and how the attempt ended."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from typing import Final

from gatepost.doctor.facts import Dial, Reach

_REACHES: Final = {
    errno.ECONNREFUSED: Reach.REFUSED,
    errno.ETIMEDOUT: Reach.TIMED_OUT,
    errno.EHOSTUNREACH: Reach.NO_ROUTE,
    errno.ENETUNREACH: Reach.NO_ROUTE,
    errno.EHOSTDOWN: Reach.NO_ROUTE,
    errno.ENETDOWN: Reach.NO_ROUTE,
    errno.EAFNOSUPPORT: Reach.NO_ROUTE,
    errno.EADDRNOTAVAIL: Reach.NO_ROUTE,
    errno.EACCES: Reach.FORBIDDEN,
    errno.EPERM: Reach.FORBIDDEN,
    errno.ECONNRESET: Reach.RESET,
    errno.ECONNABORTED: Reach.RESET,
    errno.EPIPE: Reach.RESET,
}
"""EADDRNOTAVAIL is what a machine without any IPv6 address says."""


async def connect(host: str, address: str, port: int, timeout: float) -> tuple[Dial, socket.socket | None]:  # noqa: ASYNC109
    """Connects; the socket is the caller's, not blocking, and there only if `reach` is OPEN. Seconds of `timeout`."""
    began = time.monotonic()
    connection: socket.socket | None = None
    reach, error, own = Reach.FAILED, "", ""
    try:
        connection = _socket(address)
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().sock_connect(connection, _numeric(address, port))
        reach, own = Reach.OPEN, str(connection.getsockname()[0])
    except TimeoutError as failure:
        # The system's own ETIMEDOUT arrives as TimeoutError too.
        reach, error = Reach.TIMED_OUT, str(failure) or f"no answer within {timeout:g} seconds"
    except (OSError, ValueError, OverflowError) as failure:
        reach, error = reach_of(failure), _text(failure)
    finally:
        if connection is not None and reach is not Reach.OPEN:
            connection.close()
    seconds = time.monotonic() - began
    return Dial(host, address, port, reach, seconds, error, own), connection if reach is Reach.OPEN else None


async def dial(host: str, address: str, port: int, timeout: float) -> Dial:  # noqa: ASYNC109 -- the contract's form
    """Connects and hangs up. `address` is numeric, `timeout` in seconds. Raises nothing."""
    tried, connection = await connect(host, address, port, timeout)
    if connection is not None:
        connection.close()
    return tried


def reach_of(failure: Exception) -> Reach:
    """How a failed attempt is called."""
    number = failure.errno if isinstance(failure, OSError) else None
    return _REACHES.get(number or 0, Reach.FAILED)


def _text(failure: Exception) -> str:
    """The system's words, which asyncio puts its own in the place of."""
    number = failure.errno if isinstance(failure, OSError) else None
    return f"[Errno {number}] {os.strerror(number)}" if number is not None and number > 0 else str(failure)


def _socket(address: str) -> socket.socket:
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _numeric(address: str, port: int) -> tuple[object, ...]:
    """A socket address that needs no resolver, with the scope of a link-local IPv6 address."""
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=flags)[0][4]
