"""SQL stands in files, each statement under a `-- name:` line; this loads and runs them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Final

import apsw

Row = tuple[Any, ...]
Value = int | str | bytes | None

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_TEXTS: Final = {file.name: file.read_text("utf-8") for file in (files(__package__) / "queries").iterdir()}
"""Read at import: after a server has given up its privileges the files may be out of reach."""


def load(file: str) -> dict[str, str]:
    """Statements of `queries/<file>.sql` by name."""
    parts = _NAME.split(_TEXTS[f"{file}.sql"])[1:]
    return {name: statement.strip() for name, statement in zip(parts[::2], parts[1::2], strict=True)}


class Statements:
    """A connection with the statements of some files. Every call runs its statement to the end."""

    __slots__ = ("_connection", "_queries")

    def __init__(self, connection: apsw.Connection, *files: str) -> None:
        self._connection = connection
        self._queries = {name: query for file in files for name, query in load(file).items()}

    def rows(self, name: str, *values: Value) -> list[Row]:
        """All rows."""
        return self._connection.execute(self._queries[name], values).fetchall()

    def row(self, name: str, *values: Value) -> Row | None:
        """The first row, if there is one."""
        rows = self._connection.execute(self._queries[name], values).fetchall()
        return rows[0] if rows else None

    def the_row(self, name: str, *values: Value) -> Row:
        """The row of a statement that always has one."""
        return self._connection.execute(self._queries[name], values).fetchall()[0]

    def many(self, name: str, values: Iterable[tuple[Value, ...]]) -> None:
        """Runs the statement once for each of `values`."""
        self._connection.executemany(self._queries[name], values)
