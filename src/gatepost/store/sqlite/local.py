"""Reader and writer in one process: for embedding, for the command line, for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from gatepost.errors import StoreUnavailableError
from gatepost.store.api import Changed
from gatepost.store.clock import StoreClock
from gatepost.store.commands import ANY_COMMAND, Command, Deliver, Inline, NewEmail, StageChunk
from gatepost.store.generation import Generation
from gatepost.store.sqlite.committer import Committer
from gatepost.store.sqlite.database import DirectoryLock, open_writer
from gatepost.store.sqlite.maintenance import OnlineMaintenance
from gatepost.store.sqlite.reader import SqliteReader

R = TypeVar("R")


def open_local(directory: Path, clock: Callable[[], float] = time.time, *, vfs: str | None = None) -> LocalStore:
    """Opens (and makes, and migrates) the store in `directory`, for this process alone.

    Raises StoreUnavailableError that names the process which has it open, StoreCorruptError.
    """
    lock = DirectoryLock(directory)
    try:
        return LocalStore(directory, clock, lock, vfs)
    except BaseException:
        lock.release()
        raise


class LocalStore(SqliteReader, OnlineMaintenance):
    """`Store` and `Maintenance` on one directory. After a disk error it reads on, and refuses to write."""

    def __init__(
        self, directory: Path, clock: Callable[[], float], lock: DirectoryLock, vfs: str | None = None
    ) -> None:
        connection = open_writer(directory, vfs)
        super().__init__(directory)
        self._lock = lock
        self._generation = Generation(directory)
        self._generation.begin()
        self._listeners: dict[object, Callable[[Changed], None]] = {}
        self._pending: set[asyncio.Future[Any]] = set()
        self._committer = Committer(
            connection, StoreClock(directory, clock), self._generation, publish=self._publish, fatal=self._broken
        )
        self._closed = False

    def _publish(self, changed: Changed) -> None:
        for listener in tuple(self._listeners.values()):
            listener(changed)

    def _broken(self, error: Exception) -> None:
        unknown = StoreUnavailableError(f"the disk failed ({error}); whether the write happened shows after a restart")
        for future in self._pending:
            if not future.done():
                future.set_exception(unknown)
        self._committer.abandon(unknown)

    async def execute(self, command: Command[R]) -> R:
        """See `Store`."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._pending.add(future)

        def answer(result: R, error: Exception | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self._committer.submit(cast("ANY_COMMAND", command), octets_of(command), answer)
        try:
            return await future
        finally:
            self._pending.discard(future)

    def subscribe(self, listener: Callable[[Changed], None]) -> Callable[[], None]:
        """See `Store`."""
        key = object()
        self._listeners[key] = listener

        def end() -> None:
            self._listeners.pop(key, None)

        return end

    async def close(self) -> None:
        """See `Store`."""
        if self._closed:
            return
        self._closed = True
        self._committer.close()
        self._close_reader()
        self._generation.close()
        self._lock.release()


def octets_of(command: Command[Any]) -> int:
    """About what a command weighs in a batch."""
    match command:
        case StageChunk(data=data) | Deliver(email=NewEmail(body=Inline(data=data))):
            return len(data)
        case _:
            return 100
