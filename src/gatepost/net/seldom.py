"""Sentences for the administrator about what strangers do: each now and then, however often they do it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

EVERY: Final = 60.0
"""Seconds between two sentences about the same thing."""
SUBJECTS: Final = 1_000
"""Things that are told apart; strangers choose how many there are."""


class Seldom:
    """`notice` for what may happen a thousand times a second."""

    __slots__ = ("_clock", "_notice", "_said")

    def __init__(self, notice: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._notice = notice
        self._clock = clock
        self._said: dict[tuple[str, str], tuple[float, int]] = {}
        """When it was said last, and how often it happened since."""

    def say(self, what: str, who: str, sentence: str) -> None:
        """Says it, or counts it for the next time."""
        now = self._clock()
        since, unsaid = self._said.get((what, who), (-EVERY, 0))
        if since + EVERY > now:
            self._said[what, who] = since, unsaid + 1
            return
        if len(self._said) >= SUBJECTS:
            self._said.clear()
        self._said[what, who] = now, 0
        self._notice(f"{sentence} ({unsaid} more times since this was said last)" if unsaid else sentence)
