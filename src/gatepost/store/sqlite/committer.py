"""Group commit: everything that waits goes into one transaction with one sync; answers follow, never lead.

Nothing is delayed to fill a batch. While one batch is being synced the next one gathers in the sockets.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import apsw
from msgspec import Struct

from gatepost.errors import DomainError, MisuseError, StoreFullError, StoreUnavailableError
from gatepost.store import rules
from gatepost.store.api import Changed
from gatepost.store.commands import ANY_COMMAND
from gatepost.store.sqlite.writer import Writer

log: Final = logging.getLogger("gatepost.store")

Answer = Callable[[Any, Exception | None], None]
"""Called with the result, or with None and the error."""

MOST_COMMANDS: Final = 512
"""In one commit: a batch takes some 50 ms at most, so that nobody waits longer for a small write."""
MOST_OCTETS: Final = 16 * 1024 * 1024
CHECKPOINT_PAGES: Final = 2000
"""16 MiB of WAL: a checkpoint of it takes about 10 ms."""

OWN_FAULT: Final = (apsw.ConstraintError, apsw.TooBigError, apsw.MismatchError, apsw.RangeError, apsw.SQLError)
"""Errors of one command that leave the transaction usable."""


class Statistics(Struct):
    """What was done since the start."""

    commits: int = 0
    commands: int = 0
    largest_batch: int = 0
    checkpoints: int = 0


class _Waiting(Struct, frozen=True):
    command: ANY_COMMAND
    octets: int
    answer: Answer


class Committer:
    """Turns commands into commits. Belongs to one event loop; whoever owns it is the only writer.

    `directory_changed` is called after a commit and before its answers; `publish` after them. `fatal` is called
    when the disk failed: nobody was answered, and nothing may be written any more by this process.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        clock: Callable[[], float],
        *,
        directory_changed: Callable[[], None],
        publish: Callable[[Changed], None],
        fatal: Callable[[Exception], None],
    ) -> None:
        self.statistics = Statistics()
        self.failed = False
        self._connection = connection
        self._execute = connection.execute
        self._writer = Writer(connection, clock)
        self._directory_changed = directory_changed
        self._publish = publish
        self._fatal = fatal
        self._waiting: deque[_Waiting] = deque()
        self._scheduled = False
        self._wal_pages = 0
        connection.set_wal_hook(self._note_wal)

    def _note_wal(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def submit(self, command: ANY_COMMAND, octets: int, answer: Answer) -> None:
        """Puts the command into the next batch. `octets`: about how much it holds."""
        if self.failed:
            answer(None, StoreUnavailableError("the store stopped after a disk error; start it again"))
            return
        self._waiting.append(_Waiting(command, octets, answer))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        self.flush_one()
        if self._waiting and not self.failed:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def flush(self) -> None:
        """Commits all that waits, now."""
        while self._waiting and not self.failed:
            self.flush_one()

    def flush_one(self) -> None:
        """One batch: one transaction, one sync, then the answers."""
        batch = self._take()
        if not batch or self.failed:
            return
        outcomes: list[tuple[Any, Exception | None]] = []
        changes: dict[int, Changed] = {}
        try:
            directory = self._commit(batch, outcomes, changes)
        except StoreFullError as error:
            self._roll_back()
            log.warning("the disk is full: %d writes were refused", len(batch))
            for waiting in batch:
                waiting.answer(None, error)
            return
        except apsw.Error as error:
            self._stop(error)
            return
        if directory:
            self._directory_changed()
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.answer(*outcome)
        for changed in changes.values():
            self._publish(changed)
        if self._wal_pages >= CHECKPOINT_PAGES:
            self.checkpoint()

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        octets = 0
        while self._waiting and len(batch) < MOST_COMMANDS and octets < MOST_OCTETS:
            batch.append(self._waiting.popleft())
            octets += batch[-1].octets
        return batch

    def _commit(
        self,
        batch: list[_Waiting],
        outcomes: list[tuple[Any, Exception | None]],
        changes: dict[int, Changed],
    ) -> bool:
        """Returns whether the directory changed. Raises StoreFullError; apsw.Error when the disk failed."""
        directory = False
        try:
            self._execute("BEGIN IMMEDIATE")
            for waiting in batch:
                outcome = self._apply(waiting.command)
                outcomes.append(outcome)
                if outcome[1] is None:
                    directory |= rules.moves_generation(waiting.command)
                    changes.update((change.mailbox_id, change) for change in self._writer.changes)
            self._execute("COMMIT")
        except apsw.FullError as error:
            raise StoreFullError("the disk is full: nothing was written; make room and try again") from error
        self.statistics.commits += 1
        self.statistics.commands += len(batch)
        self.statistics.largest_batch = max(self.statistics.largest_batch, len(batch))
        return directory

    def _apply(self, command: ANY_COMMAND) -> tuple[Any, Exception | None]:
        """One command inside a savepoint: its failure undoes itself and nothing else."""
        self._execute("SAVEPOINT command")
        try:
            result = self._writer.apply(command)
        except DomainError as error:
            failure: Exception = error
        except OWN_FAULT as error:
            log.exception("a command was wrong: %s", type(command).__name__)
            failure = MisuseError(f"{type(command).__name__}: {error}")
        except apsw.Error:
            raise
        except Exception as error:
            log.exception("a command was wrong: %s", type(command).__name__)
            failure = MisuseError(f"{type(command).__name__}: {error}")
        else:
            self._execute("RELEASE command")
            return result, None
        self._execute("ROLLBACK TO command")
        self._execute("RELEASE command")
        return None, failure

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def checkpoint(self) -> None:
        """Moves the WAL into the database as far as readers allow."""
        self._wal_pages = 0
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self.statistics.checkpoints += 1
        except apsw.FullError:
            log.warning("the disk is full: the write-ahead log grows until there is room")
        except apsw.Error as error:
            self._stop(error)

    def _stop(self, error: Exception) -> None:
        """After a failed sync the kernel may forget the data: nothing may be tried again from this state."""
        self.failed = True
        log.critical("the disk failed, writing stops: %s", error)
        self._fatal(error)

    def close(self) -> None:
        """Commits what waits, checkpoints, closes. After a disk failure: only lets go."""
        self.flush()
        if not self.failed:
            self.checkpoint()
        self._connection.set_wal_hook(None)
        self._connection.close()

    def abandon(self, error: Exception) -> None:
        """Answers everybody who still waits with `error`."""
        while self._waiting:
            self._waiting.popleft().answer(None, error)
