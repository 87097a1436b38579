"""Applies one command to the database, inside the transaction that the committer opened."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Any, Final, assert_never, cast

import apsw

from gatepost.model import derived_uidl
from gatepost.store import rules
from gatepost.store.api import Changed
from gatepost.store.commands import (
    ANY_COMMAND,
    AddAddress,
    Admit,
    CreateAccount,
    CreateDomain,
    CreateMailbox,
    DeleteMessages,
    Deliver,
    DropUploads,
    Expire,
    RemoveAccount,
    RemoveAddress,
    RemoveCredential,
    RemoveDomain,
    RestoreMessage,
    SetCredential,
    SetFlags,
    Shrink,
    StageChunk,
    TouchCredentials,
    TrustClock,
    UpdateAccount,
)
from gatepost.store.sqlite.blobs import Blobs
from gatepost.store.sqlite.deleter import Deleter
from gatepost.store.sqlite.directory_writer import DirectoryWriter
from gatepost.store.sqlite.housekeeping import Housekeeper
from gatepost.store.sqlite.mail_writer import MailWriter
from gatepost.store.sqlite.mailboxes import Mailboxes
from gatepost.store.sqlite.named import Statements

log: Final = logging.getLogger("gatepost.store")


class Writer:
    """All writes on one connection. `changes` collects what the last command did to mailboxes."""

    def __init__(
        self, connection: apsw.Connection, clock: Callable[[], float], trust_clock: Callable[[], None] = lambda: None
    ) -> None:
        self._clock = clock
        self._trust_clock = trust_clock
        self.changes: list[Changed] = []
        connection.create_scalar_function("derived_uidl", cast("Any", derived_uidl), 2, deterministic=True)
        sql = Statements(connection, "read", "directory", "mail", "delete", "housekeeping")
        make_id = rules.Ids(clock, secrets.randbits, _last_id(sql)).make
        self._mailboxes = Mailboxes(sql, make_id, self.changes.append)
        self._blobs = Blobs(sql, make_id)
        self._directory = DirectoryWriter(sql, make_id, self._mailboxes)
        self._deleter = Deleter(sql, self._mailboxes)
        self._mail = MailWriter(sql, make_id, self._mailboxes, self._blobs, self._deleter)
        self._housekeeper = Housekeeper(sql, self._blobs, self._deleter)

    def apply(self, command: ANY_COMMAND) -> Any:
        """Returns what `Store.execute` answers. On an error the caller rolls back and forgets `changes`."""
        self.changes.clear()
        now = int(self._clock())
        match command:
            case (
                CreateDomain() | RemoveDomain() | CreateAccount() | UpdateAccount() | RemoveAccount() | AddAddress()
                | RemoveAddress() | SetCredential() | RemoveCredential() | TouchCredentials()
            ):  # fmt: skip
                return self._directory.apply(command, now)
            case StageChunk() | DropUploads():
                return self._blobs.apply(command, now)
            case Deliver() | Admit() | RestoreMessage():
                return self._mail.apply(command, now)
            case CreateMailbox():
                return self._mailboxes.create(command, now)
            case DeleteMessages():
                return self._deleter.delete(command, now)
            case SetFlags():
                return self._mailboxes.set_flags(command)
            case Expire() | Shrink():
                return self._housekeeper.apply(command, now)
            case TrustClock():
                return self._trust_clock()
            case _:
                assert_never(command)


def _last_id(sql: Statements) -> int:
    """The highest that is in use. Where that cannot be read, the clock alone makes new ones, which is as good unless it
    went back: one damaged page keeps nobody else from his mail.
    """
    try:
        return int(sql.the_row("last_id")[0])
    except apsw.CorruptError as error:
        log.error("the database is damaged: %s; run 'gatepost store verify'", error)  # noqa: TRY400 -- no bug of ours
        return 0
