"""What all renderers share: phrases, signs, safe strings, and the outcome as a number."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from typing import Final, Protocol

from gatepost.doctor.model import Report, Status
from gatepost.text import SPACES, printable


class Phrases(Protocol):
    """The words of the interface in one language: `knowledge.Book`."""

    def phrase(self, key: str, **parameters: str) -> str:
        """The phrase with `{…}` filled in."""


class ExitCode(IntEnum):
    """What the command ends with; the same four that monitoring plugins use."""

    FINE = 0
    WARNINGS = 1
    FAILS = 2
    NOT_TESTED = 3


def exit_code(report: Report) -> ExitCode:
    """The report as a number."""
    if not report.examined:
        return ExitCode.NOT_TESTED
    match report.verdict.status:
        case Status.FAIL:
            return ExitCode.FAILS
        case Status.WARN:
            return ExitCode.WARNINGS
        case Status.SKIP:
            return ExitCode.NOT_TESTED
        case _:
            return ExitCode.FINE


SIGNS: Final = {Status.PASS: "✓", Status.INFO: "·", Status.WARN: "!", Status.FAIL: "✗", Status.SKIP: "-"}
"""One column each, beside a word: for the eye, not instead of the word."""

_ASCII: Final = str.maketrans(
    {
        "✓": "+",
        "·": "i",
        "✗": "x",
        "…": "...",
        "→": "->",
        "•": "*",
        "„": '"',
        "“": '"',
        "”": '"',
        "«": '"',
        "»": '"',
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{SINGLE LOW-9 QUOTATION MARK}": "'",
        "\N{NO-BREAK SPACE}": " ",
        "\N{NARROW NO-BREAK SPACE}": " ",
    }
)


def status_word(status: Status, book: Phrases) -> str:
    """`FAIL`, `ok`, in the language."""
    return book.phrase(f"show.status.{status.value}")


def one_line(text: str) -> str:
    """The text on one line, `printable`; line ends and tabs become spaces."""
    spaced = " ".join(text.split("\n")).translate({0x09: " ", 0x0D: None})
    return printable(spaced, kept=SPACES)


def plain(text: str) -> str:
    """The text in letters that every encoding has; letters with accents stay, the writer decides about them."""
    return text.translate(_ASCII)


def seconds(value: float) -> str:
    """`0.21`, `1.4`, `12`: as exact as anybody needs."""
    if value < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def utc(moment: int) -> str:
    """Unix seconds in ISO 8601."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
