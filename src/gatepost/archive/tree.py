"""Reading below one directory, with no way out of it.

Every step of a path is opened by itself with O_NOFOLLOW, relative to the step before: a symbolic link is refused
wherever it stands, even if somebody puts it there while we read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

from gatepost.archive.item import Bad
from gatepost.mime.wire import Octets
from gatepost.model import CHUNK

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""O_NONBLOCK: a named pipe must not hold us up."""

DEPTH: Final = 20
"""Levels of folders that are looked into."""

Steps = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A directory's entry."""

    name: str
    is_folder: bool
    is_file: bool
    is_link: bool
    size: int
    modified: int


class Tree:
    """The directory that the user named (its own path may hold links), and what is below."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @contextmanager
    def _folder(self, steps: Steps) -> Iterator[int]:
        folder = os.open(self.root, _FOLDER)
        try:
            for step in steps:
                below = os.open(step, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)

    def entries(self, steps: Steps = ()) -> list[Found]:
        """What a directory holds, by name. Raises OSError."""
        with self._folder(steps) as folder, os.scandir(folder) as found:
            return sorted((_found(entry) for entry in found), key=lambda entry: entry.name)

    def folders(self, steps: Steps = ()) -> Iterator[Steps]:
        """This directory and those below it, parents first; unreadable ones are passed over."""
        yield steps
        if len(steps) < DEPTH:
            try:
                below = [entry.name for entry in self.entries(steps) if entry.is_folder]
            except OSError:
                return
            for name in below:
                yield from self.folders((*steps, name))

    @contextmanager
    def open(self, steps: Steps) -> Iterator[Octets]:
        """A file's octets: read if it is small, mapped if it is not. Raises OSError."""
        with self._folder(steps[:-1]) as folder:
            file = os.open(steps[-1], _FILE, dir_fd=folder)
        with os.fdopen(file, "rb", buffering=0) as handle:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise OSError("it is not a regular file")
            if status.st_size <= CHUNK:
                yield handle.read()
                return
            with mmap(file, 0, access=ACCESS_READ) as mapped:
                yield mapped

    def text(self, steps: Steps) -> str:
        """A small list file; empty if it is not there or is larger than any real one."""
        try:
            with self.open(steps) as data:
                return data[:_LIST_OCTETS].decode("utf-8", "surrogateescape")
        except OSError:
            return ""


_LIST_OCTETS: Final = 256 * 1024 * 1024
"""A list of a million messages has about 100 MB."""


def key(*steps: str) -> str:
    """How a path below the source is shown to people."""
    return "/".join(steps).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def links(steps: Steps, entries: Iterable[Found]) -> Iterator[Bad]:
    """The links among a folder's entries: what is behind them stays out, and somebody may miss it."""
    for entry in entries:
        if entry.is_link:
            yield Bad(key(*steps, entry.name), NOT_FOLLOWED)


NOT_FOLLOWED: Final = "it is not a regular file (links are not followed)"


def _found(entry: os.DirEntry[str]) -> Found:
    status = entry.stat(follow_symlinks=False)
    mode = status.st_mode
    return Found(
        entry.name, stat.S_ISDIR(mode), stat.S_ISREG(mode), stat.S_ISLNK(mode), status.st_size, int(status.st_mtime)
    )
