"""What was written so far, in two numbers shared by memory: every worker reads them without a system call."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final, Self

FILE: Final = "generation"
SIZE: Final = 16
_DIRECTORY: Final = 0
_COMMITS: Final = 1


class Generation:
    """Aligned 64-bit numbers in a mapped file; a store of that size is seen whole or not at all.

    Only the one process that writes the database raises them: the keeper, or a command while there is none.
    """

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
        """For a reader. Makes the file where no keeper has run yet, and the numbers that an older one did not know."""
        file = directory / FILE
        if not file.exists() or file.stat().st_size < SIZE:
            cls(directory, writable=True).close()
        return cls(directory, writable=False)

    def of_directory(self) -> int:
        """Changes with every commit that touches domains, accounts, addresses or credentials."""
        return self._numbers[_DIRECTORY]

    def of_commits(self) -> int:
        """Changes with every commit; odd while one is under way, or if its writer died over it.

        Who sees an even number that it saw before it last read the database need not read it again.
        """
        return self._numbers[_COMMITS]

    def begin(self) -> None:
        """The writer starts: what the one before it did last may not have been counted."""
        self.committed()
        self.directory_changed()

    def directory_changed(self) -> None:
        """After a commit, before it is answered."""
        self._numbers[_DIRECTORY] += 1

    def committing(self) -> None:
        """Right before a commit."""
        self._numbers[_COMMITS] |= 1

    def committed(self) -> None:
        """After a commit, before it is answered; and after one that was rolled back."""
        self._numbers[_COMMITS] = (self._numbers[_COMMITS] | 1) + 1

    def close(self) -> None:
        """Idempotent."""
        self._numbers.release()
        self._map.close()
