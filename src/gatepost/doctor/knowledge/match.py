"""Recognises messages. Patterns are plain text with gaps, searched piece by piece: linear in the text, always."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from gatepost.doctor.knowledge.row import Match, Row
from gatepost.doctor.model import Confidence

TEXT_LIMIT: Final = 4000
"""Characters of a text that are looked at: error messages are shorter, and a server may send anything."""

_ALIKE: Final = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201b`", "'")
    | dict.fromkeys('"\u201c\u201d\u201e\u00ab\u00bb', "")
    | dict.fromkeys("\u2010\u2011\u2013\u2014", "-")
    | {"\u2026": "..."}
)
"""Quotation marks, dashes and the ellipsis, as word processors and web pages turn them."""
_GAP: Final = re.compile(r"%(?:\d\$)?[SsDd]\b|\.{3}")
_NUMBERED_LINE: Final = re.compile(r"\d{3}[- ](?:\d\.\d{1,3}\.\d{1,3} )?")
"""What SMTP repeats at the beginning of each line of a reply (RFC 5321 §4.2.1)."""

_BETWEEN: Final = " ... "
"""Between the pieces of a pattern, as people see it."""

_BRACKETS: Final = re.compile(r"\[([A-Za-z][A-Za-z0-9/-]{2,30})\]")
_SMTP: Final = re.compile(
    r"(?:^|[\n(:'\"] ?)([45]\d\d)(?:[ -]|, b?['\"]|$)(?:[ -]?\(?#?([45]\.\d{1,3}\.\d{1,3})\b)?", re.MULTILINE
)
_ENHANCED: Final = re.compile(r"(?:^|[#(]|dsn=|[Ss]tatus: )([45]\.\d{1,3}\.\d{1,3})\b(?!\.\d)", re.MULTILINE)
_NUMBERED: Final = re.compile(r"\b(?:0x8[0-9a-f]{7}|AADSTS\d{4,8})\b", re.IGNORECASE)

_WEIGHTS: Final = {"[": 30, "0": 80, "A": 80}
"""Of a code by its first character; SMTP's own are lighter, because servers use them for many things."""
_SMTP_WEIGHT: Final = 20
_BARE_WEIGHT: Final = 4
"""Of three digits alone: what they mean is said by the words behind them."""


class Pattern(Struct, frozen=True, order=True):
    """Pieces that follow each other in a text, with anything between them."""

    pieces: tuple[str, ...]

    @property
    def length(self) -> int:
        """How specific it is: its length."""
        return sum(len(piece) for piece in self.pieces)

    def __str__(self) -> str:
        return _BETWEEN.join(self.pieces)

    def found_in(self, text: str) -> bool:
        """Whether a normalised text holds the pieces in order, not beginning or ending inside a word."""
        place = 0
        for number, piece in enumerate(self.pieces):
            place = _find(text, piece, place, begins=number == 0, ends=number == len(self.pieces) - 1)
            if place < 0:
                return False
            place += len(piece)
        return True


def pattern(text: str) -> Pattern:
    """The pattern that a data file's text stands for; `...` and `%S` are gaps."""
    pieces = (normalised(piece) for piece in _GAP.split(text.translate(_ALIKE)))
    return Pattern(tuple(piece for piece in pieces if any(sign.isalnum() or sign == "*" for sign in piece)))


def normalised(text: str) -> str:
    """The text without what differs from one paste to the next: case, line breaks, kinds of quotation marks."""
    lines = text[:TEXT_LIMIT].splitlines()
    joined = " ".join(_without_repetition(before, line) for before, line in zip(["", *lines], lines, strict=False))
    return " ".join(joined.translate(_ALIKE).casefold().split())


def _without_repetition(before: str, line: str) -> str:
    """A line of an SMTP reply without the number that the line before it begins with as well."""
    found = _NUMBERED_LINE.match(line)
    return line[found.end() :] if found and before[:3] == line[:3] else line


def _find(text: str, piece: str, start: int, *, begins: bool, ends: bool) -> int:
    """Where the piece is, at or behind `start`; -1: nowhere."""
    place = text.find(piece, start)
    while place >= 0:
        end = place + len(piece)
        inside_left = begins and piece[0].isalnum() and place > 0 and text[place - 1].isalnum()
        inside_right = ends and piece[-1].isalnum() and end < len(text) and text[end].isalnum()
        if not (inside_left or inside_right):
            break
        place = text.find(piece, place + 1)
    return place


def codes(text: str) -> frozenset[str]:
    """The response codes in a text, in capitals: `[AUTH]`, `535`, `535 5.7.8`, `5.7.8`, `0X800CCC0E`."""
    start = text[:TEXT_LIMIT].strip()
    found = {f"[{code.upper()}]" for code in _BRACKETS.findall(start)}
    found.update(code.upper() for code in _NUMBERED.findall(start))
    found.update(_ENHANCED.findall(start))
    for reply, enhanced in _SMTP.findall(start):
        found.update({reply, enhanced, f"{reply} {enhanced}"} if enhanced else {reply})
    return frozenset(found)


class _Signs(Struct, frozen=True):
    """A row, with what it is recognised by made ready."""

    row: Row
    patterns: tuple[tuple[Pattern, int], ...]
    """Each with its weight; messages that more often mean another row weigh a little less."""
    codes: frozenset[str]
    beside: frozenset[str]
    providers: frozenset[str]


class Recogniser:
    """All rows that something can be recognised as."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = tuple(signs for row in rows if (signs := _signs(row)).patterns or signs.codes)

    def match(self, text: str, *, protocol: str, provider: str, codes_first: bool) -> tuple[Match, ...]:
        """The rows that fit, best first. A provider's name puts its own rows first and leaves out those of others."""
        plain, present = normalised(text), _deciding(codes(text), text, protocol)
        found = [
            match
            for signs in self._rows
            if not (protocol and signs.row.protocols and protocol not in signs.row.protocols)
            and not (provider and signs.providers and provider not in signs.providers)
            and (match := _judge(signs, plain, present, codes_first=codes_first))
        ]
        own = {signs.row.id for signs in self._rows if provider in signs.providers}
        vague = {signs.row.id for signs in self._rows if signs.row.confidence is Confidence.POSSIBLE}
        firm = [match for match in found if match.id not in vague and match.score > _BARE_WEIGHT]
        pieces = [piece for match in firm for piece in match.matched.split(_BETWEEN)]

        def yields(match: Match) -> bool:
            """A row that is only possible goes behind one that knows more: other words than its own."""
            return match.id in vague and any(piece not in match.matched for piece in pieces)

        return tuple(sorted(found, key=lambda match: (match.id not in own, yields(match), -match.score)))


def _signs(row: Row) -> _Signs:
    return _Signs(
        row,
        tuple((each, each.length) for each in map(pattern, (*row.says, *row.patterns)))
        + tuple((each, each.length - 1) for each in map(pattern, row.also)),
        frozenset(map(str.upper, row.codes)),
        frozenset(map(str.upper, row.beside)),
        frozenset(name.strip() for name in row.provider.split(",") if name),
    )


def _deciding(present: frozenset[str], text: str, protocol: str) -> Mapping[str, bool]:
    """The codes in a text, and whether each may decide without any words."""
    alone = protocol == "smtp" or text.strip().isdigit()
    return {code: alone or not code.isdigit() for code in present}


def _judge(signs: _Signs, plain: str, present: Mapping[str, bool], *, codes_first: bool) -> Match | None:
    """How well a text fits a row; None: not at all."""
    words = max(((weight, each) for each, weight in signs.patterns if each.found_in(plain)), default=None)
    known = signs.codes | signs.beside if words else signs.codes
    code = max((each for each in present if each in known and (words or present[each])), key=_weight, default="")
    if not words and not code:
        return None
    weight, matched = (words[0], str(words[1])) if words else (0, code)
    return Match(signs.row.id, weight + (_weight(code) if code and codes_first else 0), matched)


def _weight(code: str) -> int:
    if code.isdigit():
        return _BARE_WEIGHT
    return _WEIGHTS.get(code[0], _SMTP_WEIGHT) + (len(code) if code[0] == "[" else 0)
