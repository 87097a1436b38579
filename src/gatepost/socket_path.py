"""Names of Unix sockets. A socket's path holds about 100 octets; a data directory's may be longer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LONGEST_PATH: Final = 100
"""`sun_path` has 104 octets on macOS, 108 on Linux."""


@contextmanager
def socket_path(directory: Path, name: str) -> Iterator[str]:
    """The socket's path, by way of an open directory where it would be too long (Linux). Raises OSError."""
    path = str(directory / name)
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield path
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
