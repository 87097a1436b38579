"""The composition root: the one room that sees all others, and picks the engines.

`engine` is what the command line works with, `crew` what the supervisor runs, `site` what a worker serves, and
`embedded` the whole server inside somebody else's event loop.

Must never: know a protocol's words or a table of the store. It only puts things together.
"""

from __future__ import annotations

from functools import cached_property
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


def main() -> None:
    """The command `gatepost`."""
    try:
        from gatepost.cli.main import run  # noqa: PLC0415 -- a Ctrl-C while it is read ends quietly, too

        run(cast("Engine", _EngineWhenNeeded()))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
