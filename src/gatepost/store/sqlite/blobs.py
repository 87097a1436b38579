"""Writes bodies: each stored once, found by its SHA-256; large ones come in chunks before the message does.

A body that is there already is compared, octet by octet, with what came: an answer of yes never rests on a copy that
the disk has damaged since.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Final, assert_never

from gatepost.errors import InvalidValueError
from gatepost.model import CHUNK
from gatepost.store import rules
from gatepost.store.commands import DropUploads, Inline, StageChunk, Staged
from gatepost.store.sqlite.named import Statements

log: Final = logging.getLogger("gatepost.store")


def stored_chunks(sql: Statements, blob_id: int) -> Iterator[bytes]:
    """The body's chunks in order, as far as they are there without a gap; one in memory at a time."""
    row = sql.row("first_chunk", blob_id)
    number = 0
    while row is not None:
        yield row[0]
        number += 1
        row = sql.row("chunk", blob_id, number)


class Blobs:
    """The bodies of one database, inside the caller's transaction."""

    def __init__(self, sql: Statements, make_id: Callable[[], int]) -> None:
        self._sql = sql
        self._make_id = make_id

    def apply(self, command: StageChunk | DropUploads, now: int) -> None:
        """See the commands."""
        match command:
            case StageChunk():
                self.stage(command, now)
            case DropUploads(upload_ids):
                for upload_id in upload_ids:
                    self.drop_upload(upload_id)
            case _:
                assert_never(command)

    def stage(self, command: StageChunk, now: int) -> None:
        """Puts the part where it will stay, under an id that no message knows yet."""
        rules.check_chunk(command)
        row = self._sql.row("upload", command.upload_id)
        blob_id = self._make_id() if row is None else row[0]
        if row is None:
            self._sql.rows("add_upload", command.upload_id, blob_id, now)
        if command.number == 0:
            self._sql.rows("put_first_chunk", blob_id, command.data)
        else:
            self._sql.rows("put_chunk", blob_id, command.number, command.data)

    def store(self, body: Inline | Staged) -> tuple[int, int]:
        """Makes the body permanent; returns (blob_id, size). Raises InvalidValueError if it is not what it claims."""
        match body:
            case Inline(data):
                return self._store_inline(data), len(data)
            case Staged(upload_id, sha256, size):
                return self._claim(upload_id, sha256, size), size

    def _store_inline(self, data: bytes) -> int:
        if len(data) > CHUNK:
            raise InvalidValueError(f"a body of {len(data)} octets must be staged: more than {CHUNK} are not inline")
        sha256 = hashlib.sha256(data).digest()
        row = self._sql.row("body_by_hash", sha256, len(data))
        if row is None:
            blob_id = self._make_id()
            self._sql.rows("put_first_chunk", blob_id, data)
            self._sql.rows("add_body", blob_id, sha256, len(data))
            return blob_id
        if self._sql.row("first_chunk", row[0]) != (data,):
            self._clear_damaged(row[0])
            self._sql.rows("put_first_chunk", row[0], data)
        return int(row[0])

    def _claim(self, upload_id: int, sha256: bytes, size: int) -> int:
        known = self._sql.row("body_by_hash", sha256, size)
        upload = self._sql.row("upload", upload_id)
        if upload is None:
            if known is None:
                raise InvalidValueError("the staged body is not there: stage its chunks again")
            return int(known[0])  # a Deliver whose answer was lost is repeated
        blob_id = int(upload[0])
        self._check(blob_id, sha256, size)
        if known is None:
            self._sql.rows("add_body", blob_id, sha256, size)
            self._sql.rows("remove_upload", upload_id)
            return blob_id
        if any(old != new for old, new in zip_longest(*(stored_chunks(self._sql, n) for n in (known[0], blob_id)))):
            self._clear_damaged(known[0])
            for query in ("move_first_chunk", "move_chunks"):
                self._sql.rows(query, blob_id, known[0])
        self.drop_upload(upload_id)
        return int(known[0])

    def _clear_damaged(self, blob_id: int) -> None:
        """Its octets are not those that were stored. They came again: once in place, they mend every message of it."""
        log.warning("the stored body %d was damaged; the same message came again and mended it", blob_id)
        for query in ("remove_first_chunk", "remove_chunks"):
            self._sql.rows(query, blob_id)

    def _check(self, blob_id: int, sha256: bytes, size: int) -> None:
        digest, found, full = hashlib.sha256(), 0, True
        for data in stored_chunks(self._sql, blob_id):
            if not full:
                break
            digest.update(data)
            found += len(data)
            full = len(data) == CHUNK
        if (found, digest.digest()) != (size, sha256):
            raise InvalidValueError(f"the staged body does not match: {found} of {size} octets, or a different hash")

    def drop_upload(self, upload_id: int) -> None:
        """Forgets a staged body, if it is there."""
        row = self._sql.row("upload", upload_id)
        if row is not None:
            self._sql.rows("remove_upload", upload_id)
            self.remove(row[0])

    def remove(self, blob_id: int) -> None:
        """Removes every trace of a body."""
        for query in ("remove_body", "remove_first_chunk", "remove_chunks"):
            self._sql.rows(query, blob_id)
