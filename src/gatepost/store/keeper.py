"""The keeper: the one process that writes. Workers send commands over a Unix socket; it commits them in groups.

Must never: answer before the commit is synced, write on after a failed sync, or work for another user.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, assert_never, cast

import uvloop

from gatepost.errors import MisuseError, StoreHeldError
from gatepost.store import wire
from gatepost.store.api import Changed
from gatepost.store.clock import StoreClock, steady
from gatepost.store.commands import Expire, Shrink
from gatepost.store.generation import Generation
from gatepost.store.peers import OF_WORKERS, is_worker
from gatepost.store.socket_path import listening_socket
from gatepost.store.sqlite.committer import Committer
from gatepost.store.sqlite.database import DirectoryLock, open_writer
from gatepost.store.sqlite.reserve import Reserve, open_reserve

log: Final = logging.getLogger("gatepost.store")

DISK_FAILED: Final = 74
"""Exit code (EX_IOERR) after a failed commit; a fresh process recovers what was committed."""
UNANSWERED_OCTETS: Final = 8 * 1024 * 1024
"""A worker with more than this under way is not read from until some of it is answered."""
UNREAD_OCTETS: Final = 8 * 1024 * 1024
"""A worker that leaves this much unread is cut off; it reconnects and looks again."""
HOUSEKEEPING_SECONDS: Final = 3600
FIRST_HOUSEKEEPING_SECONDS: Final = 60
LAST_ANSWERS_SECONDS: Final = 2.0
"""What a stopping keeper gives its workers to read their last answers."""
LOOK_AGAIN_SECONDS: Final = 0.1
FIRST_WORD_SECONDS: Final = 1.0
WORD_SECONDS: Final = 60.0
"""Between two log lines about a command that has the store."""
BEAT_SECONDS: Final = 2.0
SLICE: Final = 200
"""Things that housekeeping removes in one commit: some 10 ms."""


def run_keeper(
    directory: Path,
    ready: Callable[[], None],
    clock: Callable[[], float] = time.time,
    beat: Callable[[], None] = lambda: None,
    family: int | None = None,
) -> int:
    """Opens and migrates the store, calls `ready` once commands are taken, serves until SIGTERM; returns 0.

    From then on `beat` is called every `BEAT_SECONDS`, unless the event loop is held up. Who descends from process
    `family` may do what workers do, and nothing else.

    Waits for a command that has the store to itself. Raises StoreUnavailableError, StoreCorruptError. When a commit
    fails on disk the process exits at once with `DISK_FAILED`, answering nobody.
    """
    lock = await_lock(directory)

    def exit_now(_error: Exception) -> None:
        # Not sys.exit: closing the database would write to a disk that just lost our data.
        logging.shutdown()
        os._exit(DISK_FAILED)

    async def main() -> None:
        keeper = Keeper(directory, clock, fatal=exit_now, lock=lock, reserve=open_reserve(directory), family=family)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        try:
            await keeper.start()
            ready()
            while not stop.is_set():
                beat()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), BEAT_SECONDS)
        finally:
            await keeper.stop()

    uvloop.run(main())
    return 0


def await_lock(directory: Path) -> DirectoryLock:
    """A command ends: an import of a large archive after hours perhaps, so it says now and then for whom it waits."""
    due = time.monotonic() + FIRST_WORD_SECONDS
    while True:
        try:
            return DirectoryLock(directory)
        except StoreHeldError as held:
            if time.monotonic() >= due:
                due = time.monotonic() + WORD_SECONDS
                log.warning("waiting: %s", str(held).partition("\n")[0])
        time.sleep(LOOK_AGAIN_SECONDS)


class Keeper:
    """One store, open for writing, with its socket."""

    def __init__(
        self,
        directory: Path,
        clock: Callable[[], float] = time.time,
        *,
        fatal: Callable[[Exception], None],
        vfs: str | None = None,
        lock: DirectoryLock | None = None,
        steady: Callable[[], float] = steady,
        reserve: Reserve | None = None,
        family: int | None = None,
    ) -> None:
        """`clock` may be set at any time, `steady` never. `family`: see `run_keeper`; None: there are no workers.

        Raises StoreHeldError, if it was given no `lock` and another process has the store; StoreCorruptError.
        """
        self._directory = directory
        self._family = family
        self._lock = lock or DirectoryLock(directory)
        try:
            connection = open_writer(directory, vfs)
        except BaseException:
            self._lock.release()
            raise
        self._generation = Generation(directory)
        self._generation.begin()
        self._clock = StoreClock(directory, clock, steady)
        self._committer = Committer(
            connection, self._clock, self._generation, publish=self._publish, fatal=fatal, reserve=reserve
        )
        self.connections: set[KeeperConnection] = set()
        self._server: asyncio.Server | None = None
        self._housekeeping: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Takes commands from now on."""
        loop = asyncio.get_running_loop()
        sock = listening_socket(self._directory)
        self._server = await loop.create_unix_server(lambda: KeeperConnection(self, self._committer), sock=sock)
        # Not all installations of a fleet at the same second.
        first = FIRST_HOUSEKEEPING_SECONDS * random.uniform(1, 2)  # noqa: S311 -- no secret
        self._housekeeping = loop.call_later(first, self.housekeep)

    def is_worker(self, descriptor: int) -> bool:
        """Whether the peer of this connection may do no more than workers do."""
        if self._family is None:
            return False
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            return is_worker(connection, self._family)

    def housekeep(self) -> None:
        """One slice, then the next when its answer comes, until nothing is left; then again in an hour.

        None while nobody knows what time it is.
        """
        now = self._clock.believed()
        if now is None:
            self._housekept(None, None)
        else:
            self._committer.submit(Expire(int(now), SLICE), 0, self._housekept)

    def _housekept(self, removed: int | None, error: Exception | None) -> None:
        if error is not None:
            log.error("housekeeping stopped until the next hour: %s", error)
        if self._server is None:
            return
        if removed:
            self._housekeeping = asyncio.get_running_loop().call_later(0, self.housekeep)
        else:
            self._committer.submit(Shrink(), 0, self._shrunk)

    def _shrunk(self, pages: int | None, _error: Exception | None) -> None:
        """The file is cut when the log is taken over."""
        if self._server is None:
            return
        if pages:
            self._committer.checkpoint()
        delay = 0 if pages else HOUSEKEEPING_SECONDS
        self._housekeeping = asyncio.get_running_loop().call_later(delay, self.housekeep)

    def _publish(self, changed: Changed) -> None:
        listening = [connection for connection in self.connections if connection.subscribed]
        if listening:
            frame = wire.encode(wire.Pushed(changed))
            for connection in listening:
                connection.push(frame)

    async def stop(self) -> None:
        """Commits and answers what has arrived, then closes everything."""
        server, self._server = self._server, None
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        if server is not None:
            server.close()
        self._committer.close()
        connections = tuple(self.connections)
        for connection in connections:
            connection.close()
        if connections:
            await asyncio.wait([connection.closed for connection in connections], timeout=LAST_ANSWERS_SECONDS)
        self._generation.close()
        self._lock.release()


class KeeperConnection(asyncio.Protocol):
    """One worker."""

    def __init__(self, keeper: Keeper, committer: Committer) -> None:
        self._keeper = keeper
        self._committer = committer
        self._framer = wire.Framer(wire.ToKeeper)
        self._transport: asyncio.Transport | None = None
        self._unanswered = 0
        self._paused = False
        self._limited = True
        self.subscribed = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._limited = self._keeper.is_worker(transport.get_extra_info("socket").fileno())
        self._keeper.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        """What it asked for is done all the same: it may be committed already."""
        self._transport = None
        self._keeper.connections.discard(self)
        self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        try:
            for frame, octets in self._framer.feed(data):
                self._take(frame, octets)
        except MisuseError as error:
            log.warning("a worker was cut off: %s", error)
            self._abort()

    def _take(self, frame: wire.ToKeeper, octets: int) -> None:
        match frame:
            case wire.Subscribe():
                self.subscribed = True
            case wire.Request(number, command):
                self._unanswered += octets
                if self._limited and not isinstance(command, OF_WORKERS):
                    log.error("a worker asked for %s, which no session does: it was refused", type(command).__name__)
                    self._answer(number, octets, None, MisuseError("this is not for workers to ask for"))
                    return
                self._committer.submit(command, octets, lambda *outcome: self._answer(number, octets, *outcome))
                self._throttle()
            case _:
                assert_never(frame)

    def _answer(self, number: int, octets: int, result: Any, error: Exception | None) -> None:
        self._unanswered -= octets
        if self._transport is not None:
            self.push(wire.encode_result(number, result) if error is None else wire.encode_error(number, error))
            self._throttle()

    def _throttle(self) -> None:
        if self._transport is None or self._paused == (self._unanswered > UNANSWERED_OCTETS):
            return
        self._paused = not self._paused
        with suppress(RuntimeError):  # it is closing already
            (self._transport.pause_reading if self._paused else self._transport.resume_reading)()

    def push(self, frame: bytes) -> None:
        """Sends, unless the worker does not read."""
        if self._transport is None:
            return
        self._transport.write(frame)
        if self._transport.get_write_buffer_size() > UNREAD_OCTETS:
            log.error("a worker does not read its answers and was cut off")
            self._abort()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """After what is written went out."""
        if self._transport is not None:
            self._transport.close()
