"""The directory generation, shared by memory: the keeper raises it, every worker reads it without a system call."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final, Self

FILE: Final = "generation"
SIZE: Final = 8


class Generation:
    """One aligned 64-bit number in a mapped file; a store of that size is seen whole or not at all."""

    def __init__(self, directory: Path, *, writable: bool) -> None:
        """The file is made once and never replaced: who mapped it before a restart of the keeper still sees it."""
        flags = os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY
        descriptor = os.open(directory / FILE, flags | os.O_CLOEXEC, 0o600)
        try:
            if writable and os.fstat(descriptor).st_size < SIZE:
                os.ftruncate(descriptor, SIZE)
            protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
            self._map = mmap.mmap(descriptor, SIZE, mmap.MAP_SHARED, protection)
        finally:
            os.close(descriptor)
        self._numbers = memoryview(self._map).cast("Q")

    @classmethod
    def shared(cls, directory: Path) -> Self:
        """For a reader. Makes the file where no keeper has run yet."""
        if not (directory / FILE).exists():
            cls(directory, writable=True).close()
        return cls(directory, writable=False)

    def read(self) -> int:
        """The present number."""
        return self._numbers[0]

    def bump(self) -> None:
        """Only the keeper, after a commit and before its answers; once at its start, too: it may have died between."""
        self._numbers[0] += 1

    def close(self) -> None:
        """Idempotent."""
        self._numbers.release()
        self._map.close()
