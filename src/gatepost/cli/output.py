"""How commands speak: tables for people, JSON for programs, one clear line for what went wrong.

Output that goes into a pipe or a file is plain: no colour, no cut columns. What was asked for goes to standard
output; progress, warnings and errors go to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import indent
from typing import Annotated, NoReturn

import typer

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
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(str(cell)) for cell in row))
    if sys.stdout.isatty():
        Console().print(grid)
        return
    console = Console(width=_UNCUT, no_color=True, highlight=False)
    with console.capture() as captured:
        console.print(grid)
    for line in captured.get().splitlines():
        say(line.rstrip())


def json(value: object) -> None:
    """Prints a value (msgspec Structs and their like) as indented JSON."""
    import msgspec  # noqa: PLC0415 -- only programs ask for JSON

    say(msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2).decode())


def say(text: str = "") -> None:
    """Prints a line to standard output."""
    typer.echo(text)


def note(text: str) -> None:
    """Prints a line to standard error: it is not the command's result."""
    typer.echo(text, err=True)


def warn(text: str) -> None:
    """Prints a warning to standard error."""
    note(f"warning: {text}")


def complain(problem: str, fix: str = "") -> None:
    """Says what is wrong, and on the next lines what to do."""
    note(f"gatepost: {problem}")
    if fix:
        note(indent(fix, "  "))


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
    from rich.progress import Progress as Bars  # noqa: PLC0415

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
