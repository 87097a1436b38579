"""The keeper's Unix socket. A socket's path holds about 100 octets; a data directory's may be longer."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FILE: Final = "keeper.sock"
LONGEST_PATH: Final = 100
"""`sun_path` has 104 octets on macOS, 108 on Linux."""
SOCKET_BUFFER: Final = 4 * 1024 * 1024
"""Asked for; the system gives what it allows. What waits here while a sync is under way is the next batch."""


@contextmanager
def _address(directory: Path) -> Iterator[str]:
    """The socket's path, by way of an open directory where it would be too long (Linux)."""
    path = str(directory / FILE)
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield path
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{FILE}"
    finally:
        os.close(descriptor)


def _new_socket() -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
    return sock


def listening_socket(directory: Path) -> socket.socket:
    """Replaces what a keeper that died left behind: the caller holds the directory's lock. Only for its own user."""
    (directory / FILE).unlink(missing_ok=True)
    sock = _new_socket()
    try:
        with _address(directory) as address:
            sock.bind(address)
        (directory / FILE).chmod(0o600)
    except BaseException:
        sock.close()
        raise
    return sock


def connected_socket(directory: Path) -> socket.socket:
    """To the keeper. Raises OSError when none listens."""
    sock = _new_socket()
    try:
        with _address(directory) as address:
            sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock
