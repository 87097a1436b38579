"""A store as the processes beside the keeper have it: reads go straight to the file, writes to the keeper."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, assert_never, cast

from gatepost.errors import MisuseError, StoreUnavailableError
from gatepost.store import wire
from gatepost.store.api import Changed
from gatepost.store.commands import ANY_COMMAND, Command
from gatepost.store.generation import SharedGeneration
from gatepost.store.socket_path import connected_socket
from gatepost.store.sqlite.maintenance import OnlineMaintenance
from gatepost.store.sqlite.reader import SqliteReader

R = TypeVar("R")
log: Final = logging.getLogger("gatepost.store")

PATIENCE: Final = 15.0
"""Seconds until a write without an answer becomes StoreUnavailableError: a keeper restarts in less than one."""
RETRY_SECONDS: Final = 0.05
ANYTHING: Final = Changed(0, 0, 0)
"""Published after the connection to the keeper was lost and found: something may have been missed."""


def open_remote(directory: Path, *, patience: float = PATIENCE) -> RemoteStore:
    """The store in `directory`, which a keeper writes. The connection to it is made at the first write.

    Raises StoreUnavailableError when there is no store, or one of another release.
    """
    return RemoteStore(directory, patience)


class RemoteStore(SqliteReader, OnlineMaintenance):
    """`Store` and `Maintenance`. Open it after a fork, never before: database connections do not survive one.

    A write whose connection broke is sent again, so it may be applied twice. A Deliver without `Target.once` may
    then add its message twice (and never not at all); CreateDomain, CreateAccount, CreateMailbox and RemoveX may
    report AlreadyExistsError or NoSuch…Error although it was this very call that succeeded.
    """

    def __init__(self, directory: Path, patience: float = PATIENCE) -> None:
        super().__init__(directory)
        self._generation = SharedGeneration(directory)
        self._patience = patience
        self._numbers = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._listeners: dict[object, Callable[[Changed], None]] = {}
        self._connection_to_keeper: _Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._lost_before = False
        self._closed = False

    async def execute(self, command: Command[R]) -> R:
        """See `Store`."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        number = next(self._numbers)
        known = cast("ANY_COMMAND", command)
        pending = _Pending(known, wire.encode(wire.Request(number, known)))
        self._pending[number] = pending
        self._send(pending.frame)
        try:
            async with asyncio.timeout(self._patience):
                return cast("R", await pending.future)
        except TimeoutError:
            raise StoreUnavailableError(
                "the process that writes does not answer: is 'gatepost serve' running? Trying again is safe"
            ) from None
        finally:
            self._pending.pop(number, None)

    def subscribe(self, listener: Callable[[Changed], None]) -> Callable[[], None]:
        """See `Store`. Also called with `ANYTHING` when changes may have been missed."""
        key = object()
        self._listeners[key] = listener
        if len(self._listeners) == 1:
            self._send(wire.encode(wire.Subscribe()))

        def end() -> None:
            self._listeners.pop(key, None)

        return end

    async def close(self) -> None:
        """See `Store`."""
        if self._closed:
            return
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection_to_keeper is not None:
            self._connection_to_keeper.close()
            await self._connection_to_keeper.closed
        for pending in self._pending.values():
            pending.fail(StoreUnavailableError("the store was closed before the answer came"))
        self._close_reader()
        self._generation.close()

    # -- The connection

    def _send(self, frame: bytes) -> None:
        """Now, or (being in `_pending` or `_listeners`) once connected."""
        if self._connection_to_keeper is not None:
            self._connection_to_keeper.send(frame)
        elif self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        if self._lost_before:
            await asyncio.sleep(RETRY_SECONDS)
        connection: _Connection | None = None
        while connection is None:
            try:
                sock = connected_socket(self._directory)
                _, connection = await loop.create_unix_connection(lambda: _Connection(self), sock=sock)
            except OSError:
                await asyncio.sleep(RETRY_SECONDS)
        self._connecting = None
        self._connection_to_keeper = connection
        if self._listeners:
            connection.send(wire.encode(wire.Subscribe()))
            if self._lost_before:
                self._publish(ANYTHING)
        for pending in self._pending.values():
            connection.send(pending.frame)

    def connection_lost(self) -> None:
        """Called by the connection: anything unanswered, or anybody listening, needs a new one."""
        self._connection_to_keeper = None
        self._lost_before = True
        if not self._closed and (self._pending or self._listeners):
            log.warning("the connection to the writing process was lost; connecting again")
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def take(self, frame: wire.ToWorker) -> None:
        """Called by the connection with what the keeper says."""
        match frame:
            case wire.Done(number, result):
                if (pending := self._pending.get(number)) is not None:
                    pending.succeed(result)
            case wire.Failed(number):
                if (pending := self._pending.get(number)) is not None:
                    pending.fail(wire.decode_error(frame))
            case wire.Pushed(changed):
                self._publish(changed)
            case _:
                assert_never(frame)

    def _publish(self, changed: Changed) -> None:
        for listener in tuple(self._listeners.values()):
            listener(changed)


class _Pending:
    """A write that waits for its answer."""

    __slots__ = ("_command", "frame", "future")

    def __init__(self, command: ANY_COMMAND, frame: bytes) -> None:
        self._command = command
        self.frame = frame
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def succeed(self, result: Any) -> None:
        try:
            value = wire.decode_result(self._command, result)
        except MisuseError as error:
            self.fail(error)
            return
        if not self.future.done():
            self.future.set_result(value)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class _Connection(asyncio.Protocol):
    """To the keeper."""

    def __init__(self, store: RemoteStore) -> None:
        self._store = store
        self._framer = wire.Framer(wire.ToWorker)
        self._transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        self._transport = None
        self._store.connection_lost()
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            for frame, _ in self._framer.feed(data):
                self._store.take(frame)
        except MisuseError:
            log.exception("the writing process is not of this release; closing the connection")
            self.close()

    def send(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
