from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.model import Status
from gatepost.store.api import Health
from support.host_facts import DAY, NOW, host
from support.host_findings import findings, news, only


def test_another_schema() -> None:
    health = Health(present=True, schema=3, newest=1, problem="newer")
    assert only(host(store=health), "O78", Status.FAIL).evidence == "newer"


def test_damaged() -> None:
    health = Health(present=True, schema=1, newest=1, problem="the database is damaged")
    assert only(host(store=health), "O15", Status.FAIL).cause == "the database is damaged"


def test_empty() -> None:
    only(host(store=Health(present=True, schema=1, newest=1), published=()), "O74", Status.WARN)


def test_the_writer_is_silent() -> None:
    only(host(store=replace(host().store, writer=False)), "O77", Status.FAIL)
    assert "O77" not in news(host(store=replace(host().store, writer=False), status=None))


@pytest.mark.parametrize(("age", "expected"), [(100, Status.WARN), (2, Status.INFO)])
def test_no_backup(age: int, expected: Status) -> None:
    only(host(data=replace(host().data, last_backup=None, began=NOW - age * DAY)), "O75", expected)


def test_an_old_backup() -> None:
    found = only(host(data=replace(host().data, last_backup=NOW - 9 * DAY)), "O76", Status.WARN)
    assert "9 days" in found.title


def test_a_store_that_could_not_be_asked_is_not_judged() -> None:
    assert news(host(store=None)) == {}
    assert "O96" not in findings(host(store=None))
