"""The composition root: the one room that sees all others, and picks the engines.

`engine` is what the command line works with, `crew` what the supervisor runs, `site` what a worker serves, and
`embedded` the whole server inside somebody else's event loop.

Must never: know a protocol's words or a table of the store. It only puts things together.
"""

from __future__ import annotations

import os
import sys
from functools import cached_property
from io import FileIO, TextIOWrapper
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from gatepost.cli.environment import Engine

__all__ = ["main"]

INTERRUPTED: Final = 130
"""Exit code: 128 + SIGINT, as shells have it."""


class _EngineWhenNeeded:
    """The engine, imported by the first command that uses it: `gatepost explain` answers in half the time so."""

    @cached_property
    def _engine(self) -> Engine:
        from gatepost.app.engine import SqliteEngine  # noqa: PLC0415

        return SqliteEngine()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def _open_standard_streams() -> None:
    """Whoever starts us may have closed some: the next file opened, the store's perhaps, would get the number and what
    is printed, and libuv aborts on it. Standard input stays None for Python, so that a command can say so.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or TextIOWrapper(FileIO(1, "w", closefd=False), "utf-8")
    sys.stderr = sys.stderr or TextIOWrapper(FileIO(2, "w", closefd=False), "utf-8")


def main() -> None:
    """The command `gatepost`."""
    _open_standard_streams()
    try:
        from gatepost.cli.main import run  # noqa: PLC0415 -- a Ctrl-C while it is read ends quietly, too

        run(cast("Engine", _EngineWhenNeeded()))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
