"""`gatepost explain`: what an error message means, why it comes, and what to do. Offline."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Final

import typer

from gatepost import bom
from gatepost.cli import output
from gatepost.doctor.knowledge import LANGUAGES, Book, Match, language_of, load, own_rules
from gatepost.doctor.model import Confidence, Finding, Stage

NOT_KNOWN: Final = 3
"""Exit code: the message is in no row."""

_COLUMNS: Final = 80
_OTHERS: Final = 4
"""Further rows that are shown: more would hide the first."""
_CLOSE: Final = 0.9
"""Share of the best score from which on another row fits as well."""
_READ_LIMIT: Final = 64_000
"""Octets of standard input that are read; of them only the first 4,000 characters are looked at."""

_PROOFS: Final = {
    Stage.REACH: "gatepost doctor HOST:PORT",
    Stage.MODE: "gatepost doctor HOST:PORT",
    Stage.TLS: "gatepost doctor HOST:PORT",
    Stage.GREETING: "gatepost doctor HOST:PORT",
    Stage.LOGIN: "gatepost doctor YOUR-ADDRESS --login",
    Stage.MAILBOX: "gatepost doctor YOUR-ADDRESS --login",
    Stage.HOST: "gatepost doctor",
}
_PROOF_BY_ADDRESS: Final = "gatepost doctor YOUR-ADDRESS"


def register(root: typer.Typer) -> None:
    """Adds the single command of this module."""
    root.command("explain")(explain)


def explain(
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="The message; - or nothing: standard input.", show_default=False)
    ] = "-",
    lang: Annotated[str, typer.Option("--lang", help=f"Language: {', '.join(LANGUAGES)}.", show_default=False)] = "",
    rules: Annotated[
        list[Path] | None,
        typer.Option("--rules", metavar="FILE|DIR", help="Rows of your own, in TOML.", show_default=False),
    ] = None,
    as_json: output.AsJson = False,
) -> None:
    """Say what an error message of a mail program or server means, and what to do. Needs no network."""
    if lang and lang not in LANGUAGES:
        output.fail(f"there is no language {lang!r}", f"Languages: {', '.join(LANGUAGES)}.")
    message = _message(text)
    book = load(lang or language_of(os.environ), (*own_rules(os.environ), *(path.resolve() for path in rules or ())))
    matches = book.match(message)
    if as_json:
        output.json(_record(book, matches))
    elif matches:
        _show(book, matches)
    else:
        _show_unknown(book)
    if not matches:
        raise typer.Exit(NOT_KNOWN)


def _message(text: str) -> str:
    """What is to be explained. Ends the command if there is nothing."""
    if text == "-":
        text = "" if sys.stdin.isatty() else bom.text(sys.stdin.buffer.read(_READ_LIMIT), "replace")
    if not text.strip():
        output.fail("there is no message to explain", 'Paste it in quotation marks: gatepost explain "TEXT"')
    return text


def _proof(finding: Finding) -> str:
    return _PROOFS.get(finding.stage, _PROOF_BY_ADDRESS)


def _confidence(book: Book, matches: tuple[Match, ...]) -> Confidence:
    """How sure the first row is: as sure as it says of itself, unless others, that know as much, fit as well."""
    own = book.row(matches[0].id).confidence
    if len(matches) == 1 or own is Confidence.POSSIBLE:
        return own
    rivals = (each for each in matches[1:] if book.row(each.id).confidence is not Confidence.POSSIBLE)
    close = any(each.score >= _CLOSE * matches[0].score for each in rivals)
    return Confidence.POSSIBLE if close else Confidence.LIKELY


def _show(book: Book, matches: tuple[Match, ...]) -> None:
    finding = book.finding(matches[0].id, confidence=_confidence(book, matches))
    for line in wrap(f"{finding.title}.", _COLUMNS):
        output.say(line, strong=True)
    output.say()
    sure = book.phrase(f"explain.confidence.{finding.confidence}")
    _paragraphs(
        (book.phrase("explain.code"), f"{finding.id}. {sure}"),
        (book.phrase("explain.cause"), finding.cause),
        (book.phrase("explain.fix"), finding.fix),
        (book.phrase("explain.who"), book.phrase(f"who.{finding.who}")),
        (book.phrase("explain.proof"), _proof(finding)),
        (book.phrase("explain.more"), finding.reference),
    )
    if finding.command:
        output.say(f"\n{book.phrase('explain.by_hand')}:\n  {finding.command}")
    if others := matches[1 : 1 + _OTHERS]:
        output.say(f"\n{book.phrase('explain.others')}:")
        _paragraphs(*((f"  {other.id}", book.finding(other.id).title) for other in others))


def _show_unknown(book: Book) -> None:
    for key in ("unknown", "unknown_hint", "unknown_fix"):
        for line in wrap(book.phrase(f"explain.{key}"), _COLUMNS):
            output.say(line, strong=key == "unknown")


def _paragraphs(*pairs: tuple[str, str]) -> None:
    """Prints texts beside their labels, wrapped; words are not cut: they may be addresses."""
    width = max(len(label) for label, _ in pairs) + 2
    for label, text in pairs:
        lines = wrap(text, _COLUMNS - width, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines):
            output.say(f"{'' if number else label:{width}}{line}")


def _record(book: Book, matches: tuple[Match, ...]) -> dict[str, object]:
    return {
        "schema": 1,
        "language": book.language,
        "known": bool(matches),
        "matches": [
            {"score": match.score, "matched": match.matched, "doctor": _proof(finding), **_fields(finding)}
            for place, match in enumerate(matches)
            for finding in [book.finding(match.id, confidence=None if place else _confidence(book, matches))]
        ],
    }


def _fields(finding: Finding) -> dict[str, str]:
    return {
        "id": finding.id,
        "title": finding.title,
        "cause": finding.cause,
        "fix": finding.fix,
        "who": finding.who,
        "confidence": finding.confidence,
        "reference": finding.reference,
        "command": finding.command,
    }
