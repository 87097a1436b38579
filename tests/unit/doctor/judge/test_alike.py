"""One cause is one finding."""

from __future__ import annotations

from msgspec.structs import replace

from gatepost.doctor.judge.alike import merged
from gatepost.doctor.model import Finding, Status
from support.wire_facts import BOOK

NAMES = ("imap.example.com", "pop.example.com", "smtp.example.com")


def denied(host: str, row: str = "D1") -> Finding:
    return BOOK.finding(row, subject=host, evidence=f"A {host}: nxdomain", host=host)


def test_three_names_that_one_resolver_denies_are_told_once() -> None:
    (told,) = merged(map(denied, NAMES))
    assert told.id == "D1"
    assert told.subject == ", ".join(NAMES)
    assert all(name in text for name in NAMES for text in (told.title, told.evidence))
    assert told.evidence.count(";") == 2


def test_what_differs_is_told_apart_and_in_order() -> None:
    findings = (denied(NAMES[0]), denied(NAMES[1], "D2"), replace(denied(NAMES[2]), status=Status.WARN))
    assert merged(findings) == findings
    suggested = replace(denied(NAMES[1]), fix="Try imap.gmail.com.")
    assert merged((denied(NAMES[0]), suggested)) == (denied(NAMES[0]), suggested)


def test_the_same_said_twice_of_one_name_is_said_once() -> None:
    assert merged((denied(NAMES[0]), denied(NAMES[0]))) == (denied(NAMES[0]),)


def test_names_within_other_names_stay() -> None:
    texts = [f"{host} is not www.{host} or {host}.example.net." for host in ("a.test", "b.test")]
    first, second = (Finding("X", "names", Status.FAIL, text, subject=text[:6]) for text in texts)
    assert merged((first, second)) == (first, second)


def test_what_passed_and_what_is_about_nothing_stays() -> None:
    passing = tuple(BOOK.finding("D0", subject=name, host=name, names="9.9.9.9") for name in NAMES)
    nameless = (replace(denied(""), evidence="1"), replace(denied(""), evidence="2"))
    assert merged((*passing, *nameless)) == (*passing, *nameless)
