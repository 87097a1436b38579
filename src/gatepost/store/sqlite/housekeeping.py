"""One slice of what time does to mail: expiry, holds that end, bodies nobody needs, what is remembered for a time."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from gatepost.model import DeletePolicy
from gatepost.store import rules
from gatepost.store.commands import DeleteMessages, Expire
from gatepost.store.sqlite.blobs import Blobs
from gatepost.store.sqlite.deleter import Deleter
from gatepost.store.sqlite.named import Statements

SLICE_OCTETS: Final = 64 * 1024 * 1024
"""Octets of bodies removed in one commit: about 50 ms in which nobody else can write."""
UPLOADS: Final = 4
"""Staged leftovers removed in one commit: each may be as large as a message can be."""


class Housekeeper:
    """`Expire`, inside the caller's transaction."""

    def __init__(self, sql: Statements, blobs: Blobs, deleter: Deleter) -> None:
        self._sql = sql
        self._blobs = blobs
        self._deleter = deleter

    def expire(self, command: Expire, now: int) -> int:
        """See the command."""
        done = 0
        for work in (self._messages, self._holds, self._bodies, self._uploads, self._keys, self._journal):
            if done < command.most:
                done += work(command.now, command.most - done, now)
        return done

    def _messages(self, at: int, most: int, now: int) -> int:
        found: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for account_id, mailbox_id, uid in self._sql.rows("expired_messages", at, most):
            found[account_id, mailbox_id].append(uid)
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
