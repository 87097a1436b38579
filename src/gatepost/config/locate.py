"""Finds the line of every key in a TOML text, because `tomllib` gives values without their places.

The text must have passed `tomllib` already: nothing is checked here, only followed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

Path = tuple[str | int, ...]
"""The way to a value: keys of tables, positions in arrays of tables."""

_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY: Final = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*(\.?)""")
_TOKEN: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r"""|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'"""
    r"""|\#[^\n]*|[\[{]|[\]}]|\n|[^"'\#\[\]{}\n]+""",
    re.DOTALL,
)


def locate(text: str) -> dict[Path, int]:
    """Lines, from 1, of each table and each key outside inline tables."""
    lines: dict[Path, int] = {}
    arrays: Counter[tuple[str, ...]] = Counter()
    prefix: Path = ()
    position = _skip(text, 0)
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        brackets = 2 if text.startswith("[[", position) else int(text[position] == "[")
        keys, end = _keys(text, position + brackets)
        if brackets:
            arrays[keys] += brackets == 2
            prefix = _numbered(keys, arrays)
            path, position = prefix, end + brackets
        else:
            path, position = (*prefix, *keys), _value_end(text, end + 1)
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], line)
        position = _skip(text, position)
    return lines


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of a value, or of the nearest thing around it that has one; 0 if nothing has."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)


def _skip(text: str, position: int) -> int:
    """Past white space and comments."""
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _keys(text: str, position: int) -> tuple[tuple[str, ...], int]:
    """A dotted key and the position behind it."""
    keys: list[str] = []
    while found := _KEY.match(text, position):
        keys.append(found[1].strip("\"'"))
        position = found.end()
        if not found[2]:
            break
    return tuple(keys), position


def _numbered(keys: tuple[str, ...], arrays: Mapping[tuple[str, ...], int]) -> Path:
    """`[[tls.certificate]]` for the second time is ("tls", "certificate", 1)."""
    path: Path = ()
    for length in range(1, len(keys) + 1):
        path = (*path, keys[length - 1])
        if count := arrays.get(keys[:length], 0):
            path = (*path, count - 1)
    return path


def _value_end(text: str, position: int) -> int:
    """Behind a value: its first line end outside brackets and strings."""
    depth = 0
    while found := _TOKEN.match(text, position):
        token, position = found[0], found.end()
        if token == "\n" and not depth:  # noqa: S105 -- of a text, not of a login
            break
        depth += token in ("[", "{")
        depth -= token in ("]", "}")
    return position
