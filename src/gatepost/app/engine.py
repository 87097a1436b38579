"""What the command line works with: the SQLite store, through the running server or alone, and the server itself."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from gatepost.app.opening import opened
from gatepost.config.settings import Settings
from gatepost.errors import ConfigError, StoreUnavailableError
from gatepost.net.places import LAST_BACKUP, SECRET, as_owner_of, data_directory
from gatepost.owner import check_own, open_own
from gatepost.store.api import Finding, Health, Maintenance, Store
from gatepost.store.health import health
from gatepost.store.remote import RemoteStore
from gatepost.store.sqlite import backup as backups
from gatepost.store.sqlite.compact import compact
from gatepost.store.sqlite.local import LocalStore
from gatepost.store.sqlite.migrate import steps

SECRET_OCTETS: Final = 32


class SqliteEngine:
    """Implements `gatepost.cli.environment.Engine`."""

    @asynccontextmanager
    async def store(self, settings: Settings) -> AsyncIterator[Store]:
        """See `Engine`."""
        async with _opened(data_directory(settings)) as store:
            yield store

    @asynccontextmanager
    async def maintenance(self, settings: Settings) -> AsyncIterator[Maintenance]:
        """See `Engine`."""
        directory = data_directory(settings)
        async with _opened(directory) as store:
            yield _MarkedMaintenance(store, directory / LAST_BACKUP)

    def restore(self, settings: Settings, backup: Path) -> None:
        """See `Engine`."""
        directory = data_directory(settings)
        with _in_the_owners_name(directory):
            backups.restore(backup, directory)

    def compact(self, settings: Settings) -> tuple[int, int]:
        """See `Engine`."""
        directory = data_directory(settings)
        with _in_the_owners_name(directory):
            return compact(directory)

    async def inspect(self, settings: Settings, accounts: Sequence[int] = ()) -> Health:
        """See `Engine`."""
        directory = data_directory(settings)
        if not directory.is_dir():
            return await health(directory)
        try:
            with _in_the_owners_name(directory):
                return await health(directory, accounts)
        except StoreUnavailableError as error:
            return Health(present=True, problem=str(error))

    def secret(self, settings: Settings) -> bytes:
        """See `Engine`."""
        directory = data_directory(settings)
        with _in_the_owners_name(directory):
            return _secret(directory / SECRET)

    def serve(
        self,
        settings: Settings,
        config_file: Path | None,
        *,
        trace: str = "",
        adjust: Callable[[Settings], Settings] = lambda settings: settings,
        on_ready: Callable[[], None] = lambda: None,
    ) -> int:
        """See `Engine`."""
        from gatepost.app.crew import run  # noqa: PLC0415 -- no other command needs the server

        return run(settings, config_file, self.secret(settings), trace=trace, adjust=adjust, on_ready=on_ready)


@asynccontextmanager
async def _opened(directory: Path) -> AsyncIterator[LocalStore | RemoteStore]:
    with _in_the_owners_name(directory):
        store = await opened(directory)
        try:
            yield store
        finally:
            await store.close()


@contextmanager
def _in_the_owners_name(directory: Path) -> Iterator[None]:
    """Makes the directory if need be. Root opens nothing in it but as its owner. Raises StoreUnavailableError."""
    steps()  # read while we may surely read what is installed
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with as_owner_of(directory):
            yield
    except PermissionError as error:
        raise StoreUnavailableError(
            f"you may not use the data directory {directory} ({error.strerror})\n"
            "Run the command as its owner, or as root, and let its owner pass the folders above it."
        ) from error


def _secret(file: Path) -> bytes:
    """Reads it; makes it at first use, complete before it gets its name."""
    check_own(file)
    if not file.exists():
        partial = file.with_name(f"{file.name}.{os.getpid()}")
        descriptor = open_own(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            os.write(descriptor, secrets.token_bytes(SECRET_OCTETS))
            os.fsync(descriptor)
            os.link(partial, file)
        except FileExistsError:
            pass  # another process was faster: its secret counts
        finally:
            os.close(descriptor)
            partial.unlink()
    with os.fdopen(open_own(file, os.O_RDONLY), "rb") as stored:
        content = stored.read(SECRET_OCTETS + 1)
    if len(content) != SECRET_OCTETS:
        raise ConfigError(
            f"{file} is damaged: it must hold {SECRET_OCTETS} octets\nPut it back from a copy of the data."
        )
    return content


class _MarkedMaintenance:
    """Leaves the time of each backup where `gatepost status` finds it."""

    def __init__(self, inner: Maintenance, mark: Path) -> None:
        self._inner = inner
        self._mark = mark

    async def verify(self, progress: Callable[[int, int], None]) -> Sequence[Finding]:
        """See `Maintenance`."""
        return await self._inner.verify(progress)

    async def backup(self, file: str, progress: Callable[[int, int], None]) -> None:
        """See `Maintenance`."""
        await self._inner.backup(file, progress)
        descriptor = open_own(self._mark, os.O_WRONLY | os.O_CREAT)
        try:
            os.utime(descriptor)
        finally:
            os.close(descriptor)
