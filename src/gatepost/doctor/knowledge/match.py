"""Recognises messages: which rows a text may mean, best first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct

from gatepost.doctor.knowledge.codes import BARE_WEIGHT, codes, weight
from gatepost.doctor.knowledge.pattern import BETWEEN, Pattern, pattern
from gatepost.doctor.knowledge.plain import flat, names, readable
from gatepost.doctor.knowledge.row import By, Match, Row
from gatepost.doctor.model import Confidence, Stage

_LOGGED: Final = 60
"""What the words of a server's log are worth beside their length: more than a code and a phrase of a mail program."""


_CLASS: Final = 8
"""What a code of SMTP is worth without words of the same row: it names a class of causes, and words name the cause."""
_OWN: Final = 0.7
"""Share of the best score from which on a provider's own row goes first by a code: words are the provider's own."""
_NAMED: Final = 2
"""By how much words within a name of a program are worth less than in a sentence."""


class Text(Struct, frozen=True):
    """A text made ready to be searched."""

    plain: str
    """Normalised, in one line."""
    names: str
    """The words that names of programs in it are made of."""
    codes: frozenset[str]
    bare: bool
    """Whether it is a number and nothing else."""


def ready(text: str) -> Text:
    """The text, read once for all rows."""
    lines = readable(text)
    return Text(flat(lines), names(lines), codes(lines), lines.strip().isdigit())


class _Signs(Struct, frozen=True):
    """A row, with what it is recognised by made ready."""

    row: Row
    words: tuple[Pattern, ...]
    also: tuple[Pattern, ...]
    logged: tuple[Pattern, ...]
    general: tuple[Pattern, ...]
    codes: frozenset[str]
    beside: frozenset[str]
    providers: frozenset[str]


class Asked(Struct, frozen=True):
    """What is known beside the text."""

    protocol: str = ""
    """Leaves out rows of other protocols."""
    providers: frozenset[str] = frozenset()
    """Names of one provider: its own rows go first, those of others are left out."""
    codes_first: bool = True
    """Response codes count beside the words."""
    logged: bool = False
    """A server's own log speaks."""
    general: bool = False
    """Words that only frame a cause count as well, where nothing else fits."""


class Recogniser:
    """All rows that something can be recognised as."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = tuple(_signs(row) for row in rows if row.says or row.patterns or row.codes or _more(row))

    def match(self, text: Text, asked: Asked) -> tuple[Match, ...]:
        """The rows that fit, best first. What is only possible goes behind what knows more, by other words."""
        fitting = [signs for signs in self._rows if _may(signs, asked)]
        present = _deciding(text, asked.protocol)
        found = [match for signs in fitting if (match := _judge(signs, text, present, asked))]
        if asked.general and not found:
            return _framing(fitting, f"{text.plain} ; {text.names}")
        least = _OWN * max((match.score for match in found), default=0)
        ours = {signs.row.id for signs in fitting if asked.providers & signs.providers}
        own = {match.id for match in found if match.id in ours and (match.by is not By.CODE or match.score >= least)}
        vague = {signs.row.id for signs in fitting if signs.row.confidence is Confidence.POSSIBLE}
        firm = [match for match in found if match.id not in vague and match.score > BARE_WEIGHT]
        pieces = [piece for match in firm for piece in match.matched.split(BETWEEN)]

        def yields(match: Match) -> bool:
            return match.id in vague and any(piece not in match.matched for piece in pieces)

        return tuple(sorted(found, key=lambda match: (match.id not in own, yields(match), -match.score)))


def _more(row: Row) -> bool:
    return bool(row.also or row.logged or row.general)


def _signs(row: Row) -> _Signs:
    return _Signs(
        row,
        tuple(map(pattern, (*row.says, *row.patterns))),
        tuple(map(pattern, row.also)),
        tuple(map(pattern, row.logged)),
        tuple(map(pattern, row.general)),
        frozenset(map(str.upper, row.codes)),
        frozenset(map(str.upper, row.beside)),
        frozenset(name.strip() for name in row.provider.split(",") if name),
    )


def _may(signs: _Signs, asked: Asked) -> bool:
    """Whether the row is met by this protocol and provider at all."""
    protocols, providers = signs.row.protocols, signs.providers
    return not (asked.protocol and protocols and asked.protocol not in protocols) and not (
        asked.providers and providers and not asked.providers & providers
    )


def _deciding(text: Text, protocol: str) -> Mapping[str, bool]:
    """The codes in a text, and whether each may decide without any words."""
    alone = protocol == "smtp" or text.bare
    return {code: alone or not code.isdigit() for code in text.codes}


def _judge(signs: _Signs, text: Text, present: Mapping[str, bool], asked: Asked) -> Match | None:
    """How well a text fits a row; None: not at all."""
    words = max(_weighed(signs, text, asked), default=None)
    known = signs.codes | signs.beside if words else signs.codes
    code = max((each for each in present if each in known and (words or present[each])), key=weight, default="")
    if not words:
        return Match(signs.row.id, _alone(code) if asked.codes_first else 0, code, By.CODE) if code else None
    score = _together(words[0], code) if code and asked.codes_first else words[0]
    by = By.CODE if code in signs.codes and not code.isdigit() else words[2]
    return Match(signs.row.id, score, str(words[1]), by)


def _alone(code: str) -> int:
    """What a code says where no words of its row do."""
    return min(weight(code), _CLASS) if code[0] in "45" else weight(code)


def _weighed(signs: _Signs, text: Text, asked: Asked) -> list[tuple[int, Pattern, By]]:
    """Every pattern of a row that is in the text, with what it is worth; words within names are worth less."""
    weights = [(each.length, each, By.WORDS) for each in _found(signs.words, text.plain)]
    weights += [(each.length - 1, each, By.ALSO) for each in _found(signs.also, text.plain)]
    if text.names and not weights:
        weights = [(each.length // _NAMED, each, By.WORDS) for each in _found(signs.words, text.names)]
    if asked.logged:
        weights += [(each.length + _LOGGED, each, By.WORDS) for each in _found(signs.logged, text.plain)]
    return weights


def _together(words: int, code: str) -> int:
    """Words and a code of the same row. A number with a family's name before it only repeats what the words say."""
    return max(words, weight(code)) if " " in code and not code[0].isdigit() else words + weight(code)


def _framing(fitting: Iterable[_Signs], plain: str) -> tuple[Match, ...]:
    """The rows whose wrapping words fit, the latest step first: who got as far as TLS had connected."""
    found = [(list(Stage).index(signs.row.stage), match) for signs in fitting if (match := _framed(signs, plain))]
    return tuple(match for _, match in sorted(found, key=lambda each: (-each[0], -each[1].score)))


def _framed(signs: _Signs, plain: str) -> Match | None:
    longest = max(_found(signs.general, plain), key=lambda each: each.length, default=None)
    return Match(signs.row.id, longest.length, str(longest), By.GENERAL) if longest else None


def _found(patterns: Collection[Pattern], plain: str) -> list[Pattern]:
    return [each for each in patterns if each.found_in(plain)]
