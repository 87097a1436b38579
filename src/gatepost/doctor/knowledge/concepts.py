"""What is said of what: a thing, and what happened to it near by, where no message is known (`concepts.toml`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from gatepost.doctor.knowledge.plain import same

_NEAR: Final = 50
"""Characters between a thing and what happened to it: a clause of a sentence."""
_PLACES: Final = 100
"""Places of each that are looked at, the last ones: a log tells the outcome at its end."""


class Concepts(Struct, frozen=True, forbid_unknown_fields=True):
    """Things, happenings, and the rows that a pair of them means."""

    things: Mapping[str, tuple[str, ...]]
    """Each with the beginnings of words that name it."""
    happenings: Mapping[str, tuple[str, ...]]
    """Each with words that tell it."""
    means: Mapping[str, tuple[str, ...]]
    """The row, and pairs of a thing and a happening, with a blank between them."""
    wrappers: frozenset[str] = frozenset()
    """Rows whose words are often said around the reason of a refusal."""


class Meaning(Struct, frozen=True, order=True):
    """A row that a pair of words means, with the distance between the two."""

    distance: int
    row: str
    words: str
    """The two, as the file names them."""


class Finder:
    """Looks for pairs."""

    __slots__ = ("_happenings", "_means", "_things", "wrappers")

    def __init__(self, concepts: Concepts) -> None:
        self._things = {name: _expression(words, "") for name, words in concepts.things.items()}
        self._happenings = {name: _expression(words, "(?![a-z])") for name, words in concepts.happenings.items()}
        self.wrappers = concepts.wrappers
        self._means = [(row, pair) for row, pairs in concepts.means.items() for pair in pairs]

    def find(self, plain: str) -> list[Meaning]:
        """The rows that a normalised text may mean, the nearest pair first; each row once."""
        things = {name: _places(expression, plain) for name, expression in self._things.items()}
        happenings = {name: _places(expression, plain) for name, expression in self._happenings.items()}
        found: dict[str, Meaning] = {}
        for row, pair in self._means:
            thing, happening = pair.split()
            distance = min(_distances(things[thing], happenings[happening]), default=_NEAR + 1)
            if distance <= _NEAR and (row not in found or distance < found[row].distance):
                found[row] = Meaning(distance, row, pair)
        return sorted(found.values())


def _expression(words: tuple[str, ...], end: str) -> re.Pattern[str]:
    """Finds the words in the form that normalised texts have; a blank at the end of one stays."""
    forms = [same(word) + " " * word.endswith(" ") for word in words]
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, forms))}){end}")


def _places(expression: re.Pattern[str], plain: str) -> list[tuple[int, int]]:
    return [place.span() for place in expression.finditer(plain)][-_PLACES:]


def _distances(things: list[tuple[int, int]], happenings: list[tuple[int, int]]) -> Iterator[int]:
    """How far apart each two are; what overlaps is one word and no pair."""
    for begin, end in things:
        for start, stop in happenings:
            if start >= end or stop <= begin:
                yield max(start - end, begin - stop)
