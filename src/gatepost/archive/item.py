"""What a source of mail yields, and what a writer is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from gatepost.mime.wire import Octets
from gatepost.model import Flag

NO_FLAGS: Final = Flag(0)


@dataclass(frozen=True, slots=True)
class Item:
    """One message of a source."""

    key: str
    """Names it for people: a path below the source, with a number where a file holds many."""
    folder: str
    """With `/` between levels; empty for the source's own inbox."""
    received: int
    size: int
    """Octets of its file or region."""
    open: Callable[[], AbstractContextManager[Octets]]
    """Its octets, just as they are; only until the source goes on to the next one. Raises OSError."""
    flags: Flag = NO_FLAGS
    keywords: tuple[str, ...] = ()
    uidl: str | None = None
    """What POP3 clients knew it by."""


@dataclass(frozen=True, slots=True)
class Bad:
    """Something that is in the source and cannot be imported."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Doubt(Bad):
    """A place in the source that may mean one thing or another: what was made of it, for somebody to look at."""


Source = Iterable[Item | Bad]


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox that is being written out."""

    name: str
    uidvalidity: int
    uidnext: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that is being written out, without its octets."""

    uid: int
    received: int
    flags: Flag
    keywords: tuple[str, ...]
    uidl: str


class Writer(Protocol):
    """Writes mailboxes into files, one after the other."""

    def begin(self, place: Place) -> None:
        """Makes the mailbox's files. Raises AlreadyExistsError rather than touch what is there."""

    def add(self, entry: Entry, chunks: Iterable[bytes]) -> bool:
        """Writes a message; False if this format cannot hold its octets exactly."""

    def end(self) -> None:
        """Completes the mailbox."""
