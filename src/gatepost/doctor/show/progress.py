"""What is seen while an examination runs: one line for each thing that is looked at, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TextIO

from gatepost.doctor.model import Progress
from gatepost.doctor.show.sheet import Look, paint
from gatepost.doctor.show.words import SIGNS, Phrases, one_line, plain, status_word
from gatepost.text import cut

_MOST_SUBJECTS: Final = 200
"""Remembered subjects: an examination has some dozens; a bound all the same."""
_RUNNING: Final = "…"


class Board:
    """The state of everything that is looked at. Values in, lines out."""

    def __init__(self, book: Phrases) -> None:
        self._book = book
        self._latest: dict[str, Progress] = {}

    def note(self, progress: Progress) -> None:
        """Something began or ended."""
        self._latest.pop(progress.subject, None)
        if len(self._latest) < _MOST_SUBJECTS:
            self._latest[progress.subject] = progress

    def lines(self, look: Look, height: int = _MOST_SUBJECTS) -> list[str]:
        """The latest news of each thing, at most `height` lines, none wider than the terminal."""
        return [self._line(each, look) for each in list(self._latest.values())[-height:]]

    def _line(self, progress: Progress, look: Look) -> str:
        status = progress.status
        sign = f"{SIGNS[status]} {status_word(status, self._book)}" if status else _RUNNING
        stage = self._book.phrase(f"show.stage.{progress.stage.value}")
        rest = f"  {progress.subject}: {progress.text or stage}"
        mark = _RUNNING
        sign, rest = one_line(sign), one_line(rest)
        if not look.unicode:
            sign, rest, mark = plain(sign), plain(rest), plain(mark)
        return paint(look, sign, status or "") + cut(rest, max(look.width - 1 - len(sign), 1), mark)


class Display:
    """Paints a board on a terminal and takes it away again. Each change is one write, so that nothing flickers."""

    def __init__(self, stream: TextIO, board: Board, size: Callable[[], tuple[Look, int]]) -> None:
        """`size` gives the look and the number of lines that may be used, anew for each painting."""
        self._stream = stream
        self._board = board
        self._size = size
        self._shown = 0

    def __call__(self, progress: Progress) -> None:
        self._board.note(progress)
        look, height = self._size()
        lines = self._board.lines(look, height)
        self._write("".join(f"{line}\n" for line in lines))
        self._shown = len(lines)

    def clear(self) -> None:
        """Leaves the terminal as it was."""
        self._write("")
        self._shown = 0

    def _write(self, text: str) -> None:
        up = f"\x1b[{self._shown}F\x1b[J" if self._shown else ""
        self._stream.write(up + text)
        self._stream.flush()
