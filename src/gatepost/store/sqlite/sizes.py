"""Measures messages of an older schema again, by the octets that are handed out today.

Two things changed with schema 4: the size of a message whose last line has no end counts the CRLF that readers put
there, and header fields that are no UTF-8 stay as they are in the surrogate. Reads the last octets of each body once;
inside the caller's transaction, so that it is done wholly or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw

from gatepost.mime.downgrade import ascii_size
from gatepost.mime.wire import missing_end
from gatepost.model import CHUNK


def measure(connection: apsw.Connection) -> None:
    """Brings sizes of emails, messages, held messages, mailboxes and accounts up to date."""
    for blob_id, size in _rows(connection, "SELECT blob_id, size FROM body WHERE size > 0"):
        missing = _missing(connection, blob_id, size)
        if missing:
            for account_id, email_id in list(_rows(connection, _EMAILS, blob_id)):
                _grow(connection, account_id, email_id, missing)
    for account_id, email_id, blob_id, header_octets, size in list(_rows(connection, _EIGHT_BIT)):
        header = _octets(connection, blob_id, 0, header_octets)
        if len(header) == header_octets:  # a damaged body keeps what it has
            ended = not _missing(connection, blob_id, size)
            _set_ascii_size(connection, account_id, email_id, ascii_size(header, size, ended=ended))


_EMAILS = "SELECT account_id, email_id FROM email WHERE blob_id = ?"
_EIGHT_BIT = """
    SELECT account_id, email_id, blob_id, header_octets, body.size FROM email JOIN body USING (blob_id)
    WHERE ascii_size > 0
"""


def _rows(connection: apsw.Connection, query: str, *values: int) -> Iterator[tuple[Any, ...]]:
    return iter(connection.execute(query, values))


def _missing(connection: apsw.Connection, blob_id: int, size: int) -> int:
    return missing_end(_octets(connection, blob_id, max(size - 2, 0), size))


def _octets(connection: apsw.Connection, blob_id: int, start: int, end: int) -> bytes:
    """`body[start:end]`, as far as it is there without a gap."""
    found = b""
    for number in range(start // CHUNK, max(end - 1, 0) // CHUNK + 1):
        table, more = ("blob_chunk", " AND number = ?") if number else ("blob", "")
        first, last = max(start - number * CHUNK, 0), min(end - number * CHUNK, CHUNK)
        row = connection.execute(
            f"SELECT substr(data, ?, ?) FROM {table} WHERE blob_id = ?{more}",  # noqa: S608 -- two constants
            (first + 1, last - first, blob_id, *([number] if number else [])),
        ).fetchone()
        if row is None:
            break
        found += row[0]
    return found


def _grow(connection: apsw.Connection, account_id: int, email_id: int, octets: int) -> None:
    key = {"account": account_id, "email": email_id, "octets": octets}
    for statement in _GROW:
        connection.execute(statement, key).fetchall()


_GROW = (
    "UPDATE email SET size = size + :octets WHERE account_id = :account AND email_id = :email",
    "UPDATE message SET size = size + :octets WHERE account_id = :account AND email_id = :email",
    "UPDATE held SET size = size + :octets WHERE account_id = :account AND email_id = :email",
    """
    UPDATE mailbox SET octets = octets + :octets * copies.number
    FROM (
        SELECT mailbox_id, count(*) AS number FROM message
        WHERE account_id = :account AND email_id = :email GROUP BY mailbox_id
    ) AS copies
    WHERE mailbox.account_id = :account AND mailbox.mailbox_id = copies.mailbox_id
    """,
    """
    UPDATE account SET used = used + :octets * (
        (SELECT count(*) FROM message WHERE account_id = :account AND email_id = :email)
        + (SELECT count(*) FROM held WHERE account_id = :account AND email_id = :email)
    ) WHERE account_id = :account
    """,
)


def _set_ascii_size(connection: apsw.Connection, account_id: int, email_id: int, size: int) -> None:
    for table in ("email", "message"):
        connection.execute(
            f"UPDATE {table} SET ascii_size = ? WHERE account_id = ? AND email_id = ?",  # noqa: S608 -- two constants
            (size, account_id, email_id),
        ).fetchall()
