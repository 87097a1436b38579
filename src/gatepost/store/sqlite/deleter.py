"""Removes messages: set-wise, because one QUIT may delete 100,000."""

from __future__ import annotations

from typing import assert_never

from gatepost.model import TRASH, DeletePolicy, Mailbox
from gatepost.store import rules
from gatepost.store.api import Changed
from gatepost.store.commands import DeleteMessages
from gatepost.store.sqlite.mailboxes import Mailboxes
from gatepost.store.sqlite.named import Statements


class Deleter:
    """Deletions, inside the caller's transaction."""

    def __init__(self, sql: Statements, mailboxes: Mailboxes) -> None:
        self._sql = sql
        self._mailboxes = mailboxes
        self._sql.rows("make_gone")

    def delete(self, command: DeleteMessages, now: int) -> int:
        """See the command."""
        mailbox = self._mailboxes.get(command.account_id, command.mailbox_id)
        self._gather(mailbox, command.uids)
        count, octets, unseen = self._weigh(mailbox)
        if not count:
            return 0
        policy = command.policy
        if policy is DeletePolicy.TRASH and mailbox.name == TRASH:
            policy = DeletePolicy.PURGE
        action = "expire" if command.expired else policy.value
        key = (command.account_id, command.mailbox_id)
        self._sql.rows("write_journal", *key, now, action, command.credential, command.address)
        match policy:
            case DeletePolicy.TRASH:
                self._copy_to_trash(mailbox, (count, octets, unseen), now)
            case DeletePolicy.HOLD:
                self._sql.rows("hold_gone", *key, now, now + command.hold_seconds)
            case DeletePolicy.PURGE:
                self._sql.rows("refund", command.account_id, octets)
            case _:
                assert_never(policy)
        self._expunge(mailbox, (count, octets, unseen))
        if policy is DeletePolicy.PURGE:
            self._remove_unused_emails(command.account_id, now)
        return count

    def _gather(self, mailbox: Mailbox, uids: tuple[int, ...]) -> None:
        """Fills temp.gone with those of `uids` that are in the mailbox."""
        key = (mailbox.account_id, mailbox.mailbox_id)
        self._sql.rows("clear_gone")
        self._sql.many("add_gone", ((uid,) for uid in uids))
        self._sql.rows("forget_absent", *key)
        self._sql.rows("note_emails", *key)

    def _weigh(self, mailbox: Mailbox) -> tuple[int, int, int]:
        count, octets, unseen = self._sql.the_row("weigh_gone", mailbox.account_id, mailbox.mailbox_id)
        return count, octets, unseen

    def _copy_to_trash(self, mailbox: Mailbox, weight: tuple[int, int, int], now: int) -> None:
        account_id, (count, octets, unseen) = mailbox.account_id, weight
        trash = self._mailboxes.need(account_id, TRASH, now)
        modseq = trash.highestmodseq + 1
        self._sql.rows("copy_gone", account_id, mailbox.mailbox_id, trash.mailbox_id, trash.uidnext, modseq, now)
        self._sql.rows("grow_by_gone", account_id, trash.mailbox_id, count, modseq, octets, unseen)
        self._mailboxes.changed(Changed(account_id, trash.mailbox_id, modseq))

    def _expunge(self, mailbox: Mailbox, weight: tuple[int, int, int]) -> None:
        key, modseq = (mailbox.account_id, mailbox.mailbox_id), mailbox.highestmodseq + 1
        self._sql.rows("note_expunged", *key, modseq)
        self._sql.rows("forget_expunged", *key, modseq - rules.EXPUNGED_CHANGES)
        self._sql.rows("remove_gone", *key)
        self._sql.rows("shrink_mailbox", *key, modseq, *weight)
        self._mailboxes.changed(Changed(*key, modseq))

    def expunge_one(self, account_id: int, mailbox_id: int, uid: int) -> None:
        """Takes one message out of its mailbox, and nothing more: it goes elsewhere."""
        mailbox = self._mailboxes.get(account_id, mailbox_id)
        self._gather(mailbox, (uid,))
        self._expunge(mailbox, self._weigh(mailbox))

    def release_emails(self, account_id: int, email_ids: list[int], now: int) -> None:
        """Removes those of the emails that no message and no hold needs."""
        self._sql.rows("clear_gone")
        self._sql.many("add_gone_email", ((email_id,) for email_id in email_ids))
        self._remove_unused_emails(account_id, now)

    def _remove_unused_emails(self, account_id: int, now: int) -> None:
        """Of the emails in temp.gone; their bodies become orphans."""
        rows = self._sql.rows("remove_emails", account_id)
        bodies = {blob_id for row in rows for blob_id in row[1:] if blob_id}
        self._sql.many("orphan", ((blob_id, now) for blob_id in bodies))
        threads = {row[0] for row in rows}
        self._sql.many("remove_thread", ((account_id, thread_id) for thread_id in threads))
