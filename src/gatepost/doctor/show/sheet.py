"""Lines for a terminal: wrapping, indenting, painting. No opinion about what stands in them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from gatepost.doctor.model import Status
from gatepost.doctor.show.words import SIGNS, Phrases, one_line, plain, status_word
from gatepost.text import columns, fill

NARROW: Final = 60
"""Below so many columns labels stand in the text's own line and indents shrink."""

_PAINT: Final = {
    "bold": "1",
    Status.PASS: "32",
    Status.INFO: "1",
    Status.WARN: "30;43",
    Status.FAIL: "1;31",
    Status.SKIP: "",
}
"""SGR codes. Yellow letters vanish on a white terminal, black ones on a yellow ground nowhere."""


class Look(Struct, frozen=True):
    """What the reader's terminal can do, and how much the reader wants."""

    width: int = 80
    colour: bool = False
    unicode: bool = True
    """False: signs and quotation marks in ASCII."""
    verbose: bool = False


class Sheet:
    """Takes text piece by piece and gives it back as lines no wider than asked, commands excepted."""

    def __init__(self, look: Look, book: Phrases) -> None:
        self.look = look
        self.book = book
        self._lines: list[str] = []

    @property
    def step(self) -> int:
        """Columns of one indent."""
        return 2 if self.look.width < NARROW else 4

    def blank(self) -> None:
        """One empty line, never two."""
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def heading(self, text: str) -> None:
        self.blank()
        self._wrap(text, "", "", "bold")
        self.blank()

    def paragraph(self, text: str, indent: int = 0) -> None:
        self._wrap(text, " " * indent, " " * indent)

    def result(self, status: Status, text: str, indent: int = 0, *, bold: bool = False) -> None:
        """A sign, a word and the text, wrapped under itself."""
        word = self.safe(f"{SIGNS[status]} {status_word(status, self.book)}")
        lead = " " * indent + fill(word, self._word_width()) + "  "
        body = self._body(text, columns(lead))
        painted = [paint(self.look, line, "bold") if bold else line for line in body]
        first = " " * indent + paint(self.look, word, status) + lead[indent + len(word) :]
        self._lines.append((first + painted[0]).rstrip())
        self._lines.extend(" " * columns(lead) + line for line in painted[1:])

    def labelled(self, label: str, text: str, indent: int, width: int) -> None:
        """A label, and the text beside it, in a column of `width`; where there is no room for that, after it."""
        if self.look.width < NARROW or indent + width > self.look.width // 2:
            self._wrap(f"{label}: {text}", " " * indent, " " * (indent + 2))
        else:
            self._wrap(text, " " * indent + fill(self.safe(label), width) + "  ", " " * (indent + width + 2))

    def command(self, text: str, indent: int, label: str = "", width: int = 0) -> None:
        """A command line, beside its label or alone. It is never broken, so that it can be copied."""
        lead = ""
        if label and self.look.width < NARROW:
            self.paragraph(f"{label}:", indent)
        elif label:
            lead = fill(self.safe(label), width) + "  "
        self._lines.append(" " * indent + lead + "$ " + self.safe(text))

    def table(self, head: tuple[str, ...], rows: Sequence[tuple[str, ...]], indent: int) -> bool:
        """Puts a table down if it is not too wide; says whether."""
        cells = [tuple(map(self.safe, row)) for row in (head, *rows)]
        widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
        if indent + sum(widths) + 2 * (len(widths) - 1) > self.look.width:
            return False
        for number, row in enumerate(cells):
            line = "  ".join(fill(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self._lines.append(" " * indent + (line if number else paint(self.look, line, "bold")))
        return True

    def safe(self, text: str) -> str:
        """The text as this terminal may get it."""
        clean = one_line(text)
        return clean if self.look.unicode else plain(clean)

    def text(self) -> str:
        """Everything so far, with a line end at the end."""
        return "\n".join(self._lines).rstrip("\n") + "\n"

    def _word_width(self) -> int:
        return max(columns(self.safe(f"{sign} {status_word(each, self.book)}")) for each, sign in SIGNS.items())

    def _wrap(self, text: str, first: str, rest: str, style: str = "") -> None:
        body = self._body(text, columns(rest))
        self._lines.append((first + paint(self.look, body[0], style)).rstrip())
        self._lines.extend(rest + paint(self.look, line, style) for line in body[1:])

    def _body(self, text: str, indent: int) -> list[str]:
        return textwrap.wrap(self.safe(text), max(self.look.width - indent, 16), break_on_hyphens=False) or [""]


def paint(look: Look, text: str, style: str) -> str:
    """The text in the style, where there is colour."""
    code = _PAINT.get(style, "")
    return f"\x1b[{code}m{text}\x1b[0m" if look.colour and code else text
