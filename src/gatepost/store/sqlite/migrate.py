"""Brings a database to the newest schema: `schema/0001.sql`, `0002.sql`, … each in one transaction.

A new store runs the whole chain, so that there is no second description of the schema which could differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import apsw

from gatepost.errors import StoreUnavailableError
from gatepost.store.sqlite.sizes import measure

_MEASURED: Final = 4
"""The version at which the sizes of messages have another meaning than before."""


@cache
def steps() -> tuple[str, ...]:
    """The SQL of each version, from 1. Read once: after the privileges are gone the files may be out of reach."""
    folder = files(__package__) / "schema"
    return tuple(
        file.read_text("utf-8") for file in sorted(folder.iterdir(), key=lambda f: f.name) if file.name.endswith(".sql")
    )


def version(connection: apsw.Connection) -> int:
    """Schema version of the file; 0 for a new one."""
    return int(connection.pragma("user_version"))


def check_readable(connection: apsw.Connection) -> None:
    """Raises StoreUnavailableError unless the file has exactly the schema that this release reads."""
    found, newest = version(connection), len(steps())
    if found > newest:
        raise StoreUnavailableError(
            f"the store was written by a newer Gatepost (schema {found}, this one knows {newest}): upgrade Gatepost"
        )
    if found < newest:
        raise StoreUnavailableError(
            f"the store has schema {found}, this Gatepost needs {newest}: restart the server, it brings the store up"
        )


def migrate(connection: apsw.Connection, chain: Sequence[str] | None = None) -> None:
    """Applies what is missing. A step that fails leaves the version before it. Raises StoreUnavailableError."""
    own = steps()
    chain = own if chain is None else chain
    if version(connection) > len(chain):
        check_readable(connection)
    for number in range(version(connection) + 1, len(chain) + 1):
        with connection:
            connection.execute(chain[number - 1]).fetchall()
            if chain is own and number == _MEASURED:
                measure(connection)
            connection.execute(f"PRAGMA user_version = {number}").fetchall()
