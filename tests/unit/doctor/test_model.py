"""The doctor's values: what they show of themselves, and what they must not."""

from __future__ import annotations

import msgspec
import pytest

from gatepost.doctor.model import (
    Finding,
    Question,
    Report,
    Secret,
    ServiceReport,
    Stage,
    Status,
    Target,
    Verdict,
    worst,
)
from gatepost.ports import BY_NAME

POP3S = Target(BY_NAME["pop3s"], "mail.example.com", 995)


def test_a_secret_shows_itself_only_when_it_is_told_to() -> None:
    secret = Secret("hunter2")
    question = Question("alice@example.com", secret=secret)
    assert secret.reveal() == "hunter2"
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", repr(question)):
        assert "hunter2" not in shown


def test_a_secret_is_in_no_json() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(Question("alice@example.com", secret=Secret("hunter2")))


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("mail.example.com", "pop3s mail.example.com:995"),
        ("192.0.2.1", "pop3s 192.0.2.1:995"),
        ("2001:db8::1", "pop3s [2001:db8::1]:995"),
    ],
)
def test_where_a_target_is(host: str, where: str) -> None:
    assert Target(BY_NAME["pop3s"], host, 995).where == where


def test_all_findings_are_the_general_ones_and_then_those_of_each_service() -> None:
    one, two, three, four = (Finding(id_, Stage.REACH, Status.PASS, "Fine") for id_ in ("D0", "T0", "X0", "G0"))
    services = ServiceReport(POP3S, Status.PASS, (two, three)), ServiceReport(POP3S, Status.PASS, (four,))
    verdict = Verdict(Status.PASS, "All is well.")
    report = Report("example.com", verdict, (one,), services, (), "2026-11-23T04:10:00+00:00", 0.5, "0.1.0")
    assert report.all_findings() == (one, two, three, four)


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (("pass", "info", "skip"), Status.PASS),
        (("info", "skip"), Status.INFO),
        (("warn", "pass"), Status.WARN),
        (("warn", "fail", "pass"), Status.FAIL),
        ((), Status.SKIP),
    ],
)
def test_the_worst_decides_and_a_remark_is_no_fault(statuses: tuple[str, ...], status: Status) -> None:
    assert worst(Status(each) for each in statuses) is status


def test_an_address_tells_two_places_apart() -> None:
    there = Target(BY_NAME["pop3s"], "mail.example.com", 995, address="::1")
    assert there.where == "pop3s mail.example.com:995 (::1)"
