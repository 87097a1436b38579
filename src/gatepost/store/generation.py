"""What was written so far, in two numbers shared by memory: every worker reads them without a system call.

Nobody trusts a file that no longer has its name (it was removed, or another one put in its place): the writer looks
before each commit and moves to the file that readers would open; readers look once a second, and at once when the
writer says that it has moved. Until they have the right one everything counts as changed, which costs time only.
"""

from __future__ import annotations

import logging
import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gatepost.errors import ForeignFileError, StoreFullError
from gatepost.owner import open_own

log: Final = logging.getLogger("gatepost.store")

FILE: Final = "generation"
SIZE: Final = 16
_DIRECTORY: Final = 0
_COMMITS: Final = 1
_MOVED: Final = (1 << 64) - 1
"""In place of the first number: the writer is elsewhere now."""
LOOK_EVERY: Final = 1.0
"""Seconds between a reader's looks at the name. They matter only if the file is taken away while no writer lives."""
_ANOTHER_FILE: Final = 1 << 64
"""What is added for each file that was read before: the same numbers in another one mean something else."""

_Identity = tuple[int, int]


class _Mapping:
    """Two aligned 64-bit numbers in a mapped file; a store of that size is seen whole or not at all."""

    def __init__(self, file: Path, *, writable: bool) -> None:
        """Raises OSError: there is no room, or for a reader no such file; ValueError if it is too short."""
        flags = os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY
        descriptor = open_own(file, flags)
        try:
            if writable:
                _allocate(descriptor)
            status = os.fstat(descriptor)
            protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
            self._map = mmap.mmap(descriptor, SIZE, mmap.MAP_SHARED, protection)
        finally:
            os.close(descriptor)
        self.identity: _Identity = status.st_dev, status.st_ino
        self.numbers = memoryview(self._map).cast("Q")

    def close(self) -> None:
        """Idempotent."""
        self.numbers.release()
        self._map.close()


def _allocate(descriptor: int) -> None:
    """Writing to a hole, through memory and on a full disk, would be a SIGBUS instead of an error."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, SIZE)
    elif os.fstat(descriptor).st_size < SIZE:
        os.ftruncate(descriptor, SIZE)


def _identity(file: Path) -> _Identity | None:
    """Of the file that has this name now."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


class Generation:
    """The writer's: the one process that writes the database raises the numbers, the keeper, or a command while there
    is none.
    """

    def __init__(self, directory: Path) -> None:
        """Makes the file if need be. Raises StoreFullError."""
        self._file = directory / FILE
        try:
            self._mapping = _Mapping(self._file, writable=True)
        except OSError as error:
            raise StoreFullError(f"{self._file} cannot be made ({error.strerror}): make room on the disk") from error
        self._numbers = self._mapping.numbers

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
        self._numbers[_DIRECTORY] = (self._numbers[_DIRECTORY] + 1) % _MOVED

    def committing(self) -> None:
        """Right before a commit."""
        if _identity(self._file) != self._mapping.identity:
            self._move()
        self._numbers[_COMMITS] |= 1

    def committed(self) -> None:
        """After a commit, before it is answered; and after one that was rolled back."""
        self._numbers[_COMMITS] = (self._numbers[_COMMITS] + 2 & ~1) % (1 << 64)

    def _move(self) -> None:
        """While there is no room for another file, readers find none, and ask the database each time."""
        left = self._mapping
        commits, directory = left.numbers[_COMMITS], left.numbers[_DIRECTORY]
        left.numbers[_COMMITS] |= 1
        try:
            found = _Mapping(self._file, writable=True)
        except (OSError, ForeignFileError) as error:
            log.error("%s was taken away, and cannot be made again: %s", self._file, error)  # noqa: TRY400 -- no bug
            return
        log.error("%s was taken away or replaced while the store is open: leave it in its place", self._file)
        found.numbers[_COMMITS] = max(commits, found.numbers[_COMMITS])
        found.numbers[_DIRECTORY] = max(directory, found.numbers[_DIRECTORY])
        self._mapping, self._numbers = found, found.numbers
        self.begin()
        left.numbers[_DIRECTORY] = _MOVED
        left.close()

    def close(self) -> None:
        """Idempotent."""
        self._mapping.close()


class SharedGeneration:
    """A reader's: see `Generation` for what the numbers say. Makes nothing."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """There need not be a file yet."""
        self._file = directory / FILE
        self._clock = clock
        self._mapping: _Mapping | None = None
        self._numbers = memoryview(bytes(SIZE)).cast("Q")
        self._added = 0
        self._due = 0.0
        self._look()

    def of_directory(self) -> int:
        """See `Generation`."""
        if self._clock() >= self._due or self._numbers[_DIRECTORY] == _MOVED:
            self._look()
        return self._numbers[_DIRECTORY] + self._added

    def of_commits(self) -> int:
        """See `Generation`."""
        if self._clock() >= self._due or self._numbers[_DIRECTORY] == _MOVED:
            self._look()
        return self._numbers[_COMMITS] + self._added

    def _look(self) -> None:
        self._due = self._clock() + LOOK_EVERY
        if self._mapping is not None:
            if _identity(self._file) == self._mapping.identity and self._numbers[_DIRECTORY] != _MOVED:
                return
            self._mapping.close()
        self._added += _ANOTHER_FILE
        try:
            self._mapping = _Mapping(self._file, writable=False)
            self._numbers = self._mapping.numbers
        except (OSError, ValueError, ForeignFileError):
            self._mapping = None
            self._numbers = memoryview(b"\xff" * SIZE).cast("Q")  # the writer is elsewhere, and a commit under way

    def close(self) -> None:
        """Idempotent."""
        if self._mapping is not None:
            self._mapping.close()
