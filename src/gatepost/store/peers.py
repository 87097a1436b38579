"""Who is at the other end of the keeper's socket: a worker, which may do what sessions do, or the administrator.

Both have the same user. But workers are what strangers talk to, and descend from the process that started the keeper;
commands do not. The supervisor adopts orphans, so a process that a worker forks never leaves its
family. Linux tells the peer's process (SO_PEERCRED, unix(7)); where the system does not, everybody may do everything.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Final

from gatepost.store.commands import DeleteMessages, SetFlags, TouchCredentials

OF_WORKERS: Final = (DeleteMessages, SetFlags, TouchCredentials)
"""What POP3 sessions write. Deliveries, accounts and housekeeping are for others to ask for."""
_CREDENTIALS: Final = struct.Struct("3i")
_DEEPEST: Final = 64
"""Generations that are looked through; a family that hides behind more is no administrator."""


def is_worker(connection: socket.socket, family: int, proc: Path = Path("/proc")) -> bool:
    """Whether the peer descends from process `family`, or cannot be looked at (it has ended, or `/proc` hides it)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return False
    pid, _, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    for _ in range(_DEEPEST):
        if pid == family:
            return True
        if pid <= 1:
            return False
        try:
            pid = int((proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return True
    return True
