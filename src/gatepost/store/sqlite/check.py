"""Verification: every body hashed again, every counter counted again, every reference followed both ways."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVarTuple, Unpack

import apsw

from gatepost.model import INBOX
from gatepost.store.api import Finding
from gatepost.store.notices import damaged_logs
from gatepost.store.sqlite import wal
from gatepost.store.sqlite.blobs import stored_chunks
from gatepost.store.sqlite.database import open_reader, translated
from gatepost.store.sqlite.named import Row, Statements
from gatepost.store.sqlite.recovery import describe

Values = TypeVarTuple("Values")

PAGE: Final = 16
"""Bodies looked up between two turns of other tasks."""
MOST_OF_FILE: Final = 1000
"""Lines about the file itself: what is hurt is told by message."""
LAST_ID: Final = (1 << 63) - 1
LAST_UID: Final = (1 << 32) - 1

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
    """See `Maintenance`. The server may run meanwhile: bodies are read one by one, the rest in one snapshot.

    Damage ends nothing: what cannot be read is passed over, and every message is looked at by itself.
    """
    with translated():
        findings = list(_damaged_logs(directory))
        connection = open_reader(directory)
        try:
            sql = Statements(connection, "read", "check")
            findings += _guarded("database file", _check_file, connection)
            findings += await _check_bodies(sql, progress)
            connection.execute("BEGIN")
            for query, fix in CHECKS:
                findings += _guarded(query.replace("_", " "), _check_rows, sql, query, fix)
                await asyncio.sleep(0)
            if any(finding.fix == REBUILD for finding in findings):
                findings += await _check_messages(sql)
            return list(dict.fromkeys(findings))
        finally:
            connection.close()


def _damaged_logs(directory: Path) -> Iterator[Finding]:
    for file in damaged_logs(directory):
        octets = file.read_bytes()
        found = wal.examine(lambda size, offset: octets[offset : offset + size], len(octets))  # noqa: B023 -- used at once
        yield Finding("", f"write-ahead log ({file.name})", describe(found), SEEN.format(file=file))


def _guarded(
    what: str, check: Callable[[Unpack[Values]], Iterator[Finding]], *args: *Values, account: str = ""
) -> list[Finding]:
    """What a check finds, up to where the database cannot be read."""
    found: list[Finding] = []
    try:
        found.extend(check(*args))
    except apsw.Error as error:
        found.append(Finding(account, what, f"cannot be read to its end ({error})", REBUILD))
    return found


def _read_account(sql: Statements, account_id: int, login: str) -> Iterator[Finding]:
    """As logins and deliveries do: an index may be damaged where the table is not."""
    for query in ("account", "credentials", "addresses", "mailboxes"):
        sql.rows(query, account_id)
    for query in ("account_by_login", "route"):
        sql.rows(query, login)
    sql.rows("maildrop_head", account_id, INBOX)
    return iter(())


def _check_file(connection: apsw.Connection) -> Iterator[Finding]:
    for (text,) in connection.execute(f"PRAGMA integrity_check({MOST_OF_FILE})"):
        if text != "ok":
            yield Finding("", "database file", str(text), REBUILD)
    for table, _rowid, parent, _key in connection.execute("PRAGMA foreign_key_check").fetchall():
        yield Finding("", f"table {table}", f"refers to a row of {parent} that is not there", REBUILD)


def _check_rows(sql: Statements, query: str, fix: str) -> Iterator[Finding]:
    for account, place, problem in sql.rows(query):
        yield Finding(account, place, problem, fix)


def _readable(fetch: Callable[[int, int], list[Row]], key: int, last: int) -> Iterator[list[Row] | apsw.Error]:
    """Pages of rows by a rising integer (their column `key`), and the error wherever some cannot be read.

    `fetch(after, limit)` reads them. After an error the next one that can be read is looked for by halves.
    """
    after = -1
    while after < last:
        limit = PAGE
        try:
            rows = fetch(after, limit)
        except apsw.Error:
            limit = 1
            try:
                rows = fetch(after, limit)
            except apsw.Error as error:
                yield error
                after = _next_readable(fetch, after, last)
                continue
        if not rows:
            return
        yield rows
        after = rows[-1][key]


def _next_readable(fetch: Callable[[int, int], list[Row]], after: int, last: int) -> int:
    """From where on something can be read again: what cannot is one piece, as far as one page of the file goes."""
    bad, step = after, 1
    while after + step < last and not _can(fetch, after + step):
        bad, step = after + step, step * 2
    good = min(after + step, last)
    while good - bad > 1:
        middle = (bad + good) // 2
        bad, good = (bad, middle) if _can(fetch, middle) else (middle, good)
    return good


def _can(fetch: Callable[[int, int], list[Row]], after: int) -> bool:
    try:
        fetch(after, 1)
    except apsw.Error:
        return False
    return True


async def _check_bodies(sql: Statements, progress: Callable[[int, int], None]) -> list[Finding]:
    findings = _guarded("bodies", _count_bodies, sql)
    total = 0 if findings else sql.the_row("count_bodies")[0]
    done = 0
    for rows in _readable(lambda after, limit: sql.rows("bodies", after, limit), 0, LAST_ID):
        if isinstance(rows, apsw.Error):
            findings.append(Finding("", "bodies", f"some records cannot be read ({rows})", REBUILD))
            continue
        for blob_id, sha256, size in rows:
            problem = await _check_body(sql, blob_id, sha256, size)
            if problem and sql.row("has_body", blob_id):
                findings += _damaged(sql, blob_id, problem)
        done += len(rows)
        progress(min(done, total), total)
        await asyncio.sleep(0)
    return findings


def _count_bodies(sql: Statements) -> Iterator[Finding]:
    sql.the_row("count_bodies")
    return iter(())


async def _check_messages(sql: Statements) -> list[Finding]:
    """Names the messages that are hurt, one by one, where the database is damaged."""
    findings: list[Finding] = []
    for accounts in _readable(lambda after, limit: sql.rows("account_ids", after, limit), 0, LAST_ID):
        if isinstance(accounts, apsw.Error):
            findings.append(Finding("", "accounts", f"some cannot be read ({accounts})", REBUILD))
            continue
        for account_id, account in accounts:
            findings += await _check_account(sql, account_id, account)
    return findings


async def _check_account(sql: Statements, account_id: int, account: str) -> list[Finding]:
    findings = _guarded("account", _read_account, sql, account_id, account, account=account)
    for rows in _readable(lambda after, limit: sql.rows("mailbox_ids", account_id, after, limit), 0, LAST_ID):
        if isinstance(rows, apsw.Error):
            findings.append(Finding(account, "mailboxes", f"some cannot be read ({rows})", REBUILD))
            continue
        for mailbox_id, name in rows:
            findings += await _check_mailbox(sql, (account_id, mailbox_id), account, name)
    return findings


async def _check_mailbox(sql: Statements, key: tuple[int, int], account: str, name: str) -> list[Finding]:
    findings, last = [], 0
    for rows in _readable(lambda after, limit: sql.rows("uids", *key, after, limit), 0, LAST_UID):
        await asyncio.sleep(0)
        if isinstance(rows, apsw.Error):
            findings.append(Finding(account, name, f"messages after UID {last} cannot be listed ({rows})", REBUILD))
            continue
        last = rows[-1][0]
        for uid, email_id, blob_id in rows:
            problem = await _check_message(sql, key[0], email_id, blob_id)
            if problem:
                findings.append(Finding(account, f"{name} UID {uid}", problem, MEND))
    return findings


async def _check_message(sql: Statements, account_id: int, email_id: int, blob_id: int) -> str:
    try:
        sql.row("email", account_id, email_id)
        row = sql.row("body", blob_id)
    except apsw.Error as error:
        return f"its records cannot be read ({error})"
    return "its body is missing" if row is None else await _check_body(sql, blob_id, *row)


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
    try:
        places = sql.rows("messages_of_body", blob_id)
    except apsw.Error:
        places = []  # whose it is comes to light when every message is looked at
    return [Finding(account, place, problem, MEND) for account, place in places or [("", f"body {blob_id}")]]
