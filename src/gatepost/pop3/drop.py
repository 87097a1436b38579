"""A maildrop as one session sees it: numbers, sizes, and which messages are marked for deletion."""

from __future__ import annotations

from array import array
from typing import Final

from gatepost.model import Maildrop
from gatepost.pop3 import texts
from gatepost.pop3.replies import RefusedError

SLICE: Final = 1000
"""Lines of a listing that are made in one go: about half a millisecond in which nobody else runs."""


class Drop:
    """Numbers of the protocol begin with 1 (RFC 1939 §3), positions in the arrays with 0."""

    __slots__ = ("_left", "_maildrop", "_total", "blobs", "marked", "sizes", "surrogates")

    def __init__(self, maildrop: Maildrop, *, utf8: bool) -> None:
        """Without `utf8` the sizes are those of what will really be sent (RFC 6856 §2.1)."""
        self._maildrop = maildrop
        self.surrogates = {} if utf8 else maildrop.ascii_sizes
        self.sizes = _with(maildrop.sizes, self.surrogates)
        self.blobs = maildrop.blobs
        self.marked: set[int] = set()
        self._total = self._left = -1  # octets of all messages, and of those that are not marked; -1: not added up yet

    def __len__(self) -> int:
        """All messages, with those that are marked."""
        return len(self.sizes)

    @property
    def mailbox_id(self) -> int:
        return self._maildrop.mailbox_id

    def position(self, number: int) -> int:
        """Raises RefusedError if there is no such message, or it is marked."""
        if not 0 < number <= len(self.sizes):
            raise RefusedError(texts.NO_MESSAGE, len(self.sizes))
        if number - 1 in self.marked:
            raise RefusedError(texts.IS_MARKED, number)
        return number - 1

    def uidl(self, position: int) -> str:
        return self._maildrop.uidl(position)

    def mark(self, position: int) -> None:
        """The message must not be marked yet: see `position`."""
        self.marked.add(position)
        self._left = self._octets() - self.sizes[position]

    def unmark(self) -> None:
        self.marked.clear()
        self._left = self._total

    def stat(self) -> tuple[int, int]:
        """Messages and octets, without those that are marked (RFC 1939 §5, STAT)."""
        return len(self.sizes) - len(self.marked), self._octets()

    def _octets(self) -> int:
        """Added up when first asked: many a session only retrieves."""
        if self._left < 0:
            self._total = self._left = sum(self.sizes) if self.surrogates else _octets_of(self._maildrop)
        return self._left

    def marked_uids(self) -> tuple[int, ...]:
        return tuple(self._maildrop.uids[position] for position in sorted(self.marked))

    def size_lines(self, start: int) -> bytes:
        """The LIST lines of the positions from `start`, a slice of them."""
        marked = self.marked
        pairs = enumerate(self.sizes[start : start + SLICE], start)
        return b"".join([b"%d %d\r\n" % (p + 1, size) for p, size in pairs if p not in marked])

    def uidl_lines(self, start: int) -> bytes:
        """The UIDL lines of the positions from `start`, a slice of them."""
        maildrop = self._maildrop
        if self.marked or len(self.sizes) > SLICE:
            return self._made_uidl_lines(start)
        if not maildrop.uidl_lines:
            maildrop.uidl_lines = self._made_uidl_lines(start)
        return maildrop.uidl_lines

    def _made_uidl_lines(self, start: int) -> bytes:
        marked = self.marked
        pairs = enumerate(self._maildrop.uidls_from(start, SLICE), start)
        return "".join([f"{p + 1} {uidl}\r\n" for p, uidl in pairs if p not in marked]).encode()


def _octets_of(maildrop: Maildrop) -> int:
    if maildrop.octets < 0:
        maildrop.octets = sum(maildrop.sizes)
    return maildrop.octets


def _with(sizes: array[int], others: dict[int, int]) -> array[int]:
    if not others:
        return sizes
    changed = sizes[:]
    for position, size in others.items():
        changed[position] = size
    return changed
