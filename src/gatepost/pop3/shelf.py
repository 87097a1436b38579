"""Replies to RETR that were sent of late, ready to be sent again: mail to many, and to who looks from two machines.

A body's id says what the reply holds: bodies never change, ids rise (`store.rules.Ids`), and one to which no message
refers any more stays for an hour before it goes (`MailReader.chunk`), sixty times as long as anything stays here. Nor
can one account get another's mail: sessions ask by the ids of their own maildrop only, and whoever may read a body may
read every reply that was made of it.
"""

from __future__ import annotations

from typing import Final

from gatepost.pop3.replies import Voice

LARGEST: Final = 64 * 1024
"""Octets of a reply that is kept: to send a larger one costs so much that to make it hardly counts."""

TERM: Final = 30.0
"""Seconds until what came lately is old, and what is old goes: nothing is served a minute after it was read. It might
be damaged, and mended in the store meanwhile."""

ENTRY: Final = 200
"""Octets that a reply costs beside its own."""


class Shelf:
    """Keeps replies of at most `octets` in all. What is old goes as a whole, so that a hit has nothing to note."""

    __slots__ = ("_half", "_new", "_octets", "_old", "_since")

    def __init__(self, octets: int) -> None:
        self._half = octets // 2
        self._octets = 0
        self._new: dict[int, tuple[Voice, bytes]] = {}
        self._old: dict[int, tuple[Voice, bytes]] = {}
        self._since = 0.0

    def find(self, blob_id: int, voice: Voice, now: float) -> bytes | None:
        """The reply as this voice says it: a body has one size, so that nothing else in its status line can differ.

        `now` is any clock's; if that was set back, everything goes, because nobody knows how old it is.
        """
        if not 0 <= now - self._since < TERM:
            self._age(now)
        kept = self._new.get(blob_id) or self._old.get(blob_id)
        return kept[1] if kept is not None and kept[0] is voice else None

    def keep(self, blob_id: int, voice: Voice, reply: bytes) -> None:
        """Takes a reply that `find` did not have a moment ago."""
        octets = len(reply) + ENTRY
        if len(reply) > LARGEST or octets > self._half:
            return
        if self._octets + octets > self._half:
            self._turn()
        self._octets += octets
        self._new[blob_id] = voice, reply

    def _age(self, now: float) -> None:
        self._turn()
        if 0 <= now - self._since < 2 * TERM:
            self._since += TERM
        else:
            self._turn()
            self._since = now

    def _turn(self) -> None:
        self._old, self._new, self._octets = self._new, {}, 0
