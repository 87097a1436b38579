"""The composition root: the one room that sees all others, and picks the engines.

`engine` is what the command line works with, `crew` what the supervisor runs, `site` what a worker serves, and
`embedded` the whole server inside somebody else's event loop.

Must never: know a protocol's words or a table of the store. It only puts things together.
"""

from __future__ import annotations

from gatepost.cli.main import build

__all__ = ["main"]


def main() -> None:
    """The command `gatepost`."""
    from gatepost.app.engine import SqliteEngine  # noqa: PLC0415 -- `gatepost --help` needs no engine

    build(SqliteEngine())()
