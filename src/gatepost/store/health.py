"""How the embedded store is, for whoever looks for the reason of trouble. Migrates and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gatepost.errors import NoSuchAccountError, StoreCorruptError, StoreUnavailableError
from gatepost.store.api import Health
from gatepost.store.commands import TouchCredentials
from gatepost.store.remote import RemoteStore, open_remote
from gatepost.store.socket_path import connected_socket
from gatepost.store.sqlite.database import FILE, open_reader
from gatepost.store.sqlite.migrate import steps, version

PATIENCE: Final = 2.0
"""Seconds that the process that writes has for an answer: a commit takes milliseconds."""


async def health(directory: Path, accounts: Sequence[int] = ()) -> Health:
    """Looks at the store in `directory`, which need not exist. What is wrong is in the result: nothing is raised."""
    newest = len(steps())
    schema = 0
    try:
        if not (directory / FILE).exists():
            return Health(present=False, newest=newest)
        schema = _schema(directory)
        store = open_remote(directory, patience=PATIENCE)
        try:
            return Health(
                present=True,
                schema=schema,
                newest=newest,
                domains=tuple(domain.name for domain in await store.domains()),
                logins=await _logins(store, accounts),
                writer=await _writer_answers(store, directory),
            )
        finally:
            await store.close()
    except (OSError, StoreCorruptError, StoreUnavailableError) as error:
        return Health(present=True, schema=schema, newest=newest, problem=str(error))


def _schema(directory: Path) -> int:
    connection = open_reader(directory)
    try:
        return version(connection)
    finally:
        connection.close()


async def _logins(store: RemoteStore, accounts: Sequence[int]) -> tuple[tuple[int, str], ...]:
    found = []
    for number in accounts:
        try:
            found.append((number, (await store.account(number)).login))
        except NoSuchAccountError:
            continue
    return tuple(found)


async def _writer_answers(store: RemoteStore, directory: Path) -> bool:
    """A write of nothing goes all the way there and back. Is nobody there at all, that is known at once."""
    try:
        connected_socket(directory).close()
        await store.execute(TouchCredentials(()))
    except (OSError, StoreUnavailableError):
        return False
    return True
