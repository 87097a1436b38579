"""A maildrop as one session sees it: numbers, sizes, and which messages are marked for deletion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Final, TypeVar

from gatepost.model import Maildrop
from gatepost.pop3 import texts
from gatepost.pop3.replies import RefusedError

T = TypeVar("T")
SLICE: Final = 1000
"""Lines of a listing that are made in one go: about half a millisecond in which nobody else runs."""


class Drop:
    """Numbers of the protocol begin with 1 (RFC 1939 §3), positions in the arrays with 0.

    Nothing here takes longer for a million messages than for one, but for what `SLICE` bounds.
    """

    __slots__ = ("_left", "_maildrop", "_marks", "_octets", "_sizes", "blobs", "marked", "surrogates")

    def __init__(self, maildrop: Maildrop, *, utf8: bool) -> None:
        """Without `utf8` the sizes are those of what will really be sent (RFC 6856 §2.1)."""
        self._maildrop = maildrop
        self.surrogates = {} if utf8 else maildrop.ascii_sizes
        self._sizes = maildrop.sizes
        self.blobs = maildrop.blobs
        self.marked = 0
        """How many messages are marked."""
        self._marks: bytes | bytearray = b""
        """One octet for each message, 1 for those that are marked; empty while none is."""
        self._octets = self._left = maildrop.octets if utf8 else maildrop.ascii_octets

    def __len__(self) -> int:
        """All messages, with those that are marked."""
        return len(self._sizes)

    @property
    def mailbox_id(self) -> int:
        return self._maildrop.mailbox_id

    def position(self, number: int) -> int:
        """Raises RefusedError if there is no such message, or it is marked."""
        if not 0 < number <= len(self._sizes):
            raise RefusedError(texts.NO_MESSAGE, len(self._sizes))
        if self._marks and self._marks[number - 1]:
            raise RefusedError(texts.IS_MARKED, number)
        return number - 1

    def size(self, position: int) -> int:
        return self.surrogates.get(position) or self._sizes[position]

    def uidl(self, position: int) -> str:
        return self._maildrop.uidl(position)

    def mark(self, position: int) -> None:
        """The message must not be marked yet: see `position`."""
        marks = self._marks
        if not isinstance(marks, bytearray):
            self._marks = marks = bytearray(len(self._sizes))
        marks[position] = 1
        self.marked += 1
        self._left -= self.size(position)

    def unmark(self) -> None:
        self._marks = b""
        self.marked = 0
        self._left = self._octets

    def stat(self) -> tuple[int, int]:
        """Messages and octets, without those that are marked (RFC 1939 §5, STAT)."""
        return len(self._sizes) - self.marked, self._left

    def marked_uids(self, start: int) -> Iterator[int]:
        """The UIDs that are marked, among the positions from `start`, a slice of them."""
        return compress(self._maildrop.uids[start : start + SLICE], self._marks[start : start + SLICE])

    def size_lines(self, start: int) -> bytes:
        """The LIST lines of the positions from `start`, a slice of them."""
        others = self.surrogates
        sizes: Sequence[int] = self._sizes[start : start + SLICE]
        if others:
            sizes = [others.get(p) or size for p, size in enumerate(sizes, start)]
        return b"".join([b"%d %d\r\n" % pair for pair in self._unmarked(sizes, start)])

    def uidl_lines(self, start: int) -> bytes:
        """The UIDL lines of the positions from `start`, a slice of them."""
        maildrop = self._maildrop
        if self._marks or len(self._sizes) > SLICE:
            return self._made_uidl_lines(start)
        if not maildrop.uidl_lines:
            maildrop.uidl_lines = self._made_uidl_lines(start)
        return maildrop.uidl_lines

    def _made_uidl_lines(self, start: int) -> bytes:
        pairs = self._unmarked(self._maildrop.uidls_from(start, SLICE), start)
        return "".join([f"{number} {uidl}\r\n" for number, uidl in pairs]).encode()

    def _unmarked(self, values: Iterable[T], start: int) -> Iterable[tuple[int, T]]:
        """Each with its number, for the positions from `start`, without those that are marked."""
        pairs = enumerate(values, start + 1)
        if not self._marks:
            return pairs
        return compress(pairs, [not mark for mark in self._marks[start : start + SLICE]])
