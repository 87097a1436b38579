"""The root command. Everything below it is imported when it is asked for, so that `gatepost` starts at once."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_group

from gatepost import __version__
from gatepost.cli import output
from gatepost.cli.sysexits import answering
from gatepost.errors import GatepostError
from gatepost.text import printable

if TYPE_CHECKING:
    from gatepost.cli.environment import Engine

_COMMANDS: Final = {
    "quickstart": ("gatepost.cli.server", "register"),
    "init": ("gatepost.cli.config", "register"),
    "serve": ("gatepost.cli.server", "register"),
    "status": ("gatepost.cli.server", "register"),
    "ports": ("gatepost.cli.ports", "register"),
    "doctor": ("gatepost.cli.doctor", "register"),
    "config": ("gatepost.cli.config", "app"),
    "domain": ("gatepost.cli.accounts", "domain"),
    "user": ("gatepost.cli.accounts", "user"),
    "alias": ("gatepost.cli.accounts", "alias"),
    "password": ("gatepost.cli.accounts", "password"),
    "mail": ("gatepost.cli.mail", "app"),
    "store": ("gatepost.cli.store", "app"),
    "cert": ("gatepost.cli.cert", "app"),
    "session": ("gatepost.cli.sessions", "app"),
    "explain": ("gatepost.cli.explain", "register"),
    "talk": ("gatepost.cli.talk", "register"),
}
"""Every command in the order of the help page: its module, and there the Typer of a group, or a function
`register(root)` that adds single commands to the Typer it is given."""

_WITHOUT_SETTINGS: Final = ("config", "doctor", "explain", "init", "talk")
"""Commands that must work while the file is wrong or absent; they read it themselves."""

_HELP_WANTED: Final = "gatepost.help"


class _Commands(Mapping[str, Any]):
    """All commands by name, each imported at the first look at it."""

    def __getitem__(self, name: str) -> Any:
        return _command(name)

    def __contains__(self, name: object) -> bool:
        return name in _COMMANDS

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


@cache
def _command(name: str) -> Any:
    """A command, ready to run. Raises KeyError."""
    module, attribute = _COMMANDS[name]
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        group = get_group(found)
        group.name = name
        return group
    host = typer.Typer()
    found(host)
    return get_group(host).commands[name]


class _Root(TyperGroup):
    """Finds commands in the table above, and turns our own errors into a line that people understand."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands()  # type: ignore[assignment]  # never written to: no command is added later

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_HELP_WANTED] = "--help" in args
        with _usage_errors_printable():
            return super().parse_args(ctx, args)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **more: Any) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        run = partial(super().main, words, *rest, **more)
        return answering(run) if ("mail", "deliver") in pairwise(words) else run()

    def invoke(self, ctx: Any) -> Any:
        try:
            with _usage_errors_printable():
                return super().invoke(ctx)
        except GatepostError as error:
            problem, _, fix = str(error).partition("\n")
            output.fail(problem, fix)


@contextmanager
def _usage_errors_printable() -> Iterator[None]:
    """What Typer says of wrong options quotes them."""
    try:
        yield
    except TyperException as error:
        said = printable(error.format_message(), kept="\n")
        error.format_message = lambda: said  # type: ignore[method-assign]  # each kind makes its text in its own way
        raise


def _tell_mistake(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A traceback quotes what the program stumbled over."""
    output.note("".join(traceback.format_exception(kind, error, trace)).rstrip("\n"))


class _Remarks(logging.Handler):
    """Prints what rooms and libraries log while a command runs; the server has its own handler."""

    def emit(self, record: logging.LogRecord) -> None:
        output.warn(record.getMessage())


def run(engine: Engine) -> None:
    """The command of this process: with what libraries print by themselves made printable as well."""
    sys.excepthook = _tell_mistake
    logging.lastResort = _Remarks(logging.WARNING)
    build(engine)()


def build(engine: Engine) -> typer.Typer:
    """The whole command line, working on what `engine` gives. Call the result to run it."""
    root = typer.Typer(cls=_Root, no_args_is_help=True, pretty_exceptions_enable=False)

    @root.callback()
    def gatepost(
        context: typer.Context,
        config: Annotated[
            Path | None,
            typer.Option("--config", "-c", metavar="FILE", help="The configuration file.", show_default=False),
        ] = None,
        _version: Annotated[
            bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
        ] = False,
    ) -> None:
        """Gatepost hands out mail, by the secure doors. Begin with `gatepost quickstart`."""
        if not context.meta[_HELP_WANTED]:
            context.obj = _environment(engine, config, reads=context.invoked_subcommand not in _WITHOUT_SETTINGS)

    return root


def _environment(engine: Engine, named: Path | None, *, reads: bool) -> Any:
    from gatepost.cli.environment import Environment  # noqa: PLC0415 -- `--version` and `--help` need none of it
    from gatepost.config.load import find, load  # noqa: PLC0415
    from gatepost.config.settings import Settings  # noqa: PLC0415

    file = find(named, os.environ)
    return Environment(engine, load(file) if reads else Settings(), file)


def _version(wanted: bool) -> None:
    if wanted:
        output.say(f"gatepost {__version__}")
        raise typer.Exit
