from __future__ import annotations

import apsw
import pytest

from gatepost.errors import StoreUnavailableError
from gatepost.model import make_id
from gatepost.store.sqlite.migrate import check_readable, migrate, steps, version

CHAIN = (
    "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)",
    "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1",
    "CREATE INDEX a_y ON a (y)",
)


def memory() -> apsw.Connection:
    return apsw.Connection(":memory:")


def dump(connection: apsw.Connection) -> list[str]:
    """The schema as text, for comparing two databases."""
    rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
    return [row[0] for row in rows]


def test_a_new_store_is_at_the_newest_version():
    connection = memory()
    migrate(connection)
    assert version(connection) == len(steps())
    check_readable(connection)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert {"account", "mailbox", "message", "email", "body", "blob", "held"} <= tables


@pytest.mark.parametrize("start", range(1, len(CHAIN)))
def test_the_chain_ends_where_a_new_store_begins(start):
    fresh, old = memory(), memory()
    migrate(fresh, CHAIN)
    migrate(old, CHAIN[:start])
    assert version(old) == start
    migrate(old, CHAIN)
    assert dump(old) == dump(fresh)
    assert old.execute("SELECT * FROM a").fetchall() == [(1, 2)]


@pytest.mark.parametrize("start", range(len(steps()) + 1))
def test_our_own_chain_too(start):
    fresh, old = memory(), memory()
    migrate(fresh)
    migrate(old, steps()[:start])
    migrate(old)
    assert dump(old) == dump(fresh)


def test_migrating_twice_changes_nothing():
    connection = memory()
    migrate(connection)
    before = dump(connection)
    migrate(connection)
    assert dump(connection) == before


def test_a_step_that_fails_leaves_the_version_before():
    connection = memory()
    with pytest.raises(apsw.SQLError):
        migrate(connection, (CHAIN[0], "CREATE TABLE b (x); CREATE TABLE a (x)"))
    assert version(connection) == 1
    assert dump(connection) == ["CREATE TABLE a (x INTEGER) STRICT"]


def test_other_releases_are_told_apart():
    connection = memory()
    migrate(connection, CHAIN)
    connection.pragma("user_version", len(steps()) + 1)
    with pytest.raises(StoreUnavailableError, match="upgrade Gatepost"):
        migrate(connection)
    connection.pragma("user_version", len(steps()) - 1)
    with pytest.raises(StoreUnavailableError, match="restart the server"):
        check_readable(connection)


def test_what_was_there_before_counts_from_its_ingest():
    """Schema 2: EXPIRE counts from `placed`; keys count from the upgrade; what is known of expunged UIDs stays."""
    connection = memory()
    migrate(connection, steps()[:1])
    email_id = make_id(1_700_000_000_999, 5)
    connection.execute(
        "INSERT INTO message VALUES (1, 2, 3, 4, 0, '', ?1, 6, 7, 800, NULL, 0);"
        "INSERT INTO delivered_once VALUES (1, 'key', 2, 3, ?1);"
        "INSERT INTO expunged VALUES (1, 2, 3, 4), (1, 2, 5, 4)",
        (email_id, email_id),
    ).fetchall()
    migrate(connection)
    assert connection.execute("SELECT placed, received FROM message").fetchall() == [(1_700_000_000, 800)]
    ((key, age),) = connection.execute("SELECT key, unixepoch() - at FROM delivered_once").fetchall()
    assert key == "key"
    assert 0 <= age < 3600
    assert connection.execute("SELECT account_id, mailbox_id, modseq, uid FROM expunged").fetchall() == [
        (1, 2, 4, 3),
        (1, 2, 4, 5),
    ]
