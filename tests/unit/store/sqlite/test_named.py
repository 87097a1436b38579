from __future__ import annotations

import re
import time
from importlib.resources import files

import apsw
import pytest

from gatepost.store.sqlite.migrate import migrate
from gatepost.store.sqlite.named import Statements, load
from gatepost.store.sqlite.writer import Writer

FILES = ("read", "directory", "mail", "delete", "housekeeping", "check", "repair")


@pytest.fixture
def connection():
    found = apsw.Connection(":memory:")
    migrate(found)
    Writer(found, time.time)  # it makes what the statements need beside the schema
    return found


@pytest.mark.parametrize("file", FILES)
def test_every_statement_is_sql(connection, file):
    for query in load(file).values():
        connection.cursor().execute(query, explain=1, bindings=_bindings(query)).fetchall()


def _bindings(query):
    numbered = [int(n) for n in re.findall(r"\?(\d+)", query)]
    return [0] * (max(numbered) if numbered else query.count("?"))


WHOLE_ACCOUNT = {"orphan_all_of_account", "held", "last_id"}
"""Beside `remove_all_of_…`: statements that ask for all that an account has."""


@pytest.mark.parametrize("file", ["read", "directory", "mail", "delete", "housekeeping"])
def test_no_statement_reads_a_whole_mailbox_to_find_a_few_rows(connection, file):
    """A mailbox may hold a million messages, a server 100,000 accounts; one process writes for all of them."""
    for name, query in load(file).items():
        if name in WHOLE_ACCOUNT or name.startswith("remove_all_of_") or query.startswith("CREATE"):
            continue
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query}", _bindings(query)).fetchall()
        for step in (row[3] for row in plan):
            assert not re.match(r"SCAN (account|address|mailbox|message|email|held|expunged|blob|body)\b", step), name
            if re.match(r"SEARCH (message|email|held|expunged|other)\b", step):
                assert re.search(r"\b(uid|uidl|email_id|thread_id|placed|modseq|until|\w*blob_id)[=<>]", step), name


def test_names_are_unique_across_what_is_used_together():
    names = [name for file in FILES[:5] for name in load(file)]
    assert len(names) == len(set(names))


def test_every_statement_is_used():
    code = "".join(
        file.read_text("utf-8") for file in files("gatepost.store.sqlite").iterdir() if file.name.endswith(".py")
    )
    unused = [n for f in FILES for n in load(f) if f'"{n}"' not in code and not n.startswith("remove_all_of_")]
    assert unused == []


def test_running(connection):
    sql = Statements(connection, "directory", "read")
    assert sql.row("add_domain", "a.org") == (1,)
    assert sql.row("add_domain", "a.org") is None
    sql.many("remove_domain", [("a.org",), ("b.org",)])
    assert sql.rows("domains") == []
    assert sql.the_row("domain_in_use", "a.org") == (0,)
