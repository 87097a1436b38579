"""Mailboxes: making them, finding them, giving out UIDs and MODSEQs, their counters and flags."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from gatepost.errors import AlreadyExistsError, NoSuchAccountError, NoSuchMailboxError
from gatepost.model import Flag, Mailbox
from gatepost.store import rules
from gatepost.store.api import Changed
from gatepost.store.commands import CreateMailbox, SetFlags
from gatepost.store.sqlite.named import Statements


class NewMessage(Struct, frozen=True):
    """A message that is about to get its place."""

    email_id: int
    blob_id: int
    size: int
    received: int
    ascii_size: int
    flags: int
    keywords: str
    uidl: str | None


class Mailboxes:
    """The mailboxes of one database, inside the caller's transaction."""

    def __init__(self, sql: Statements, make_id: Callable[[], int], changed: Callable[[Changed], None]) -> None:
        self._sql = sql
        self._make_id = make_id
        self.changed = changed

    def create(self, command: CreateMailbox, now: int) -> int:
        """See the command."""
        name = rules.mailbox_name(command.name)
        if self._sql.row("quota", command.account_id) is None:
            raise NoSuchAccountError(f"there is no account with id {command.account_id}")
        if self.find(command.account_id, name) is not None:
            raise AlreadyExistsError(f"the mailbox {name!r} is there already")
        return self.add(command.account_id, name, now)

    def add(self, account_id: int, name: str, now: int) -> int:
        """Makes an empty mailbox; returns its id."""
        row = self._sql.the_row("next_uidvalidity", account_id, now)
        mailbox_id = self._make_id()
        self._sql.rows("add_mailbox", account_id, mailbox_id, name, row[0], rules.FIRST_MODSEQ)
        return mailbox_id

    def find(self, account_id: int, name: str) -> Mailbox | None:
        """By stored name."""
        row = self._sql.row("mailbox_by_name", account_id, name)
        return None if row is None else Mailbox(*row)

    def need(self, account_id: int, name: str, now: int) -> Mailbox:
        """By stored name; makes it if it is missing."""
        found = self.find(account_id, name)
        return found or self.get(account_id, self.add(account_id, name, now))

    def get(self, account_id: int, mailbox_id: int) -> Mailbox:
        """Raises NoSuchMailboxError."""
        row = self._sql.row("mailbox_by_id", account_id, mailbox_id)
        if row is None:
            raise NoSuchMailboxError("this mailbox is not there")
        return Mailbox(*row)

    def insert(self, account_id: int, name: str, message: NewMessage, now: int) -> tuple[int, int]:
        """Gives the message the next place in the mailbox `name`; returns (mailbox_id, uid)."""
        unseen = not message.flags & Flag.SEEN
        values = (account_id, name, message.size, unseen)
        rows = self._sql.rows("grow_mailbox", *values)
        if not rows:
            self.add(account_id, name, now)
            rows = self._sql.rows("grow_mailbox", *values)
        mailbox_id, uidvalidity, uid, modseq = rows[0]
        uidl = self._free_uidl(account_id, mailbox_id, uidvalidity, uid, message.uidl)
        self._sql.rows(
            "add_message", account_id, mailbox_id, uid, modseq, message.flags, message.keywords, message.email_id,
            message.blob_id, message.size, message.received, uidl, message.ascii_size, now,
        )  # fmt: skip
        self.changed(Changed(account_id, mailbox_id, modseq))
        return mailbox_id, uid

    def _free_uidl(
        self, account_id: int, mailbox_id: int, uidvalidity: int, uid: int, wanted: str | None
    ) -> str | None:
        """`wanted` if no message of the mailbox has it or may get it by derivation, else None: derive it."""
        if wanted is None or not rules.usable_uidl(wanted):
            return None
        origin = rules.derived_uid(wanted, uidvalidity)
        if origin >= uid:
            return None
        taken = self._sql.row("uidl_taken", account_id, mailbox_id, wanted)
        if taken is None and origin:
            taken = self._sql.row("uid_with_derived_uidl", account_id, mailbox_id, origin)
        return wanted if taken is None else None

    def set_flags(self, command: SetFlags) -> int:
        """See the command."""
        mailbox = self.get(command.account_id, command.mailbox_id)
        modseq = mailbox.highestmodseq + 1
        flags = int(command.flags) & rules.ALL_FLAGS
        key = (command.account_id, command.mailbox_id)
        before = [self._set_flags(key, uid, flags, modseq) for uid in command.uids]
        changed = [old for old in before if old is not None]
        if not changed:
            return mailbox.highestmodseq
        # By what changed, never counted anew: a mailbox may hold a million messages.
        unseen = sum(bool(old & Flag.SEEN) for old in changed) - len(changed) * bool(flags & Flag.SEEN)
        self._sql.rows("flags_changed", *key, modseq, unseen)
        self.changed(Changed(*key, modseq))
        return modseq

    def _set_flags(self, key: tuple[int, int], uid: int, flags: int, modseq: int) -> int | None:
        """Returns the flags before; None if the message is not there, or has these flags."""
        row = self._sql.row("flags", *key, uid)
        if row is None or row[0] == flags:
            return None
        self._sql.rows("set_flags", *key, uid, flags, modseq)
        return int(row[0])
