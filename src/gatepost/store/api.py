"""The store's contract, on one page: what can be read, and `execute` for what can be written.

Reads see committed data only, each call one consistent snapshot. Whoever was told that a write happened
sees it in the next read, in every process. Account ids lead every look-up: there is no way to reach the
mail of an account without naming it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from gatepost.model import Account, Credential, Deletion, Domain, Email, Held, Mailbox, Maildrop, Message, Strictest
from gatepost.store.commands import Command

R = TypeVar("R")


class Changed(Struct, frozen=True):
    """Published to every subscriber after the commit that caused it, never before. Nobody subscribes yet: POP3 shows
    one moment of a maildrop; IMAP, which tells of changes as they come (RFC 9051 §5.2), is what this is for.

    All zero means that some may have been missed (the process that writes was restarted): look at everything again.
    """

    account_id: int
    mailbox_id: int
    highestmodseq: int


class DirectoryReader(Protocol):
    """Who is here."""

    def directory_generation(self) -> int:
        """Rises with every committed change of domains, accounts, addresses, credentials. Costs no I/O: caches ask it.

        Mail coming and going changes `Account.used` and does not raise it.
        """

    async def domains(self) -> Sequence[Domain]:
        """All, by name."""

    async def account(self, account_id: int) -> Account:
        """Raises NoSuchAccountError."""

    async def account_by_login(self, login: str) -> Account | None:
        """The account whose primary address is exactly `login` (normalised by the caller).

        Costs the same whether or not there is one: strangers ask.
        """

    async def account_with_credentials(
        self, login: str, first: str, most: int
    ) -> tuple[Account | None, Sequence[Credential]]:
        """The account of this login, with up to `most` credentials: the one named `first`, then the others by name.

        Costs the same whether or not there is one, and however few credentials it has: strangers ask.
        """

    async def accounts(self, *, after: str = "", limit: int = 1000) -> Sequence[Account]:
        """By login, those that sort after `after`."""

    async def strictest(self) -> Strictest:
        """Over all accounts, in a time that does not grow with their number."""

    async def credentials(self, account_id: int) -> Sequence[Credential]:
        """By name."""

    async def addresses(self, account_id: int) -> Sequence[str]:
        """All that deliver to the account, its primary first."""

    async def route(self, address: str) -> Sequence[int]:
        """Accounts that get mail for exactly this address (or `@domain`); empty if none."""


class MailReader(Protocol):
    """What they have."""

    async def mailboxes(self, account_id: int) -> Sequence[Mailbox]:
        """By name. Raises NoSuchAccountError."""

    async def mailbox(self, account_id: int, name: str) -> Mailbox:
        """`INBOX` in any case (RFC 9051 §5.1). Raises NoSuchMailboxError."""

    async def maildrop(self, account_id: int, name: str, *, below_uid: int = 0) -> Maildrop:
        """One snapshot of a mailbox by rising UID, without UIDs from `below_uid` on if that is not 0.

        Lets other tasks run while it loads a large one. Not to be changed: others may hold the same one.
        Raises NoSuchMailboxError.
        """

    def maildrop_at_hand(self, account_id: int, name: str) -> Maildrop | None:
        """All of `maildrop`, if it can be had without waiting; None: ask `maildrop`. Raises NoSuchMailboxError."""

    async def messages(
        self, account_id: int, mailbox_id: int, *, after_uid: int = 0, limit: int = 1000
    ) -> Sequence[Message]:
        """By rising UID. Raises NoSuchMailboxError."""

    async def email(self, account_id: int, email_id: int) -> Email:
        """Raises NoSuchMessageError."""

    async def chunk(self, blob_id: int, number: int) -> bytes:
        """Part `number` (from 0) of a body, `CHUNK` octets each but the last; empty past the end.

        A body stays readable for an hour after the last message that refers to it is gone.
        Raises NoSuchMessageError when it is no longer there, StoreCorruptError when it is not what was stored.
        """

    def at_hand(self, blob_id: int) -> bytes | None:
        """Part 0 of a body, if it can be had without waiting; None: ask `chunk`, which tells why it cannot."""

    async def held(self, account_id: int) -> Sequence[Held]:
        """What `RestoreMessage` can bring back from hold, newest first."""

    async def deletions(self, account_id: int, *, limit: int = 1000) -> Sequence[Deletion]:
        """The journal, newest first."""


class Store(DirectoryReader, MailReader, Protocol):
    """Everything a session or a command line needs."""

    async def execute(self, command: Command[R]) -> R:
        """Applies the write; on return it is on disk, synced.

        Raises the command's errors, StoreFullError (nothing written), StoreUnavailableError (unknown; repeat).
        """

    def subscribe(self, listener: Callable[[Changed], None]) -> Callable[[], None]:
        """Calls `listener` after each commit that changed a mailbox; returns what ends it."""

    async def close(self) -> None:
        """Gives back files and sockets. Idempotent."""


class Finding(Struct, frozen=True):
    """Something that `verify` found wrong."""

    account: str
    place: str
    problem: str
    fix: str


class Health(Struct, frozen=True):
    """How a store is, seen from outside and without changing anything."""

    present: bool
    """False: there is no store yet."""
    schema: int = 0
    """What the store was written with."""
    newest: int = 0
    """What this release writes."""
    writer: bool = False
    """The process that writes answered a moment ago."""
    domains: tuple[str, ...] = ()
    logins: tuple[tuple[int, str], ...] = ()
    """(account_id, login) of the accounts that were asked for, as far as they exist."""
    problem: str = ""
    """Why it cannot be read, in words for its administrator."""


class Maintenance(Protocol):
    """What an embedded engine offers its administrator, online."""

    async def verify(self, progress: Callable[[int, int], None]) -> Sequence[Finding]:
        """Re-hashes every body, recounts every counter, checks every reference; (done, total) to `progress`."""

    async def backup(self, file: str, progress: Callable[[int, int], None]) -> None:
        """One consistent copy, complete and synced before it gets its name. Raises AlreadyExistsError."""


class MaildropLocks(Protocol):
    """Exclusive locks on maildrops (RFC 1939 §4). A lock dies with its process, and with its connection.

    A maildrop is named by its mailbox_id, an INBOX by its account_id: that is known without a look-up.
    """

    def acquire(self, maildrop: int) -> bool:
        """True if it is now ours; False if any session, in any process, holds it. Never waits."""

    def release(self, maildrop: int) -> None:
        """Gives it back; a no-op if it is not held here."""
