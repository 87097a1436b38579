"""Reads: small ones run at once on the caller's thread (5 to 20 us; a thread hop alone costs as much)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import apsw

from gatepost.errors import (
    NoSuchAccountError,
    NoSuchMailboxError,
    NoSuchMessageError,
    StoreCorruptError,
)
from gatepost.model import (
    CHUNK,
    Account,
    Credential,
    CredentialKind,
    DeletePolicy,
    Deletion,
    Domain,
    Email,
    Held,
    Mailbox,
    Maildrop,
    Message,
    Scope,
    Strictest,
    Verifier,
)
from gatepost.store import rules
from gatepost.store.generation import Generation, SharedGeneration
from gatepost.store.sqlite.database import open_reader, translated
from gatepost.store.sqlite.migrate import check_readable
from gatepost.store.sqlite.named import Row, Value, load

log: Final = logging.getLogger("gatepost.store")

SQL: Final = load("read")
SLICE: Final = 500
"""Messages loaded before other tasks get their turn: about half a millisecond."""
REMEMBERED: Final = 500
"""Small maildrops that are kept as they were read, under their mailbox's counters and HIGHESTMODSEQ: most POP3
sessions only look whether there is something new."""
SMALL: Final = 200
"""Messages of such a maildrop. One costs 45 octets with its UIDL line, or 275 if it brought a UIDL: at the very
most 28 MB for all."""
FIRST_CHUNK: Final = SQL["first_chunk"]
BODY: Final = SQL["body"]
MAILDROP_HEAD: Final = SQL["maildrop_head"]
MESSAGES: Final = 3
"""Column of `maildrop_head`."""
LAST_UID: Final = 1 << 32


def to_account(row: Row) -> Account:
    """From the columns of `account`."""
    account_id, login, enabled, quota, used, policy, hold, expire, delay, soft, salt = row
    return Account(
        account_id, login, bool(enabled), quota, used, DeletePolicy(policy), hold, expire, delay, bool(soft), salt
    )


def to_credential(row: Row) -> Credential:
    """From the columns of `credentials`."""
    credential_id, account_id, name, kind, scope, hashed, stored_key, server_key, created, last_used = row
    return Credential(
        credential_id,
        account_id,
        name,
        CredentialKind(kind),
        _scopes(scope),
        Verifier(hashed, stored_key, server_key),
        created,
        last_used,
    )


@cache
def _scopes(stored: str) -> frozenset[Scope]:
    return frozenset(Scope(word) for word in stored.split())


def to_message(row: Row) -> Message:
    """From the columns of `messages`."""
    uid, modseq, flags, keywords, *rest = row
    return Message(uid, modseq, flags, split_keywords(keywords), *rest)


def join_keywords(keywords: Sequence[str]) -> str:
    """As stored: no keyword has a line end (they are atoms, RFC 9051 §9)."""
    return "\n".join(keywords)


def split_keywords(stored: str) -> tuple[str, ...]:
    """The reverse of `join_keywords`."""
    return tuple(stored.split("\n")) if stored else ()


NO_ACCOUNT: Final[Row] = (0, "", 0, 0, 0, DeletePolicy.PURGE, 0, 0, 0, 0, b"0123456789abcdef")
NO_KEY: Final[Row] = (0, 0, "main", CredentialKind.APP, " ".join(Scope), "sha256$$", bytes(32), bytes(32), 0, 0)
"""Decoded where there is nothing to decode, so that looking for nobody takes as long."""


class SqliteReader:
    """The reading half of the engine, on a connection of its own."""

    _generation: Generation | SharedGeneration
    """Opened by whoever inherits: one of them writes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._connection = open_reader(directory)
        with translated():
            check_readable(self._connection)
        self._execute = self._connection.cursor().execute
        """On one cursor for all, which costs less than a new one each time. So whoever asks takes all rows at once: a
        statement that was not read to its end would hold its snapshot, and the write-ahead log with it."""
        self._one_at_a_time = asyncio.Lock()
        """Held for each slice of a large maildrop: however many load one, others wait for one slice only."""
        self._unchanged: dict[Row, Maildrop] = {}
        """Small maildrops by what `maildrop_head` says of them."""
        self._checked: set[int] = set()
        """Large bodies that are as they were stored."""
        self._up_to_date: dict[tuple[int, str], tuple[int, Maildrop]] = {}
        """The same by their names, with `of_commits` from before they were read. None that is not in the other."""

    def _row(self, query: str, *values: Value) -> Row | None:
        try:
            rows = self._execute(query, values).fetchall()
        except apsw.Error:
            with translated():
                raise
        return rows[0] if rows else None

    def _rows(self, query: str, *values: Value) -> list[Row]:
        try:
            return self._execute(query, values).fetchall()
        except apsw.Error:
            with translated():
                raise

    def _close_reader(self) -> None:
        self._connection.close()

    # -- Directory

    def directory_generation(self) -> int:
        """See `DirectoryReader`."""
        return self._generation.of_directory()

    async def domains(self) -> Sequence[Domain]:
        """See `DirectoryReader`."""
        return [Domain(name) for (name,) in self._rows(SQL["domains"])]

    async def account(self, account_id: int) -> Account:
        """See `DirectoryReader`."""
        row = self._row(SQL["account"], account_id)
        if row is None:
            raise NoSuchAccountError(f"there is no account with id {account_id}")
        return to_account(row)

    async def account_by_login(self, login: str) -> Account | None:
        """See `DirectoryReader`."""
        found = self._account_near(login)
        return found if found.login == login and found.account_id else None

    def _account_near(self, login: str) -> Account:
        """The next one by name in place of one that is not there."""
        return to_account(self._row(SQL["account_by_login"], login) or NO_ACCOUNT)

    async def account_with_credentials(
        self, login: str, first: str, most: int
    ) -> tuple[Account | None, Sequence[Credential]]:
        """See `DirectoryReader`. Neighbours fill up a small account, `NO_KEY` a small directory."""
        near = self._account_near(login)
        rows = self._rows(SQL["some_credentials"], near.account_id, first, most)
        decoded = [to_credential(row) for row in (*rows, *[NO_KEY] * (most - len(rows)))]
        own = [each for each in decoded if each.account_id == near.account_id]
        return (near, own) if near.login == login and near.account_id else (None, [])

    async def accounts(self, *, after: str = "", limit: int = 1000) -> Sequence[Account]:
        """See `DirectoryReader`."""
        return [to_account(row) for row in self._rows(SQL["accounts"], after, limit)]

    async def strictest(self) -> Strictest:
        """See `DirectoryReader`."""
        (row,) = self._rows(SQL["strictest"])
        return Strictest(*row)

    async def credentials(self, account_id: int) -> Sequence[Credential]:
        """See `DirectoryReader`."""
        return [to_credential(row) for row in self._rows(SQL["credentials"], account_id)]

    async def addresses(self, account_id: int) -> Sequence[str]:
        """See `DirectoryReader`."""
        return [address for (address,) in self._rows(SQL["addresses"], account_id)]

    async def route(self, address: str) -> Sequence[int]:
        """See `DirectoryReader`."""
        return [account_id for (account_id,) in self._rows(SQL["route"], address)]

    # -- Mail

    async def mailboxes(self, account_id: int) -> Sequence[Mailbox]:
        """See `MailReader`."""
        found = [Mailbox(*row) for row in self._rows(SQL["mailboxes"], account_id)]
        if not found:
            await self.account(account_id)
        return found

    async def mailbox(self, account_id: int, name: str) -> Mailbox:
        """See `MailReader`."""
        name = rules.mailbox_name(name)
        row = self._row(SQL["mailbox"], account_id, name)
        if row is None:
            raise no_mailbox(name)
        return Mailbox(*row)

    async def maildrop(self, account_id: int, name: str, *, below_uid: int = 0) -> Maildrop:
        """See `MailReader`. A large one is loaded on a connection of its own, whose snapshot outlasts the pauses."""
        drop = self._small_maildrop(account_id, name, below_uid or LAST_UID)
        return drop or await self._large_maildrop(account_id, name, below_uid or LAST_UID)

    def maildrop_at_hand(self, account_id: int, name: str) -> Maildrop | None:
        """See `MailReader`. While nothing at all was committed the database need not be asked."""
        commits = self._generation.of_commits()
        known = self._up_to_date.get((account_id, name))
        if known is not None and known[0] == commits:
            return known[1]
        drop = self._small_maildrop(account_id, name, LAST_UID)
        if drop is not None and len(drop.uids) <= SMALL and not commits & 1:
            if len(self._up_to_date) >= REMEMBERED:
                self._up_to_date.clear()
            self._up_to_date[account_id, name] = commits, drop
        return drop

    def _small_maildrop(self, account_id: int, name: str, below: int) -> Maildrop | None:
        """None if it is larger than a slice."""
        name = rules.mailbox_name(name)
        try:
            heads = self._execute(MAILDROP_HEAD, (account_id, name))
            try:
                return self._under(_the_head(heads, name), account_id, below)
            finally:
                heads.fetchall()
        except apsw.Error:
            with translated():
                raise

    def _under(self, head: Row, account_id: int, below: int) -> Maildrop | None:
        """The statement that gave the head stands at its row: until it ends, the next one sees the same snapshot."""
        if below == LAST_UID and (known := self._unchanged.get(head)) is not None:
            return known
        if head[MESSAGES] > SLICE:
            return None
        drop = Maildrop(*head[:MESSAGES])
        _load_slice(self._connection, account_id, drop, below)
        if below == LAST_UID and head[MESSAGES] <= SMALL:
            self._remember(head, drop)
        return drop

    def _remember(self, head: Row, drop: Maildrop) -> None:
        if len(self._unchanged) >= REMEMBERED:
            self._unchanged.clear()
            self._up_to_date.clear()
        self._unchanged[head] = drop

    async def _large_maildrop(self, account_id: int, name: str, below: int) -> Maildrop:
        name = rules.mailbox_name(name)
        with translated():
            connection = open_reader(self._directory)
            try:
                connection.execute("BEGIN")
                drop = Maildrop(*_the_head(connection.execute(MAILDROP_HEAD, (account_id, name)), name)[:MESSAGES])
                more = True
                while more:
                    async with self._one_at_a_time:
                        more = _load_slice(connection, account_id, drop, below) == SLICE
                        await asyncio.sleep(0)  # a turn for others
                return drop
            finally:
                connection.close()

    async def messages(
        self, account_id: int, mailbox_id: int, *, after_uid: int = 0, limit: int = 1000
    ) -> Sequence[Message]:
        """See `MailReader`."""
        rows = self._rows(SQL["messages"], account_id, mailbox_id, after_uid, limit)
        if not rows and self._row(SQL["mailbox_exists"], account_id, mailbox_id) is None:
            raise NoSuchMailboxError("this mailbox is not there")
        return [to_message(row) for row in rows]

    async def email(self, account_id: int, email_id: int) -> Email:
        """See `MailReader`."""
        row = self._row(SQL["email"], account_id, email_id)
        if row is None:
            raise NoSuchMessageError("this message is no longer there")
        email_id, account_id, *rest = row
        return Email(email_id, account_id, *rest)

    def at_hand(self, blob_id: int) -> bytes | None:
        """See `MailReader`. A body is read in less time than a thread, or a turn of the event loop, would take; that it
        is what was stored takes as long again to find out (20 kB: 12 us).
        """
        try:
            row = self._execute(BODY, (blob_id,)).get
            if row is None or row[1] > CHUNK:
                return None
            data: bytes | None = self._execute(FIRST_CHUNK, (blob_id,)).get
        except apsw.Error:
            with translated():
                raise
        if data is not None and sha256(data).digest() != row[0]:
            raise self._damaged(blob_id)
        return data

    async def chunk(self, blob_id: int, number: int) -> bytes:
        """See `MailReader`. A large body is read to its end before its first part is given, once in this process."""
        if number == 0:
            data = self.at_hand(blob_id)
            if data is not None:
                return data
            await self._check_large(blob_id)
        row = self._row(SQL["chunk"], blob_id, number) if number else self._row(FIRST_CHUNK, blob_id)
        if row is None:
            return self._no_chunk(blob_id, number)
        part: bytes = row[0]
        return part

    async def _check_large(self, blob_id: int) -> None:
        """Whatever is missing altogether is left to `chunk`, which tells what it is."""
        row = self._row(BODY, blob_id)
        if row is None or blob_id in self._checked:
            return
        digest, part, number = sha256(), self._row(FIRST_CHUNK, blob_id), 0
        while part is not None:
            digest.update(part[0])
            number += 1
            await asyncio.sleep(0)
            part = self._row(SQL["chunk"], blob_id, number)
        if digest.digest() != row[0] and self._row(BODY, blob_id):
            raise self._damaged(blob_id)
        if len(self._checked) >= REMEMBERED:
            self._checked.clear()
        self._checked.add(blob_id)

    def _damaged(self, blob_id: int) -> StoreCorruptError:
        """Logged at each try: whoever reads the log sees who cannot get his mail."""
        log.error("body %d has changed on the disk and is not handed out: run 'gatepost store verify'", blob_id)
        return StoreCorruptError("this message has changed on the disk; run 'gatepost store verify'")

    def _no_chunk(self, blob_id: int, number: int) -> bytes:
        row = self._row(SQL["body_size"], blob_id)
        if row is None:
            raise NoSuchMessageError("this message is no longer there")
        if 0 <= number * CHUNK < max(row[0], 1):
            raise StoreCorruptError("part of this message is missing; run 'gatepost store verify'")
        return b""

    async def held(self, account_id: int) -> Sequence[Held]:
        """See `MailReader`."""
        return [Held(*row) for row in self._rows(SQL["held"], account_id)]

    async def deletions(self, account_id: int, *, limit: int = 1000) -> Sequence[Deletion]:
        """See `MailReader`."""
        return [Deletion(*row) for row in self._rows(SQL["deletions"], account_id, limit)]


def no_mailbox(name: str) -> NoSuchMailboxError:
    """The error for a name that the account does not have."""
    return NoSuchMailboxError(f"there is no mailbox {name!r}")


def _the_head(heads: apsw.Cursor, name: str) -> Row:
    row: Row | None = heads.fetchone()
    if row is None:
        raise no_mailbox(name)
    return row


def _load_slice(connection: apsw.Connection, account_id: int, drop: Maildrop, below: int) -> int:
    """Adds the next messages to `drop`; returns how many."""
    after = drop.uids[-1] if drop.uids else 0
    rows: list[Any] = connection.execute(SQL["maildrop"], (account_id, drop.mailbox_id, after, below, SLICE)).fetchall()
    drop.extend(rows)
    return len(rows)
