"""Large headers that were put into ASCII of late, for the client that asks for the same message again.

To convert one takes up to a second, and a program that looks at its maildrop with TOP asks for each message every time.
What is kept under a body's id stays true: bodies never change, and ids are not used again (`store.rules.Ids`).
"""

from __future__ import annotations

from typing import Final

OCTETS: Final = 8 * 1024 * 1024
"""Of all headers that are kept, in each worker: the last five of the largest that there are, or hundreds of 16 kB."""

WORTH: Final = 16 * 1024
"""Octets from which a header is kept: a smaller one is made again in a millisecond or two."""


class Surrogates:
    """The longest unused header goes first."""

    __slots__ = ("_kept", "_octets")

    def __init__(self) -> None:
        self._kept: dict[int, tuple[int, bytes]] = {}
        self._octets = 0

    def find(self, blob_id: int) -> tuple[int, bytes] | None:
        """Octets of the original header, and the header in ASCII."""
        found = self._kept.pop(blob_id, None)
        if found is not None:
            self._kept[blob_id] = found
        return found

    def keep(self, blob_id: int, octets: int, header: bytes) -> None:
        """Takes what `find` did not have; another session may have been faster."""
        if not WORTH <= octets <= OCTETS or len(header) > OCTETS or blob_id in self._kept:
            return
        self._kept[blob_id] = octets, header
        self._octets += len(header)
        while self._octets > OCTETS:
            self._octets -= len(self._kept.pop(next(iter(self._kept)))[1])
