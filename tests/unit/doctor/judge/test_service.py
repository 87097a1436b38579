"""One contact through all stages: what fails first makes the rest skipped, and health gives no alarm."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.facts import Contact, Reach, Surroundings
from gatepost.doctor.judge.service import Circumstances, judge
from gatepost.doctor.model import Stage
from gatepost.ports import BY_NAME
from support.wire_facts import (
    BOOK,
    CLOSED,
    LOGGED_IN,
    NOW,
    SILENT,
    VERIFIED,
    VISITED,
    can,
    contact,
    failed_handshake,
    told,
    unreached,
)

KNOWN = Circumstances(now=NOW)
NOTHING = Surroundings()
MAIL = [name for name, row in BY_NAME.items() if row.protocol in {"pop3", "imap", "smtp"}]


@pytest.mark.parametrize("service", MAIL)
def test_a_healthy_service_gives_no_alarm(service: str) -> None:
    found = judge(contact(service), NOTHING, KNOWN, BOOK)
    assert {each.status.value for each in found} <= {"pass", "info", "skip"}
    assert [each.id for each in found if each.status == "skip"] == ([] if service == "smtp" else ["S2"])


def test_a_healthy_login() -> None:
    found = judge(contact(login=LOGGED_IN, visit=VISITED), NOTHING, KNOWN, BOOK)
    assert [each.id for each in found] == ["T0", "X0", "V0", "V9", "C0", "G0", "A0", "B0"]


SKIPPING: dict[str, tuple[Contact, list[tuple[str, Stage]]]] = {
    "not reached": (
        unreached(),
        [("S1", Stage.MODE), ("S1", Stage.TLS), ("S1", Stage.GREETING), ("S1", Stage.LOGIN)],
    ),
    "stuck in the handshake": (
        contact(handshake=failed_handshake("timed out"), plain=SILENT, poked=CLOSED, greeting=None),
        [("S1", Stage.GREETING), ("S1", Stage.LOGIN)],
    ),
    "no STARTTLS between servers": (
        contact("smtp", upgrade=None, before_tls=can(("PIPELINING",)), inside_tls=None),
        [("S1", Stage.TLS)],
    ),
    "OAuth only": (contact("imaps", inside_tls=can(("LOGINDISABLED", "AUTH=XOAUTH2"))), [("S1", Stage.LOGIN)]),
}


@pytest.mark.parametrize(("seen", "expected"), SKIPPING.values(), ids=SKIPPING)
def test_what_follows_a_failure_is_skipped(seen: Contact, expected: list[tuple[str, Stage]]) -> None:
    found = judge(seen, NOTHING, KNOWN, BOOK)
    assert [(each.id, each.stage) for each in found if each.status == "skip"] == expected
    blocker = next(each for each in found if each.status in {"fail", "warn"})
    assert {each.evidence for each in found if each.id == "S1"} == {blocker.title}


def test_why_there_was_no_login() -> None:
    elsewhere = replace_known(no_login="S4", login_at="imaps mail.example.com:993")
    found = judge(contact(), NOTHING, elsewhere, BOOK)[-1]
    assert (found.id, "imaps mail.example.com:993" in found.title) == ("S4", True)


def replace_known(**changes: str | bool) -> Circumstances:
    return Circumstances(now=NOW, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("service", "reach", "expected"),
    [
        ("pop3", Reach.REFUSED, ("T22", "pass")),
        ("imap", Reach.TIMED_OUT, ("T22", "pass")),
        ("imaps", Reach.REFUSED, ("T23", "info")),
    ],
)
def test_a_closed_port_that_nobody_promised(service: str, reach: Reach, expected: tuple[str, str]) -> None:
    seen = unreached(service, reach)
    assert told(judge(seen, NOTHING, Circumstances(now=NOW, expected=False), BOOK)) == [expected]


def test_an_open_port_that_nobody_promised_is_judged() -> None:
    assert told(judge(contact(), NOTHING, Circumstances(now=NOW, expected=False), BOOK))[0] == ("T0", "pass")


def test_the_provider_and_the_letters_are_handed_on() -> None:
    refused = replace(LOGGED_IN, accepted=False, reply=b"NO [AUTHENTICATIONFAILED] Authentication failed\r\n")
    known = Circumstances(now=NOW, provider=BOOK.row("I1").provider, ascii_only=False)
    found = judge(contact("imaps", login=refused, handshake=VERIFIED), NOTHING, known, BOOK)
    assert [each.id for each in found if each.stage is Stage.LOGIN] == ["I1", "A20"]


def test_an_address_that_lets_us_in_at_times_limits_us() -> None:
    found = judge(unreached(), NOTHING, replace_known(limited=True), BOOK)
    assert [each.id for each in found if each.status != "skip"] == ["T24"]


def test_a_service_that_took_too_long_is_told_so() -> None:
    found = judge(replace(contact(), unfinished=True, seconds=8.5), NOTHING, KNOWN, BOOK)
    assert [each.evidence for each in found if each.id == "T25"] == ["8.5 s"]
