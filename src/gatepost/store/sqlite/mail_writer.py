"""Deliveries, and messages that come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from gatepost.errors import NoSuchAccountError, NoSuchMessageError, OverQuotaError
from gatepost.model import INBOX, TRASH, Flag
from gatepost.store import rules
from gatepost.store.commands import Admit, Deliver, Delivered, NewEmail, RestoreMessage, Staged, Target
from gatepost.store.sqlite.blobs import Blobs
from gatepost.store.sqlite.deleter import Deleter
from gatepost.store.sqlite.mailboxes import Mailboxes, NewMessage
from gatepost.store.sqlite.named import Statements
from gatepost.store.sqlite.reader import join_keywords


class MailWriter:
    """Adds messages, inside the caller's transaction."""

    def __init__(
        self,
        sql: Statements,
        make_id: Callable[[], int],
        mailboxes: Mailboxes,
        blobs: Blobs,
        deleter: Deleter,
    ) -> None:
        self._sql = sql
        self._make_id = make_id
        self._mailboxes = mailboxes
        self._deleter = deleter
        self.blobs = blobs

    def apply(self, command: Deliver | Admit | RestoreMessage, now: int) -> tuple[Delivered, ...] | Delivered | None:
        """See the commands."""
        match command:
            case Deliver():
                return self.deliver(command, now)
            case Admit():
                self.admit(command, now)
                return None
            case RestoreMessage():
                return self.restore(command, now)
            case _:
                assert_never(command)

    def deliver(self, command: Deliver, now: int) -> tuple[Delivered, ...]:
        """See the command."""
        ingest = _Ingest(self, command.email)
        delivered = tuple(self._deliver_to(target, ingest, now) for target in command.targets)
        ingest.drop_unused()
        return delivered

    def _deliver_to(self, target: Target, ingest: _Ingest, now: int) -> Delivered:
        known = self._known(target, now)
        if known is not None:
            return known
        name = rules.mailbox_name(target.mailbox)
        ingest.store()
        self._charge(target.account_id, ingest.size)
        email_id = ingest.email_of(target.account_id)
        message = NewMessage(
            email_id,
            ingest.blob_id,
            ingest.size,
            ingest.email.received,
            ingest.email.ascii_size,
            target.flags & rules.ALL_FLAGS,
            join_keywords(target.keywords),
            target.uidl,
        )
        mailbox_id, uid = self._mailboxes.insert(target.account_id, name, message, now)
        if target.once:
            at = rules.asked(now, target)
            self._sql.rows("add_delivered_once", target.account_id, target.once, mailbox_id, uid, email_id, at)
        return Delivered(target.account_id, mailbox_id, uid, email_id)

    def _known(self, target: Target, now: int) -> Delivered | None:
        """Where the message is, if the account took its key before."""
        row = self._sql.row("delivered_once", target.account_id, target.once) if target.once else None
        if row is None or row[3] <= now - rules.ONCE_SECONDS:
            return None
        mailbox_id, uid, email_id, asked = row
        if asked <= now - rules.DAY and not target.once_for:
            self._sql.rows("renew_delivered_once", target.account_id, target.once, now)
        return Delivered(target.account_id, mailbox_id, uid, email_id, repeated=True)

    def admit(self, command: Admit, now: int) -> None:
        """See the command."""
        target = command.target
        if self._known(target, now) is None:
            rules.mailbox_name(target.mailbox)
            self._check_room(target.account_id, command.size)

    def _charge(self, account_id: int, size: int) -> None:
        if not self._sql.rows("charge", account_id, size):
            self._check_room(account_id, size)

    def _check_room(self, account_id: int, size: int) -> None:
        row = self._sql.row("quota", account_id)
        if row is None:
            raise NoSuchAccountError(f"there is no account with id {account_id}")
        login, quota, used = row
        if 0 < quota < used + size:
            raise OverQuotaError(f"{login} has no room: {used} of {quota} octets are used, this message has {size}")

    def restore(self, command: RestoreMessage, now: int) -> Delivered:
        """See the command."""
        account_id, email_id = command.account_id, command.email_id
        row = self._sql.row("newest_held", account_id, email_id)
        if row is not None:
            mailbox_id, uid, name, *rest = row
            self._sql.rows("remove_held", account_id, email_id, mailbox_id, uid)
            return self._put_back(command, name, *rest, now=now)
        row = self._sql.row("newest_copy", account_id, email_id, TRASH)
        if row is not None:
            mailbox_id, uid, *rest = row
            self._deleter.expunge_one(account_id, mailbox_id, uid)
            return self._put_back(command, INBOX, *rest, now=now)
        row = self._sql.row("newest_copy", account_id, email_id, "")
        if row is None:
            raise NoSuchMessageError("this message is neither in hold nor in Trash")
        return Delivered(account_id, row[0], row[1], email_id, repeated=True)

    def _put_back(
        self, command: RestoreMessage, name: str, uidl: str, flags: int, keywords: str, *, now: int
    ) -> Delivered:
        account_id, email_id = command.account_id, command.email_id
        blob_id, size, received, ascii_size = self._sql.the_row("email_parts", account_id, email_id)
        flags &= ~int(Flag.DELETED)
        message = NewMessage(email_id, blob_id, size, received, ascii_size, flags, keywords, uidl)
        mailbox_id, uid = self._mailboxes.insert(account_id, name, message, now)
        return Delivered(account_id, mailbox_id, uid, email_id)

    def add_email(self, account_id: int, ingest: _Ingest) -> int:
        """Writes the immutable half for one account; returns its id."""
        email, email_id = ingest.email, self._make_id()
        keys = rules.thread_keys(email.message_id, email.references)
        thread_id = self._thread(account_id, keys) or email_id
        self._sql.rows(
            "add_email", account_id, email_id, ingest.blob_id, ingest.size, email.received, email.header_octets,
            email.structure, email.preview, thread_id, email.ascii_size, email.line_ends, ingest.original_blob_id,
        )  # fmt: skip
        for key in keys:
            self._sql.rows("add_thread", account_id, key, thread_id)
        return email_id

    def _thread(self, account_id: int, keys: list[int]) -> int:
        for key in keys:
            row = self._sql.row("thread", account_id, key)
            if row is not None:
                return int(row[0])
        return 0


class _Ingest:
    """One delivery on its way: body and emails are written when the first target needs them, and only once."""

    def __init__(self, writer: MailWriter, email: NewEmail) -> None:
        self.email = email
        self.blob_id = self.original_blob_id = self.size = 0
        self._writer = writer
        self._emails: dict[int, int] = {}
        self._stored = False

    def store(self) -> None:
        if self._stored:
            return
        self.blob_id, octets = self._writer.blobs.store(self.email.body)
        self.size = octets + self.email.missing_end
        if self.email.original is not None:
            self.original_blob_id, _ = self._writer.blobs.store(self.email.original)
        self._stored = True

    def email_of(self, account_id: int) -> int:
        if account_id not in self._emails:
            self._emails[account_id] = self._writer.add_email(account_id, self)
        return self._emails[account_id]

    def drop_unused(self) -> None:
        """A repeated delivery leaves its staged body behind: gone now rather than after a day."""
        for body in (self.email.body, self.email.original):
            if not self._stored and isinstance(body, Staged):
                self._writer.blobs.drop_upload(body.upload_id)
