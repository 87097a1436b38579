"""A line that is being typed on a terminal: keys in, the line and its picture out. Secrets are stars while they are
typed; that, and a server's words that come in between, are why this is not the readline library.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from gatepost.text import columns

KEPT: Final = 500
"""Lines of history; it lives as long as the dialog."""
LONGEST: Final = 20_000
"""Characters of a line; no protocol takes as many."""


class Key(Enum):
    """What a key asks of others. Ctrl-C is none: it is a signal."""

    TAB = auto()
    END = auto()
    """Ctrl-D on an empty line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line, finished with Enter."""

    text: str


class Editor:
    """The keys are those of readline."""

    __slots__ = ("_ahead", "_browsed", "_cursor", "_decoder", "_escape", "_history", "_kept", "_text")

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text, self._cursor = "", 0
        self._escape = ""
        self._ahead = False
        """The last character was a CR: an LF behind it ends no second line."""
        self._history: list[str] = []
        self._browsed = 0
        self._kept = ""
        """What was typed before history was looked at."""

    @property
    def text(self) -> str:
        """All of the line."""
        return self._text

    @property
    def before(self) -> str:
        """What stands before the cursor."""
        return self._text[: self._cursor]

    def remember(self, line: str) -> None:
        """Adds to the history."""
        if line.strip() and self._history[-1:] != [line]:
            self._history = [*self._history, line][-KEPT:]
        self._browsed = len(self._history)

    def put(self, start: int, text: str) -> None:
        """Replaces what stands between `start` and the cursor."""
        self._text = self._text[:start] + text + self._text[self._cursor :]
        self._cursor = start + len(text)

    def clear(self) -> None:
        """Begins anew."""
        self._text, self._cursor, self._browsed = "", 0, len(self._history)

    def feed(self, octets: bytes) -> Iterator[Key | Line]:
        """Keys as the terminal sends them. Take all that comes: a key works when it is its turn."""
        for sign in self._decoder.decode(octets):
            if self._escape:
                self._sequence(sign)
            elif sign in _CONTROLS:
                yield from self._control(sign)
            elif len(self._text) < LONGEST and (sign >= " " and sign != "\x7f"):
                self.put(self._cursor, sign)
            self._ahead = sign == "\r"

    def _control(self, sign: str) -> Iterator[Key | Line]:
        match sign:
            case "\n" if self._ahead:
                return
            case "\r" | "\n":
                line = Line(self._text)
                self.clear()
                yield line
            case "\t":
                yield Key.TAB
            case "\x04" if not self._text:
                yield Key.END
            case "\x1b":
                self._escape = sign
            case _:
                self._edit(_CONTROLS[sign])

    def _sequence(self, sign: str) -> None:
        """ESC [ … letter or ~, ESC O letter (ECMA-48 §5.4); anything else is forgotten."""
        self._escape += sign
        if len(self._escape) == 2 and sign in "[O":
            return
        if len(self._escape) > 2 and sign in "0123456789;" and len(self._escape) < 12:
            return
        sequence, self._escape = self._escape, ""
        self._edit(_SEQUENCES.get(sequence, ""))

    def _edit(self, what: str) -> None:
        text, cursor = self._text, self._cursor
        moves = {"left": cursor - 1, "right": cursor + 1, "begin": 0, "end": len(text)}
        if what in moves:
            self._cursor = min(max(0, moves[what]), len(text))
            return
        match what:
            case "delete":
                self._text = text[:cursor] + text[cursor + 1 :]
            case "cut":
                self._text = text[:cursor]
            case "up" | "down":
                self._browse(-1 if what == "up" else 1)
            case "rub" | "cut begin" | "cut word":
                self.put(self._rub_to(what), "")
            case _:
                pass

    def _rub_to(self, what: str) -> int:
        match what:
            case "rub":
                return max(0, self._cursor - 1)
            case "cut word":
                return self.before.rstrip().rfind(" ") + 1
            case _:
                return 0

    def _browse(self, step: int) -> None:
        wanted = self._browsed + step
        if not 0 <= wanted <= len(self._history):
            return
        if self._browsed == len(self._history):
            self._kept = self._text
        self._browsed = wanted
        self._text = self._kept if wanted == len(self._history) else self._history[wanted]
        self._cursor = len(self._text)

    def picture(self, width: int, hidden: int | None) -> tuple[str, int]:
        """What to draw in `width` columns and where the cursor stands in it; `hidden`: where stars begin."""
        shown = "".join(sign if hidden is None or at < hidden else "*" for at, sign in enumerate(self._text))
        begin = 0
        while columns(shown[begin : self._cursor]) >= max(width, 1):
            begin += 1
        end = len(shown)
        while columns(shown[begin:end]) > max(width, 1):
            end -= 1
        return shown[begin:end], columns(shown[begin : self._cursor])


_CONTROLS: Final = {
    "\x01": "begin", "\x02": "left", "\x03": "", "\x04": "delete", "\x05": "end", "\x06": "right", "\x08": "rub",
    "\t": "", "\n": "", "\x0b": "cut", "\r": "", "\x0e": "down", "\x10": "up", "\x15": "cut begin",
    "\x17": "cut word", "\x1b": "", "\x7f": "rub",
}  # fmt: skip

_SEQUENCES: Final = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1b[H": "begin", "\x1b[F": "end",
    "\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right", "\x1bOD": "left", "\x1bOH": "begin", "\x1bOF": "end",
    "\x1b[1~": "begin", "\x1b[3~": "delete", "\x1b[4~": "end", "\x1b[7~": "begin", "\x1b[8~": "end",
}  # fmt: skip
