"""How commands speak: tables for people, JSON for programs, one clear line for what went wrong.

Output that goes into a pipe or a file is plain: no colour, no cut columns. What was asked for goes to standard
output; progress, warnings and errors go to standard error.

Much of what is printed comes from strangers: subjects, file names in archives, answers of servers. So everything here
is made printable on its way out, whoever calls; no command prints by other means.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import indent
from typing import Annotated, NoReturn

import typer

from gatepost.text import SPACES, in_encoding, json_octets, paragraphs, printable

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
"""The type of every command's `as_json` option."""

Progress = Callable[[int, int], None]
"""Called with (done, total)."""

_UNCUT = 10_000
"""Columns of a table that goes into a pipe: nothing wraps."""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints rows under headings; in a pipe one line for each row, however long."""
    from rich.console import Console  # noqa: PLC0415 -- costs more time than most commands take
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        grid.add_column(Text(_cell(column)), overflow="fold")
    for row in rows:
        grid.add_row(*(Text(_cell(cell)) for cell in row))  # a `Text`: markup and emoji codes in it are not obeyed
    if sys.stdout.isatty():
        Console().print(grid)
        return
    console = Console(width=_UNCUT, no_color=True, highlight=False)
    with console.capture() as captured:
        console.print(grid)
    for line in captured.get().splitlines():
        say(line.rstrip())


def _cell(value: object) -> str:
    return printable(str(value), kept=SPACES)


def json(value: object) -> None:
    """Prints a value (msgspec Structs and their like) as indented JSON."""
    say(json_octets(value, indent=2, order="sorted").decode())


def say(text: str = "", *, strong: bool = False) -> None:
    """Prints lines to standard output; `strong`: bold on a terminal, unless NO_COLOR asks for none."""
    shown = in_encoding(paragraphs(text), sys.stdout.encoding or "utf-8")
    bold = strong and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    typer.echo(typer.style(shown, bold=True) if bold else shown)


def raw(octets: Iterable[bytes]) -> None:
    """Writes octets as they are into a pipe or a file; on a terminal, which would obey them, as text."""
    if sys.stdout.isatty():
        say(b"".join(octets).replace(b"\r\n", b"\n").decode("utf-8", "backslashreplace"))
        return
    sys.stdout.buffer.writelines(octets)
    sys.stdout.buffer.flush()


def note(text: str) -> None:
    """Prints lines to standard error: they are not the command's result."""
    typer.echo(in_encoding(paragraphs(text), sys.stderr.encoding or "utf-8"), err=True)


def ask_secret(question: str, *, twice: bool = False) -> str:
    """Asks on the terminal for what nobody is to see."""
    said: str = typer.prompt(printable(question), hide_input=True, confirmation_prompt=twice, err=True)
    return said


def confirm(question: str) -> None:
    """Goes on only if the person says yes. Raises typer.Abort."""
    typer.confirm(printable(question), abort=True, err=True)


def warn(text: str) -> None:
    """Prints a warning to standard error."""
    note(f"warning: {text}")


def complain(problem: str, fix: str = "") -> None:
    """Says what is wrong, and on the next lines what to do."""
    explain(f"gatepost: {problem}", fix)


def explain(line: str, fix: str = "") -> None:
    """Prints a line to standard error, and below it, indented, what to do."""
    note(line)
    if fix:
        note(indent(paragraphs(fix), "  "))


def fail(problem: str, fix: str = "") -> NoReturn:
    """Ends the command with exit code 1: what is wrong, and on the next lines what to do."""
    complain(problem, fix)
    raise typer.Exit(1)


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """A bar on standard error while people watch; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(escape(printable(label)), total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
