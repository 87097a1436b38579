from __future__ import annotations

from gatepost.doctor.model import Status
from gatepost.doctor.own.facts import (
    Data,
)
from gatepost.doctor.own.judge import judge, nothing_here
from support.host_facts import host
from support.host_findings import BOOK, CALM, findings


def test_a_host_that_is_well() -> None:
    found = findings(host())
    assert set(found) == CALM
    assert {each.status for each in found.values()} == {Status.PASS, Status.INFO}


def test_every_text_is_filled() -> None:
    for each in judge(host(), BOOK):
        assert "{" not in each.title + each.cause + each.fix


def test_nothing_of_gatepost() -> None:
    empty = host(config_file="", data=Data("/x", exists=False), status=None)
    assert nothing_here(empty)
    assert [each.id for each in judge(empty, BOOK)] == ["O48"]
    assert not nothing_here(host(status=None, config_file=""))
