"""`gatepost explain`: what an error message means, why it comes, and what to do. Offline."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import wrap
from typing import Annotated, BinaryIO, Final

import typer

from gatepost import bom
from gatepost.cli import output
from gatepost.doctor.knowledge import LANGUAGES, Book, Explanation, Heard, language_of, load, own_rules
from gatepost.doctor.model import Finding, Stage, Who

NOT_KNOWN: Final = 3
"""Exit code: the message is in no row."""

_COLUMNS: Final = 80
_KEPT: Final = 64_000
"""Octets that are kept of the beginning of standard input, and of its end: a whole log may come."""

_OPTION: Final = re.compile(r"--[a-z]{2,12}(?:=.*)?")
_OPTIONS: Final = ("--lang", "--rules", "--json", "--help")

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
    # An unknown option is text: servers' refusals begin with a dash (`-ERR`).
    root.command("explain", context_settings={"ignore_unknown_options": True})(explain)


def explain(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]", help="The message; - or nothing: standard input.", show_default=False),
    ] = None,
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
    _refuse_misspelt(text or ())
    message = _message(" ".join(text or ("-",)))
    book = load(lang or language_of(os.environ), (*own_rules(os.environ), *(path.resolve() for path in rules or ())))
    told = book.explain(message)
    if as_json:
        output.json(_record(book, told))
    elif told.matches:
        _show(book, told)
    else:
        _show_unknown(book, told.heard)
    if not told.matches:
        raise typer.Exit(NOT_KNOWN)


def _refuse_misspelt(words: Iterable[str]) -> None:
    """Ends the command at what is nearly an option: it would be taken for text, because texts may begin with dashes."""
    for word in filter(_OPTION.fullmatch, words):
        from difflib import get_close_matches  # noqa: PLC0415 -- seldom needed

        if near := get_close_matches(word.partition("=")[0], _OPTIONS, 1, 0.7):
            output.fail(f"there is no option {word.partition('=')[0]}", f"Did you mean {near[0]}?")


def _message(text: str) -> str:
    """What is to be explained. Ends the command if there is nothing."""
    if text == "-":
        text = "" if sys.stdin.isatty() else bom.text(_both_ends(sys.stdin.buffer), "replace")
    if not text.strip():
        output.fail("there is no message to explain", 'Paste it in quotation marks: gatepost explain "TEXT"')
    return text


def _both_ends(stream: BinaryIO) -> bytes:
    """The beginning and the end of what comes, and no more than that in memory."""
    head, tail = stream.read(_KEPT), b""
    while more := stream.read(_KEPT):
        tail = (tail + more)[-_KEPT:]
    return head + tail


def _proof(finding: Finding) -> str:
    return _PROOFS.get(finding.stage, _PROOF_BY_ADDRESS)


def _show(book: Book, told: Explanation) -> None:
    first, *others = told.matches
    finding = book.finding(first.id, confidence=told.confidence)
    for line in wrap(f"{finding.title}.", _COLUMNS):
        output.say(line, strong=True)
    output.say()
    sure = book.phrase(f"explain.confidence.{finding.confidence}")
    _paragraphs(
        (book.phrase("explain.code"), f"{finding.id}. {sure}"),
        (book.phrase("explain.speaker"), _speaker(book, told.heard)),
        (book.phrase("explain.cause"), finding.cause),
        (book.phrase("explain.fix"), finding.fix),
        (book.phrase("explain.who"), _who(book, finding, told.heard)),
        (book.phrase("explain.proof"), _proof(finding)),
        (book.phrase("explain.more"), finding.reference),
    )
    if finding.command:
        output.say(f"\n{book.phrase('explain.by_hand')}:\n  {finding.command}")
    if others:
        output.say(f"\n{book.phrase('explain.others')}:")
        _paragraphs(*((f"  {other.id}", book.finding(other.id).title) for other in others))


def _who(book: Book, finding: Finding, heard: Heard) -> str:
    """Whose job it is. Who reads a server's log is not the one who uses the mail program."""
    by_user = finding.who is Who.YOU and heard.side == "server"
    return book.phrase("explain.who_user" if by_user else f"who.{finding.who}")


def _speaker(book: Book, heard: Heard) -> str:
    return book.phrase(f"explain.speaker_{heard.side}", name=heard.speaker) if heard.speaker else ""


def _show_unknown(book: Book, heard: Heard) -> None:
    lines = [book.phrase("explain.unknown")]
    if found := _understood(book, heard):
        lines.append(book.phrase("explain.understood", found=found))
    lines += [book.phrase("explain.unknown_hint"), book.phrase("explain.unknown_fix")]
    for number, text in enumerate(lines):
        for line in wrap(text, _COLUMNS):
            output.say(line, strong=not number)


def _understood(book: Book, heard: Heard) -> str:
    """Who speaks, by which protocol and at which step, of a message that is in no row."""
    step = book.phrase(f"show.stage.{heard.step}") if heard.step and (heard.speaker or heard.protocol) else ""
    return ", ".join(filter(None, (heard.speaker, heard.protocol.upper(), step)))


def _paragraphs(*pairs: tuple[str, str]) -> None:
    """Prints texts beside their labels, wrapped; words are not cut: they may be addresses."""
    shown = [(label, text) for label, text in pairs if text]
    width = max(len(label) for label, _ in shown) + 2
    for label, text in shown:
        lines = wrap(text, _COLUMNS - width, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines):
            output.say(f"{'' if number else label:{width}}{line}")


def _record(book: Book, told: Explanation) -> dict[str, object]:
    return {
        "schema": 1,
        "language": book.language,
        "known": bool(told.matches),
        "speaker": told.heard.speaker,
        "protocol": told.heard.protocol,
        "provider": told.heard.provider,
        "matches": [
            {"score": match.score, "matched": match.matched, "doctor": _proof(finding), **_fields(finding)}
            for place, match in enumerate(told.matches)
            for finding in [book.finding(match.id, confidence=None if place else told.confidence)]
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
