"""The keeper's Unix socket."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from gatepost.socket_path import socket_path

FILE: Final = "keeper.sock"
SOCKET_BUFFER: Final = 4 * 1024 * 1024
"""Asked for; the system gives what it allows. What waits here while a sync is under way is the next batch."""


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
        with socket_path(directory, FILE) as address:
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
        with socket_path(directory, FILE) as address:
            sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock
