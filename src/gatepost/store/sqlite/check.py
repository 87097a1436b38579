"""Verification: every body hashed again, every counter counted again, every reference followed both ways."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import apsw

from gatepost.store.api import Finding
from gatepost.store.notices import damaged_logs
from gatepost.store.sqlite import wal
from gatepost.store.sqlite.blobs import stored_chunks
from gatepost.store.sqlite.database import open_reader, translated
from gatepost.store.sqlite.named import Statements
from gatepost.store.sqlite.recovery import describe

PAGE: Final = 16
"""Bodies looked up between two turns of other tasks."""

RECOUNT: Final = (
    "no mail is affected: 'gatepost store backup FILE' and 'gatepost store restore FILE' into a fresh directory "
    "count everything anew"
)
LEFTOVER: Final = f"it only takes room; {RECOUNT}"
LOST: Final = (
    "deliver this message again from an older backup, and check the disk (smartctl -a, dmesg) and the memory for faults"
)
MEND: Final = (
    "deliver the very same message again from an older backup ('gatepost mail deliver'), to anybody: that mends every "
    "copy of it; and check the disk (smartctl -a, dmesg) and the memory for faults"
)
REBUILD: Final = "restore the last good backup with 'gatepost store restore FILE', then verify again"

SEEN: Final = (
    "see in the server's log what became of it, and below what is hurt; messages that are missing may stand in the "
    "copy as plain text (strings {file}). Check the memory and the disk for faults, then remove the copy"
)

CHECKS: Final = (
    ("mailbox_counters", RECOUNT),
    ("account_used", RECOUNT),
    ("mailbox_marks", RECOUNT),
    ("messages_without_email", LOST),
    ("held_without_email", LOST),
    ("emails_without_body", LOST),
    ("emails_without_message", LEFTOVER),
    ("bodies_without_email", LEFTOVER),
    ("chunks_without_body", LEFTOVER),
    ("accounts_incomplete", REBUILD),
    ("strangers", REBUILD),
)


async def verify(directory: Path, progress: Callable[[int, int], None]) -> list[Finding]:
    """See `Maintenance`. The server may run meanwhile: bodies are read one by one, the rest in one snapshot."""
    with translated():
        findings = list(_damaged_logs(directory))
        connection = open_reader(directory)
        try:
            sql = Statements(connection, "read", "check")
            findings += _check_file(connection)
            findings += await _check_bodies(sql, progress)
            connection.execute("BEGIN")
            for query, fix in CHECKS:
                findings += [Finding(account, place, problem, fix) for account, place, problem in sql.rows(query)]
                await asyncio.sleep(0)
            return findings
        finally:
            connection.close()


def _damaged_logs(directory: Path) -> Iterator[Finding]:
    for file in damaged_logs(directory):
        octets = file.read_bytes()
        found = wal.examine(lambda size, offset: octets[offset : offset + size], len(octets))  # noqa: B023 -- used at once
        yield Finding("", f"write-ahead log ({file.name})", describe(found), SEEN.format(file=file))


def _check_file(connection: apsw.Connection) -> Iterator[Finding]:
    for (text,) in connection.execute("PRAGMA integrity_check").fetchall():
        if text != "ok":
            yield Finding("", "database file", str(text), REBUILD)
    for table, _rowid, parent, _key in connection.execute("PRAGMA foreign_key_check").fetchall():
        yield Finding("", f"table {table}", f"refers to a row of {parent} that is not there", REBUILD)


async def _check_bodies(sql: Statements, progress: Callable[[int, int], None]) -> list[Finding]:
    total = sql.the_row("count_bodies")[0]
    findings: list[Finding] = []
    done, last = 0, -1
    while rows := sql.rows("bodies", last, PAGE):
        for blob_id, sha256, size in rows:
            problem = await _check_body(sql, blob_id, sha256, size)
            if problem and sql.row("has_body", blob_id):
                findings += _damaged(sql, blob_id, problem)
        last, done = rows[-1][0], done + len(rows)
        progress(min(done, total), total)
        await asyncio.sleep(0)
    return findings


async def _check_body(sql: Statements, blob_id: int, sha256: bytes, size: int) -> str:
    """What is wrong with one body; empty if nothing."""
    digest, found = hashlib.sha256(), 0
    try:
        for data in stored_chunks(sql, blob_id):
            digest.update(data)
            found += len(data)
            await asyncio.sleep(0)
    except apsw.Error as error:
        return f"its body cannot be read ({error})"
    if found != size:
        return f"its body has {found} octets instead of {size}"
    return "" if digest.digest() == sha256 else "its body has changed: the hash does not match"


def _damaged(sql: Statements, blob_id: int, problem: str) -> list[Finding]:
    places = sql.rows("messages_of_body", blob_id)
    return [Finding(account, place, problem, MEND) for account, place in places or [("", f"body {blob_id}")]]
