"""The twin of the durable engines, in memory: the same contract, nothing kept. For tests and embedding."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, assert_never, cast

from gatepost.errors import NoSuchMessageError, StoreUnavailableError
from gatepost.model import (
    CHUNK,
    Account,
    Credential,
    Deletion,
    Domain,
    Email,
    Held,
    Mailbox,
    Maildrop,
    Message,
    Strictest,
)
from gatepost.store import rules
from gatepost.store.api import Changed, Finding
from gatepost.store.commands import (
    ANY_COMMAND,
    AddAddress,
    Admit,
    Command,
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
from gatepost.store.memory.directory import MemoryDirectory
from gatepost.store.memory.mail import MemoryMail
from gatepost.store.memory.tables import Tables

R = TypeVar("R")
SLICE: Final = 2000


class MemoryStore:
    """`Store` and `Maintenance`."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tables = Tables(rules.Ids(clock, secrets.randbits).make)
        self._directory = MemoryDirectory(self._tables)
        self._mail = MemoryMail(self._tables)
        self._generation = 0
        self._listeners: dict[object, Callable[[Changed], None]] = {}
        self._closed = False

    # -- Directory

    def directory_generation(self) -> int:
        """See `DirectoryReader`."""
        return self._generation

    async def domains(self) -> Sequence[Domain]:
        """See `DirectoryReader`."""
        return [Domain(name) for name in sorted(self._tables.domains)]

    async def account(self, account_id: int) -> Account:
        """See `DirectoryReader`."""
        return self._tables.person(account_id).view()

    async def account_by_login(self, login: str) -> Account | None:
        """See `DirectoryReader`."""
        return next((p.view() for p in self._tables.people.values() if p.account.login == login), None)

    async def account_with_credentials(
        self, login: str, first: str, most: int
    ) -> tuple[Account | None, Sequence[Credential]]:
        """See `DirectoryReader`."""
        account = await self.account_by_login(login)
        found = await self.credentials(account.account_id) if account else []
        return account, sorted(found, key=lambda each: each.name != first)[:most]

    async def accounts(self, *, after: str = "", limit: int = 1000) -> Sequence[Account]:
        """See `DirectoryReader`."""
        found = sorted((p.view() for p in self._tables.people.values()), key=lambda account: account.login)
        return [account for account in found if account.login > after][:limit]

    async def strictest(self) -> Strictest:
        """See `DirectoryReader`."""
        accounts = [person.account for person in self._tables.people.values()]
        days = [account.expire_days for account in accounts if account.expire_days]
        return Strictest(max((account.login_delay for account in accounts), default=0), min(days, default=0))

    async def credentials(self, account_id: int) -> Sequence[Credential]:
        """See `DirectoryReader`."""
        person = self._tables.people.get(account_id)
        return [] if person is None else [person.credentials[name] for name in sorted(person.credentials)]

    async def addresses(self, account_id: int) -> Sequence[str]:
        """See `DirectoryReader`."""
        found = [address for address, owner in self._tables.addresses if owner == account_id]
        return sorted(found, key=lambda a: (a != self._tables.people[account_id].account.login, a))

    async def route(self, address: str) -> Sequence[int]:
        """See `DirectoryReader`."""
        return sorted(owner for found, owner in self._tables.addresses if found == address)

    # -- Mail

    async def mailboxes(self, account_id: int) -> Sequence[Mailbox]:
        """See `MailReader`."""
        boxes = self._tables.person(account_id).boxes
        return [boxes[name].view() for name in sorted(boxes)]

    async def mailbox(self, account_id: int, name: str) -> Mailbox:
        """See `MailReader`."""
        return self._tables.box(account_id, name).view()

    async def maildrop(self, account_id: int, name: str, *, below_uid: int = 0) -> Maildrop:
        """See `MailReader`."""
        drop, rows = self._maildrop(account_id, name, below_uid)
        for start in range(0, len(rows), SLICE):
            if start:
                await asyncio.sleep(0)
            _pack(drop, rows[start : start + SLICE])
        return drop

    def maildrop_at_hand(self, account_id: int, name: str) -> Maildrop | None:
        """See `MailReader`."""
        drop, rows = self._maildrop(account_id, name, 0)
        if len(rows) > SLICE:
            return None
        _pack(drop, rows)
        return drop

    def _maildrop(self, account_id: int, name: str, below_uid: int) -> tuple[Maildrop, list[tuple[Message, int]]]:
        """An empty one, and what comes into it: messages with their `ascii_size`."""
        box = self._tables.box(account_id, name)
        emails = self._tables.person(account_id).emails
        messages = [m for m in box.messages.values() if not below_uid or m.uid < below_uid]
        rows = [(m, emails[m.email_id].email.ascii_size) for m in messages]
        return Maildrop(box.mailbox_id, box.uidvalidity, box.uidnext), rows

    async def messages(
        self, account_id: int, mailbox_id: int, *, after_uid: int = 0, limit: int = 1000
    ) -> Sequence[Message]:
        """See `MailReader`."""
        box = self._tables.box_by_id(account_id, mailbox_id)
        return [message for uid, message in box.messages.items() if uid > after_uid][:limit]

    async def email(self, account_id: int, email_id: int) -> Email:
        """See `MailReader`."""
        person = self._tables.people.get(account_id)
        if person is None or email_id not in person.emails:
            raise NoSuchMessageError("this message is no longer there")
        return person.emails[email_id].email

    async def chunk(self, blob_id: int, number: int) -> bytes:
        """See `MailReader`."""
        data = self._tables.bodies.get(blob_id)
        if data is None:
            raise NoSuchMessageError("this message is no longer there")
        return data[number * CHUNK : (number + 1) * CHUNK]

    def at_hand(self, blob_id: int) -> bytes | None:
        """See `MailReader`."""
        data = self._tables.bodies.get(blob_id)
        return None if data is None else data[:CHUNK]

    async def held(self, account_id: int) -> Sequence[Held]:
        """See `MailReader`."""
        person = self._tables.people.get(account_id)
        if person is None:
            return []
        order = sorted(person.held, key=lambda h: (h.deleted, h.message.email_id, h.message.uid), reverse=True)
        return [h.view(person.emails[h.message.email_id].preview) for h in order]

    async def deletions(self, account_id: int, *, limit: int = 1000) -> Sequence[Deletion]:
        """See `MailReader`."""
        person = self._tables.people.get(account_id)
        return [] if person is None else person.journal[::-1][:limit]

    # -- Writes

    async def execute(self, command: Command[R]) -> R:
        """See `Store`."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        self._tables.changes.clear()
        result = self._apply(cast("ANY_COMMAND", command), int(self._clock()))
        if rules.moves_generation(command):
            self._generation += 1
        for changed in tuple(self._tables.changes.values()):
            for listener in tuple(self._listeners.values()):
                listener(changed)
        return cast("R", result)

    def _apply(self, command: ANY_COMMAND, now: int) -> Any:
        match command:
            case (
                CreateDomain() | RemoveDomain() | CreateAccount() | UpdateAccount() | RemoveAccount() | AddAddress()
                | RemoveAddress() | SetCredential() | RemoveCredential() | TouchCredentials()
            ):  # fmt: skip
                return self._directory.apply(command, now)
            case StageChunk() | DropUploads():
                return self._tables.apply(command, now)
            case CreateMailbox():
                return self._mail.create_mailbox(command, now)
            case Deliver() | Admit() | RestoreMessage():
                return self._mail.bring(command, now)
            case DeleteMessages():
                return self._mail.delete(command, now)
            case SetFlags():
                return self._mail.set_flags(command)
            case Expire() | Shrink():
                return 0 if isinstance(command, Shrink) else self._mail.expire(command, now)
            case TrustClock():
                return None
            case _:
                assert_never(command)

    def subscribe(self, listener: Callable[[Changed], None]) -> Callable[[], None]:
        """See `Store`."""
        key = object()
        self._listeners[key] = listener

        def end() -> None:
            self._listeners.pop(key, None)

        return end

    async def close(self) -> None:
        """See `Store`."""
        self._closed = True

    # -- Maintenance

    async def verify(self, progress: Callable[[int, int], None]) -> Sequence[Finding]:
        """Memory does not rot: nothing is ever found."""
        total = len(self._tables.bodies)
        progress(total, total)
        return []

    async def backup(self, file: str, progress: Callable[[int, int], None]) -> None:
        """Raises StoreUnavailableError: there is nothing on disk to copy."""
        progress(0, 0)
        raise StoreUnavailableError(f"a store in memory cannot be backed up to {file}")


def _pack(drop: Maildrop, rows: Sequence[tuple[Message, int]]) -> None:
    drop.extend([(m.uid, m.size, m.blob_id, m.uidl, ascii_size) for m, ascii_size in rows])
