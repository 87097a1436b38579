"""What a child keeps of the environment that root, or a service manager, started the server in: next to nothing.

Variables may hold secrets of others (a shell's tokens, a deploy hook's passwords), and whoever takes over a worker
reads them. They are taken out of the process's memory, too, where `/proc/PID/environ` shows them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

KEPT: Final = ("LANG", "LC_ALL", "LC_CTYPE", "PATH", "TZ")
"""How text and times are written, and where the C library looks for programs."""
_STAT: Final = Path("/proc/self/stat")
_ENV_START, _ENV_END = 47, 48
"""Fields 50 and 51 of proc_pid_stat(5), counted from the one behind the name in parentheses."""


def empty(environ: MutableMapping[str, str] = os.environ) -> None:
    """In a child, before it meets anybody. What cannot be wiped (other systems) is at least forgotten."""
    kept = {name: environ[name] for name in KEPT if name in environ}
    place = _place()
    environ.clear()
    if place is not None:
        ctypes.memset(place[0], 0, place[1])
    environ.update(kept)  # after the wipe, as copies elsewhere


def _place() -> tuple[int, int] | None:
    """Address and length of the block that the kernel made at exec."""
    try:
        fields = _STAT.read_bytes().rpartition(b")")[2].split()
        start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
    except (OSError, ValueError, IndexError):
        return None
    return (start, end - start) if 0 < start < end else None
