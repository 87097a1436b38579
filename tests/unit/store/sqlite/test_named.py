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
