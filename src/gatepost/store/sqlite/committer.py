"""Group commit: everything that waits goes into one transaction with one sync; answers follow, never lead.

Nothing is delayed to fill a batch. While one batch is being synced the next one gathers in the sockets.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import apsw
from msgspec import Struct

from gatepost.errors import DomainError, MisuseError, StoreCorruptError, StoreFullError, StoreUnavailableError
from gatepost.store import rules
from gatepost.store.api import Changed
from gatepost.store.clock import StoreClock
from gatepost.store.commands import ANY_COMMAND
from gatepost.store.generation import Generation
from gatepost.store.sqlite.reserve import Reserve, deletes
from gatepost.store.sqlite.writer import Writer

log: Final = logging.getLogger("gatepost.store")

Answer = Callable[[Any, Exception | None], None]
"""Called with the result, or with None and the error."""

MOST_COMMANDS: Final = 512
"""In one commit: a batch takes some 50 ms at most, so that nobody waits longer for a small write."""
MOST_OCTETS: Final = 16 * 1024 * 1024
CHECKPOINT_PAGES: Final = 2000
"""16 MiB of WAL: a checkpoint of it takes about 10 ms."""

NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
EVERYBODYS: Final = (apsw.BusyError, apsw.FullError, apsw.IOError, apsw.NoMemError)
"""Errors that are not the command's own: they would meet the next one, too."""
UNREADABLE: Final = (
    apsw.SQLITE_IOERR_READ, apsw.SQLITE_IOERR_SHORT_READ, apsw.SQLITE_IOERR_CORRUPTFS, apsw.SQLITE_IOERR_DATA,
)  # fmt: skip
"""Unless the disk does not give back what is stored in one place: that concerns only whose place it is."""


def _is_unreadable(error: Exception) -> bool:
    return isinstance(error, apsw.CorruptError | apsw.NotADBError) or _extended_code(error) in UNREADABLE


def _extended_code(error: Exception) -> int:
    return getattr(error, "extendedresult", apsw.SQLITE_ERROR)


class _Waiting(Struct, frozen=True):
    command: ANY_COMMAND
    octets: int
    answer: Answer


class _Done(Struct):
    """What a commit did."""

    outcomes: list[tuple[Any, Exception | None]] = []
    changes: dict[int, Changed] = {}
    directory: bool = False


class Committer:
    """Turns commands into commits. Belongs to one event loop; whoever owns it is the only writer.

    `generation` tells of a commit before its answers, `publish` after them. `fatal` is called when the disk failed:
    nobody was answered, and nothing may be written any more by this process.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        clock: StoreClock,
        generation: Generation,
        *,
        publish: Callable[[Changed], None],
        fatal: Callable[[Exception], None],
        reserve: Reserve | None = None,
    ) -> None:
        self.failed = False
        self._reserve = reserve
        self._connection = connection
        self._execute = connection.execute
        self._writer = Writer(connection, clock, clock.trust)
        self._generation = generation
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
        batch = self._allowed(self._take())
        while batch and not self.failed:
            done = _Done()
            try:
                self._commit(batch, done)
            except StoreCorruptError as error:
                # SQLite lets nothing be committed with it: the others go again, without this one.
                self._roll_back()
                batch.pop(len(done.outcomes)).answer(None, error)
            except (StoreFullError, StoreUnavailableError) as error:
                self._roll_back()
                self._generation.committed()
                if isinstance(error, StoreFullError) and self._spends_reserve(batch):
                    batch = self._only_deletions(batch, error)
                    continue
                log.warning("%d writes were refused: %s", len(batch), error)
                for waiting in batch:
                    waiting.answer(None, error)
                return
            except apsw.Error as error:
                self._stop(error)
            else:
                self._tell(batch, done)
                return

    def _allowed(self, batch: list[_Waiting]) -> list[_Waiting]:
        """All of it; on a full disk, deletions."""
        if not batch or self._reserve is None or not self._reserve.spent or self._reserve.fill():
            return batch
        return self._only_deletions(
            batch, StoreFullError("the disk is full: only deleting works until there is room; nothing was written")
        )

    def _only_deletions(self, batch: list[_Waiting], error: StoreFullError) -> list[_Waiting]:
        for waiting in batch:
            if not deletes(waiting.command):
                waiting.answer(None, error)
        return [waiting for waiting in batch if deletes(waiting.command)]

    def _spends_reserve(self, batch: list[_Waiting]) -> bool:
        """Whether there is room now that was not there before, for somebody who may use it."""
        return self._reserve is not None and any(deletes(each.command) for each in batch) and self._reserve.spend()

    def _tell(self, batch: list[_Waiting], done: _Done) -> None:
        self._generation.committed()
        if done.directory:
            self._generation.directory_changed()
        for waiting, outcome in zip(batch, done.outcomes, strict=True):
            waiting.answer(*outcome)
        for changed in done.changes.values():
            self._publish(changed)
        if self._wal_pages >= CHECKPOINT_PAGES or (self._reserve is not None and self._reserve.spent):
            self.checkpoint()

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        octets = 0
        while self._waiting and len(batch) < MOST_COMMANDS and octets < MOST_OCTETS:
            batch.append(self._waiting.popleft())
            octets += batch[-1].octets
        return batch

    def _commit(self, batch: list[_Waiting], done: _Done) -> None:
        """Fills `done`. Raises StoreFullError, StoreUnavailableError, StoreCorruptError (for the command that would
        be the next in `done`); apsw.Error when the disk failed.
        """
        try:
            self._execute("BEGIN IMMEDIATE")
            for waiting in batch:
                outcome = self._apply(waiting.command)
                done.outcomes.append(outcome)
                if outcome[1] is None:
                    done.directory |= rules.moves_generation(waiting.command)
                    done.changes.update((change.mailbox_id, change) for change in self._writer.changes)
            self._generation.committing()
            self._execute("COMMIT")
        except apsw.BusyError as error:
            raise StoreUnavailableError("another program is writing to the database: end it, and try again") from error
        except (apsw.FullError, apsw.IOError) as error:
            if not self._is_full(error):
                raise
            raise StoreFullError("the disk is full: nothing was written; make room and try again") from error

    def _is_full(self, error: apsw.Error) -> bool:
        """Whether there was no room to write: on the disk, in its owner's quota, or under the limit of a file's size.

        A sync that says so is another thing: what it should have kept is lost.
        """
        if isinstance(error, apsw.FullError):
            return True
        return _extended_code(error) == apsw.SQLITE_IOERR_WRITE and self._connection.system_errno in NO_ROOM

    def _apply(self, command: ANY_COMMAND) -> tuple[Any, Exception | None]:
        """One command inside a savepoint: its failure undoes itself and nothing else.

        Raises StoreCorruptError and `EVERYBODYS`, which a savepoint does not undo.
        """
        self._execute("SAVEPOINT command")
        try:
            result = self._writer.apply(command)
        except DomainError as error:
            failure: Exception = error
        except Exception as error:
            name = type(command).__name__
            if _is_unreadable(error):
                log.error("%s was refused, the database is damaged: %s", name, error)  # noqa: TRY400 -- no bug of ours
                raise StoreCorruptError(
                    f"the database is damaged in this place ({error}): run 'gatepost store verify'"
                ) from error
            if isinstance(error, EVERYBODYS):
                raise
            log.exception("a command was wrong: %s", name)
            failure = MisuseError(f"{name}: {error}")
        else:
            self._execute("RELEASE command")
            return result, None
        self._execute("ROLLBACK TO command")
        self._execute("RELEASE command")
        return None, failure

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def checkpoint(self, mode: int = apsw.SQLITE_CHECKPOINT_PASSIVE) -> None:
        """Moves the WAL into the database as far as readers allow."""
        self._wal_pages = 0
        try:
            self._connection.wal_checkpoint(mode=mode)
        except apsw.BusyError:
            log.debug("somebody is reading: the rest of the write-ahead log stays beside the database")
        except apsw.Error as error:
            if self._is_full(error):
                log.warning("the disk is full: the write-ahead log grows until there is room")
            else:
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
            # Leaves an empty log: whoever moves the database away and forgets the log has lost nothing.
            self._connection.set_busy_timeout(0)
            self.checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._connection.set_wal_hook(None)
        self._connection.close()

    def abandon(self, error: Exception) -> None:
        """Answers everybody who still waits with `error`."""
        while self._waiting:
            self._waiting.popleft().answer(None, error)
