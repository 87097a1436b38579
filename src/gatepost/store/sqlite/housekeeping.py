"""One slice of what time does to mail: expiry, holds that end, bodies nobody needs, what is remembered for a time."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Final

from gatepost.model import DeletePolicy
from gatepost.store import rules
from gatepost.store.commands import DeleteMessages, Expire, Shrink
from gatepost.store.sqlite.blobs import Blobs
from gatepost.store.sqlite.deleter import Deleter
from gatepost.store.sqlite.named import Statements

log: Final = logging.getLogger("gatepost.store")

NAMED: Final = 5
"""Accounts that a line of the log names."""
ACCOUNTS: Final = 5000
"""Accounts in which a slice looks for old messages: 2 ms."""
SLICE_OCTETS: Final = 64 * 1024 * 1024
"""Octets of bodies removed in one commit: about 50 ms in which nobody else can write."""
KEPT_PAGES: Final = 1024
"""Free pages that stay in the file, 8 MiB: the mail of the next hours takes them."""
UPLOADS: Final = 4
"""Staged leftovers removed in one commit: each may be as large as a message can be."""


class Housekeeper:
    """`Expire` and `Shrink`, inside the caller's transaction."""

    def __init__(self, sql: Statements, blobs: Blobs, deleter: Deleter) -> None:
        self._sql = sql
        self._blobs = blobs
        self._deleter = deleter
        self._works: Final[dict[str, Callable[[int, int, int], int]]] = {
            "messages older than EXPIRE allows": self._messages,
            "messages whose hold ended": self._holds,
            "bodies that nobody needed": self._bodies,
            "unfinished uploads": self._uploads,
            "old keys of deliveries": self._keys,
            "old lines of the journal": self._journal,
        }
        self._removed: Counter[str] = Counter()
        self._accounts: Counter[int] = Counter()
        self._seen = 0
        """The accounts up to this one have been looked at; 0 at the begin of a round."""

    def apply(self, command: Expire | Shrink, now: int) -> int:
        """See the commands."""
        return self.expire(command, now) if isinstance(command, Expire) else self.shrink()

    def shrink(self) -> int:
        """See the command. In a store without `auto_vacuum` SQLite gives nothing back."""
        (before,) = self._sql.the_row("free_pages")
        if before <= KEPT_PAGES:
            return 0
        self._sql.rows("give_back_pages")
        (after,) = self._sql.the_row("free_pages")
        return int(before - after)

    def expire(self, command: Expire, now: int) -> int:
        """See the command."""
        done = 0
        for what, work in self._works.items():
            if done < command.most:
                removed = work(command.now, command.most - done, now)
                self._removed[what] += removed
                done += removed
        if done < command.most and not self._seen:
            self._tell()
        return done or int(self._seen > 0)

    def _tell(self) -> None:
        """At the end of all slices: what went, and whose mail that was."""
        removed, accounts = +self._removed, self._accounts
        self._removed, self._accounts = Counter(), Counter()
        if not removed:
            return
        names = [f"{self._login(account_id)}: {count}" for account_id, count in accounts.most_common(NAMED)]
        if len(accounts) > NAMED:
            names.append(f"{len(accounts) - NAMED} more accounts: {sum(sorted(accounts.values())[:-NAMED])}")
        whose = f" (mail of {'; '.join(names)})" if names else ""
        log.info("housekeeping is done; %s%s", ", ".join(f"{what}: {count}" for what, count in removed.items()), whose)

    def _login(self, account_id: int) -> str:
        row = self._sql.row("account", account_id)
        return f"account {account_id}" if row is None else str(row[1])

    def _messages(self, at: int, most: int, now: int) -> int:
        found: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        last, count = self._sql.the_row("last_of_next_accounts", self._seen, ACCOUNTS)
        rows = self._sql.rows("expired_messages", at, most, self._seen, last)
        for account_id, mailbox_id, uid in rows:
            found[account_id, mailbox_id].append(uid)
            self._accounts[account_id] += 1
        if len(rows) < most:
            self._seen = last if count == ACCOUNTS else 0
        return sum(
            self._deleter.delete(DeleteMessages(*key, tuple(uids), DeletePolicy.PURGE, expired=True), now)
            for key, uids in found.items()
        )

    def _holds(self, at: int, most: int, now: int) -> int:
        found: defaultdict[int, list[int]] = defaultdict(list)
        rows = self._sql.rows("ended_holds", at, most)
        for *key, size in rows:
            self._sql.rows("remove_held", *key)
            self._sql.rows("refund", key[0], size)
            found[key[0]].append(key[1])
            self._accounts[key[0]] += 1
        for account_id, email_ids in found.items():
            self._deleter.release_emails(account_id, email_ids, now)
        return len(rows)

    def _bodies(self, at: int, most: int, _now: int) -> int:
        done = octets = 0
        for blob_id, size in self._sql.rows("old_orphans", at - rules.ORPHAN_SECONDS, most):
            if not self._sql.rows("body_needed", blob_id):
                self._blobs.remove(blob_id)
                octets += size or 0
            self._sql.rows("remove_orphan", blob_id)
            done += 1
            if octets >= SLICE_OCTETS:
                break
        return done

    def _uploads(self, at: int, most: int, _now: int) -> int:
        rows = self._sql.rows("old_uploads", at - rules.STAGED_SECONDS, min(most, UPLOADS))
        for (upload_id,) in rows:
            self._blobs.drop_upload(upload_id)
        return len(rows)

    def _keys(self, at: int, most: int, _now: int) -> int:
        return len(self._sql.rows("old_delivered_once", at - rules.ONCE_SECONDS, most))

    def _journal(self, at: int, most: int, _now: int) -> int:
        return len(self._sql.rows("old_journal", at - rules.JOURNAL_SECONDS, most))
