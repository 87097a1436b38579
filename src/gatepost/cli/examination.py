"""Runs what `gatepost doctor` was asked for, and hands the reports out. The reports themselves are made elsewhere."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from msgspec.structs import replace

from gatepost.cli import output
from gatepost.doctor.knowledge import LANGUAGES, Book, language_of, load, own_rules
from gatepost.doctor.model import Progress, Question, Report, Stage, Status
from gatepost.doctor.show.progress import Board, Display
from gatepost.doctor.show.sheet import Look
from gatepost.doctor.show.words import ExitCode, exit_code
from gatepost.errors import GatepostError, InvalidValueError, MisuseError
from gatepost.text import in_encoding, is_utf8

if TYPE_CHECKING:
    from gatepost.cli.environment import Environment

Watcher = Callable[[Progress], None]

_WIDEST: Final = 100
"""Columns: longer lines are hard to read, on however wide a terminal."""
_STDOUT: Final = "-"


@dataclass(frozen=True, slots=True)
class Output:
    """What is to become of the report."""

    json: bool = False
    nagios: bool = False
    html: str = ""
    bundle: str = ""
    verbose: bool = False
    watch: int | None = None

    @property
    def spoken_for(self) -> bool:
        """Whether standard output belongs to something other than the report for people."""
        return self.json or self.nagios or _STDOUT in (self.html, self.bundle)


@dataclass(frozen=True, slots=True)
class Order:
    """Everything that the command line said."""

    question: Question | None
    """None: about this Gatepost host."""
    other: Question | None
    """To be compared with it."""
    environment: Environment
    config: str
    """The configuration file, if one was named."""
    resolvers: tuple[str, ...]
    rules: tuple[Path, ...]
    language: str
    output: Output
    second_opinion: bool = False
    """Public name servers may hear of denials and private addresses too."""


def run(order: Order) -> int:
    """Examines, writes and returns the exit code. Raises InvalidValueError, KnowledgeError; KeyboardInterrupt."""
    language = _language(order.language)
    book = load(language, (*own_rules(os.environ), *order.rules))
    run_ = _Run(order, book, language)
    try:
        return asyncio.run(run_.whole())
    except KeyboardInterrupt:
        run_.broken_off()
        raise
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, GatepostError) and not isinstance(error, MisuseError):
            raise
        run_.confess()
        raise typer.Exit(ExitCode.NOT_TESTED) from error
    finally:
        run_.quiet()


def _language(wanted: str) -> str:
    if wanted and wanted.lower() not in LANGUAGES:
        raise InvalidValueError(f"the doctor does not speak {wanted!r}\nIt speaks {', '.join(LANGUAGES)}.")
    return wanted.lower() or language_of(os.environ)


class _Run:
    """One run of the command."""

    def __init__(self, order: Order, book: Book, language: str) -> None:
        self.order = order
        self.book = book
        self.language = language
        self.board = Board(book)
        self.display = Display(sys.stderr, self.board, _terminal) if sys.stderr.isatty() else None

    async def whole(self) -> int:
        """Once, or twice to compare, or again and again."""
        if self.order.other:
            return await self.compare(self.order.other)
        if self.order.output.watch:
            return await self.watch(self.order.output.watch)
        report = await self.examined(self.order.question)
        self.quiet()
        self.hand_out(report)
        return exit_code(report)

    async def compare(self, other: Question) -> int:
        """Examines both at once; the worse of them decides the exit code."""
        from gatepost.doctor.show.compare import compare, comparison  # noqa: PLC0415 -- each way out only when needed
        from gatepost.doctor.show.json import encoded  # noqa: PLC0415

        left, right = await asyncio.gather(self.examined(self.order.question), self.examined(other))
        self.quiet()
        if self.order.output.json:
            _write(encoded(comparison(left, right)) + "\n")
        else:
            names = (_name(self.order.question), _name(other))
            _write(compare(left, right, self.book, _look(self.order.output), names))
        return max(exit_code(left), exit_code(right))

    async def watch(self, pause: int) -> int:
        """Examines for ever: the whole report first, then what changed."""
        from gatepost.doctor.show.compare import changes, watch_lines  # noqa: PLC0415

        question, before = self.order.question, None
        while True:
            report = await self.examined(question)
            self.quiet()
            self.display = None
            if before is None or self.order.output.spoken_for:
                self.hand_out(report)
            else:
                now = time.strftime("%H:%M:%S")
                _write(watch_lines(changes(before, report), report, now, self.book, _look(self.order.output)))
                self.write_files(report)
            if question and question.secret and _login_failed(report):
                question = replace(question, secret=None)
                output.warn(self.book.phrase("show.watch.no_login"))
            before = report
            await _sleep(max(0.0, pause - report.seconds))

    async def examined(self, question: Question | None) -> Report:
        """One examination."""
        from gatepost.doctor.names.spelling import BadNameError  # noqa: PLC0415 -- dnspython and ssl only now

        watcher = self.display or self.board.note
        resolvers = self.order.resolvers
        try:
            if question is None:
                return await _own(self.order.environment, resolvers, self.book, watcher)
            asked = replace(question, language=self.language)
            second = self.order.second_opinion
            return await _foreign(asked, resolvers, self.book, watcher, second_opinion=second)
        except BadNameError as error:
            raise InvalidValueError(f"{error}\nWrite --resolver 192.0.2.1, or 192.0.2.1:53.") from error

    def hand_out(self, report: Report) -> None:
        """Prints the report in the form that was asked for, and writes the files."""
        from gatepost.doctor.show import json, nagios, text  # noqa: PLC0415

        wanted = self.order.output
        if wanted.nagios:
            _write(nagios.nagios(report) + "\n")
        elif wanted.json:
            _write(json.json(report, lines=wanted.watch is not None) + "\n")
        elif not wanted.spoken_for:
            _write(text.text(report, self.book, _look(wanted), command=command_line(self.order)))
        self.write_files(report)

    def write_files(self, report: Report) -> None:
        """The page and the bundle, where they are wanted."""
        from gatepost.doctor.show.html import html  # noqa: PLC0415

        if self.order.output.html:
            _save(self.order.output.html, html(report, self.book))
        if self.order.output.bundle:
            _save(self.order.output.bundle, _bundle(report, self.order.question, self.book))

    def quiet(self) -> None:
        """Takes the live display away."""
        if self.display:
            self.display.clear()

    def broken_off(self) -> None:
        """Says what was found until Ctrl-C."""
        self.quiet()
        if self.order.output.spoken_for or self.order.output.watch:
            return
        look = _look(self.order.output)
        found = self.board.lines(look)
        key = "interrupted" if found else "interrupted_empty"
        _write("\n".join([self.book.phrase(f"show.progress.{key}"), *found, ""]))

    def confess(self) -> None:
        """Our own mistake: everything that a developer needs, and nothing that is secret."""
        from gatepost.doctor.tongues.secrets import Redactor  # noqa: PLC0415

        secret = self.order.question.secret if self.order.question else None
        trace = Redactor(secret.reveal() if secret else "").clean(traceback.format_exc().encode(errors="replace"))
        self.quiet()
        if self.order.output.nagios:
            from gatepost.doctor.show.nagios import line  # noqa: PLC0415

            _write(line(ExitCode.NOT_TESTED, "the doctor itself failed; run it by hand to see why") + "\n")
        output.note(trace.decode(errors="replace"))
        output.complain(
            "the doctor itself made a mistake: this is no fault of the server",
            "Please report it with the lines above; there is no password in them.",
        )


async def _foreign(
    question: Question, resolvers: tuple[str, ...], book: Book, watcher: Watcher, *, second_opinion: bool = False
) -> Report:
    """Examines any server."""
    from gatepost.doctor.examine import examine  # noqa: PLC0415
    from gatepost.doctor.names.resolver import PUBLIC, Resolver, SecondOpinion  # noqa: PLC0415

    _check_authorities(question.ca_file)
    # Who names a name server wants its answer, and nobody else to hear the question.
    others = () if resolvers else tuple(SecondOpinion(server, always=second_opinion) for server in PUBLIC)
    return await examine(question, resolver=Resolver(resolvers), others=others, book=book, watch=watcher)


def _check_authorities(file: str) -> None:
    """Raises InvalidValueError if certificates cannot be read from it."""
    import ssl  # noqa: PLC0415

    if not file:
        return
    try:
        ssl.create_default_context(cafile=file)
    except OSError as error:
        why = "it holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
        raise InvalidValueError(
            f"--ca {file} cannot be used: {why}\nGive it a readable file with certificates in PEM."
        ) from error


async def _own(environment: Environment, resolvers: tuple[str, ...], book: Book, watcher: Watcher) -> Report:
    """Examines this Gatepost host."""
    from gatepost.doctor.own.host import everybody, examine_host  # noqa: PLC0415

    return await examine_host(environment, book=book, watch=watcher, outside=everybody(book, resolvers))


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


def _login_failed(report: Report) -> bool:
    return any(each.stage is Stage.LOGIN and each.status is Status.FAIL for each in report.all_findings())


def command_line(order: Order) -> str:
    """What to type to ask the same again, without the ways out and without anything secret."""
    question = order.question
    words = ["gatepost", *(["--config", order.config] if order.config else []), "doctor"]
    if question:
        words.append(_name(question))
        named = {"--service": question.service, "--user": question.user, "--from": question.sender}
        named |= {"--ca": question.ca_file}
        words += [word for option, value in named.items() if value for word in (option, value)]
        words += ["--login"] if question.secret and not question.user else []
        words += [f"-{family}" for family in question.families if len(question.families) == 1]
        words += ["--all-ports"] if question.all_ports else []
        words += ["--inside"] if question.inside else []
    words += ["--second-opinion"] if order.second_opinion else []
    words += [word for server in order.resolvers for word in ("--resolver", server)]
    return shlex.join(words)


def _name(question: Question | None) -> str:
    """What is examined, as it may be typed."""
    if not question or not question.port:
        return question.subject if question else ""
    host = f"[{question.subject}]" if ":" in question.subject else question.subject
    return f"{host}:{question.port}"


def _bundle(report: Report, question: Question | None, book: Book) -> str:
    """The report in disguise, with what support asks first."""
    import platform  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    from gatepost.doctor.show.bundle import Disguise, bundle, servers  # noqa: PLC0415

    named = {platform.node(), *(os.environ.get(each, "") for each in ("HOSTNAME", "HOST", "COMPUTERNAME"))}
    own = {*named, *(name.partition(".")[0] for name in named)} - {"localhost", ""}
    if question:
        typed = {question.user, question.sender, question.subject if "@" in question.subject else ""}
        kept = servers(report)
    else:
        typed, kept = set(), frozenset()
        own |= {report.subject, *(service.target.host for service in report.services)}
    names = {each.username for each in report.settings} | {each.target.username for each in report.services}
    versions = {
        "gatepost": report.version,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "system": platform.platform(),
    }
    return bundle(Disguise(typed | names, own, kept).report(report), book, versions)


def _look(wanted: Output) -> Look:
    """What standard output can show."""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    width = shutil.get_terminal_size((80, 24)).columns
    return Look(
        width=min(width, _WIDEST),
        colour=sys.stdout.isatty() and not plain,
        unicode=is_utf8(sys.stdout.encoding),
        verbose=wanted.verbose,
    )


def _terminal() -> tuple[Look, int]:
    """What standard error can show, and in how many lines."""
    try:
        size = os.get_terminal_size(sys.stderr.fileno())
    except OSError:
        size = os.terminal_size((80, 24))
    plain = bool(os.environ.get("NO_COLOR"))
    return Look(width=size.columns, colour=not plain, unicode=is_utf8(sys.stderr.encoding)), max(size.lines - 2, 1)


def _write(text: str) -> None:
    """To standard output, in its encoding. Raises InvalidValueError, BrokenPipeError."""
    try:
        sys.stdout.write(in_encoding(text, sys.stdout.encoding or "utf-8"))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InvalidValueError(f"the report cannot be written: {error.strerror}\nMake room, or print it.") from error


def _for_the_owner(name: str, flags: int) -> int:
    """A report names people, servers and what is wrong with them."""
    return os.open(name, flags, 0o600)


def _save(where: str, text: str) -> None:
    """Writes a file, or to standard output. Raises InvalidValueError."""
    if where == _STDOUT:
        _write(text)
        return
    try:
        with open(where, "w", encoding="utf-8", errors="backslashreplace", opener=_for_the_owner) as file:
            file.write(text)
    except OSError as error:
        raise InvalidValueError(f"{where} cannot be written: {error.strerror}\nGive another place.") from error
    output.note(f"Wrote {where}.")
