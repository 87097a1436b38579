"""Checks rows that people wrote, and says of every mistake where it is and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct

from gatepost.doctor.knowledge.codes import codes
from gatepost.doctor.knowledge.fill import placeholders
from gatepost.doctor.knowledge.pattern import pattern
from gatepost.doctor.knowledge.row import Row

_ID: Final = re.compile(r"[A-Z]{1,8}-?[0-9]{1,4}")
_SEEN: Final = re.compile(r"20\d\d-(?:0[1-9]|1[0-2])")
_PROTOCOLS: Final = ("pop3", "imap", "smtp")
_NEEDED: Final = ("stage", "title", "cause", "fix")
_SHORTEST: Final = 4
"""Characters of a pattern: less is in too many texts."""
_COMMAND_PARAMETERS: Final = frozenset({"host", "port", "domain", "protocol", "address", "user", "name", "file"})


class Mistake(Struct, frozen=True):
    """Something wrong in a file of rows."""

    file: str
    row: str = ""
    key: str = ""
    problem: str = ""
    fix: str = ""

    def __str__(self) -> str:
        place = ", ".join([*([f"row {self.row}"] if self.row else []), *([f"key {self.key}"] if self.key else [])])
        return f"{self.file}: {place + ': ' if place else ''}{self.problem}. {self.fix}"


Say = Callable[[str, str, str], Mistake]
"""Makes a Mistake of key, problem and fix."""


def checked_row(
    file: str, id_: str, own: object, base: Mapping[str, Any], phrases: Mapping[str, str]
) -> tuple[Row | None, list[Mistake]]:
    """The row that `own` makes over `base`, or None and all that is wrong with it."""

    def say(key: str, problem: str, fix: str) -> Mistake:
        return Mistake(file, id_, key, problem, fix)

    if not isinstance(own, dict):
        return None, [say("", "is not a table", f"Begin each row with its id in brackets: [MY1], not {id_} = ….")]
    mistakes = [*_shape(id_, own, base, say)]
    if mistakes:
        return None, mistakes
    row = msgspec.convert({**base, **own, "id": id_}, Row)
    mistakes = [*_texts(row, phrases, say), *_signs(row, say)]
    return (None, mistakes) if mistakes else (row, [])


def _shape(id_: str, own: Mapping[str, Any], base: Mapping[str, Any], say: Say) -> Iterator[Mistake]:
    """Keys that do not exist, values of the wrong kind, keys that are missing."""
    if not _ID.fullmatch(id_):
        yield say("", "the id is not capital letters and a number", "Call it something like [MY1].")
    fields = {field.name: field.type for field in msgspec.structs.fields(Row) if field.name != "id"}
    for key, value in own.items():
        if key not in fields:
            near = get_close_matches(key, fields, 1)
            yield say(
                key, "there is no such key", f"Did you mean {near[0]}?" if near else f"Keys: {', '.join(fields)}."
            )
        elif not _is(value, fields[key]):
            yield say(key, f"{value!r} does not fit", _kind(fields[key]))
    for key in _NEEDED:
        if not {**base, **own}.get(key):
            yield say(key, "is missing", f'Add {key} = "…".' if fields[key] is str else _kind(fields[key]))


def _is(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _kind(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return f"One of: {', '.join(kind)}."
    return 'Write a text in quotation marks: "…".' if kind is str else 'Write a list of texts: ["…", "…"].'


def _texts(row: Row, phrases: Mapping[str, str], say: Say) -> Iterator[Mistake]:
    """Placeholders that nobody fills."""
    known = sorted(key.removeprefix("default.") for key in phrases if key.startswith("default."))
    for key, text in (("title", row.title), ("cause", row.cause), ("fix", row.fix)):
        for name in sorted(placeholders(text) - set(known)):
            yield say(key, f"nobody fills the placeholder {{{name}}}", f"There are: {', '.join(known)}.")
    for name in sorted(placeholders(row.command) - _COMMAND_PARAMETERS):
        yield say(
            "command",
            f"nobody fills the placeholder {{{name}}}",
            f"There are: {', '.join(sorted(_COMMAND_PARAMETERS))}.",
        )
    if row.seen and not _SEEN.fullmatch(row.seen):
        yield say("seen", f"{row.seen!r} is not a month", 'Write year and month: "2026-11".')


def _signs(row: Row, say: Say) -> Iterator[Mistake]:
    """Patterns, codes and protocols that could never be met, or would be met everywhere."""
    for key in ("patterns", "says", "also", "logged", "general"):
        for text in getattr(row, key):
            if pattern(text).length < _SHORTEST:
                yield say(key, f"{text!r} is in too many texts", f"Write at least {_SHORTEST} letters.")
    for key, texts in (("codes", row.codes), ("beside", row.beside)):
        for code in texts:
            if code.upper() not in codes(code):
                yield say(key, f"{code!r} is no response code", "Write [AUTH], 535 5.7.8, 5.7.139 or 0x800CCC0E.")
    for protocol in row.protocols:
        if protocol not in _PROTOCOLS:
            yield say("protocols", f"there is no protocol {protocol!r}", f"There are: {', '.join(_PROTOCOLS)}.")
