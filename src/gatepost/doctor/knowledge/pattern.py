"""Patterns are plain text with gaps, searched piece by piece: linear in the text, always."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from gatepost.doctor.knowledge.plain import alike, same

_GAP: Final = re.compile(r"%(?:\d\$)?[SsDd]\b|\.{3}")
GAP_LIMIT: Final = 300
"""Characters that a gap may hold: as many as a server's longest line of capabilities. Words farther apart in a log
belong to different messages."""
_TRIES: Final = 40
"""Places at which a pattern may begin: what repeats more often is no message."""
BETWEEN: Final = " ... "
"""Between the pieces of a pattern, as people see it."""


class Pattern(Struct, frozen=True, order=True):
    """Pieces that follow each other in a text, with anything between them, up to `GAP_LIMIT` characters."""

    pieces: tuple[str, ...]

    @property
    def length(self) -> int:
        """How specific it is: its length."""
        return sum(len(piece) for piece in self.pieces)

    def __str__(self) -> str:
        return BETWEEN.join(self.pieces)

    def found_in(self, text: str) -> bool:
        """Whether a normalised text holds the pieces in order, not beginning or ending inside a word."""
        start = 0
        for _ in range(_TRIES if self.pieces else 0):
            first = _find(text, self.pieces[0], start, len(text), begins=True, ends=len(self.pieces) == 1)
            if first < 0:
                break
            if self._goes_on(text, first + len(self.pieces[0])):
                return True
            start = first + 1
        return False

    def _goes_on(self, text: str, place: int) -> bool:
        """Whether the pieces behind the first follow from this place on."""
        for number, piece in enumerate(self.pieces[1:], 2):
            end = place + GAP_LIMIT + len(piece)
            place = _find(text, piece, place, end, begins=False, ends=number == len(self.pieces))
            if place < 0:
                return False
            place += len(piece)
        return True


def pattern(text: str) -> Pattern:
    """The pattern that a data file's text stands for; `...` and `%S` are gaps."""
    pieces = (same(piece) for piece in _GAP.split(alike(text)))
    return Pattern(tuple(piece for piece in pieces if any(sign.isalnum() or sign == "*" for sign in piece)))


def _find(text: str, piece: str, start: int, stop: int, *, begins: bool, ends: bool) -> int:
    """Where the piece is, at or behind `start` and before `stop`; -1: nowhere."""
    place = text.find(piece, start, stop)
    while place >= 0:
        end = place + len(piece)
        inside_left = begins and piece[0].isalnum() and place > 0 and text[place - 1].isalnum()
        inside_right = ends and piece[-1].isalnum() and end < len(text) and text[end].isalnum()
        if not (inside_left or inside_right):
            break
        place = text.find(piece, place + 1, stop)
    return place
