"""Findings in, one sentence out."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from gatepost.doctor.facts import Contact, Reach, Surroundings
from gatepost.doctor.judge.service import Circumstances, judge
from gatepost.doctor.judge.verdict import verdict
from gatepost.doctor.model import Confidence, Finding, Question, ServiceReport, Stage, Status, Verdict, worst
from support.wire_facts import BOOK, DAY, HOST, LEAF, LOGGED_IN, NOW, VERIFIED, contact, unreached, untrusted

QUESTION = Question(HOST)


def of(*contacts: Contact, known: Circumstances | None = None) -> tuple[ServiceReport, ...]:
    reports = []
    for each in contacts:
        findings = judge(each, Surroundings(), known or Circumstances(now=NOW), BOOK)
        reports.append(ServiceReport(each.target, worst(each.status for each in findings), findings))
    return tuple(reports)


def decided(services: Iterable[ServiceReport], *findings: Finding) -> Verdict:
    return verdict(QUESTION, findings, tuple(services), BOOK)


def test_everything_works() -> None:
    found = decided(of(contact("imaps"), contact(), contact("submissions")))
    assert found == Verdict(Status.PASS, f"Everything works: imaps, pop3s, submissions at {HOST}.")


def test_everything_works_with_the_login() -> None:
    found = decided(of(contact("imaps", login=LOGGED_IN), contact()))
    assert found.sentence == f"Everything works, log-in included: imaps, pop3s at {HOST}."


def test_one_fails_while_others_work() -> None:
    found = decided(of(contact("imaps"), unreached()))
    assert (found.status, found.because, found.who) == ("fail", "T1", "administrator")
    assert found.sentence == f"pop3s {HOST}:995: {HOST} refuses connections on port 995. What works: imaps."
    assert found.fix


def test_several_fail_for_the_same_reason() -> None:
    found = decided(of(untrusted("imaps", code=18), untrusted(code=18), contact("smtp")))
    assert found.because == "C4"
    assert found.sentence.startswith(f"imaps, pop3s at {HOST}: ")
    assert found.sentence.endswith("What works: smtp.")


def test_the_most_fundamental_failure_decides() -> None:
    found = decided(of(untrusted("imaps", code=18), unreached()))
    assert found.because == "T1"


def test_within_a_stage_the_surest_decides() -> None:
    unsure = BOOK.finding("T2", subject="x", confidence=Confidence.POSSIBLE)
    assert decided(of(unreached()), unsure).because == "T1"


def test_what_is_general_goes_first() -> None:
    general = BOOK.finding("T4", subject="sending", confidence=Confidence.LIKELY)
    found = decided(of(unreached("submissions", Reach.TIMED_OUT)), general)
    assert (found.because, found.sentence[:9]) == ("T4", "sending: ")


def test_a_finding_without_subject_is_about_the_question() -> None:
    assert decided((), BOOK.finding("D1", stage=Stage.NAMES)).sentence.startswith(f"{HOST}: ")


def test_a_warning() -> None:
    found = decided(of(contact("imaps", handshake=None), *of_expiring()))
    assert (found.status, found.because) == ("warn", "C12")
    assert found.sentence.startswith(f"It works, but pop3s {HOST}:995 needs attention: ")


def of_expiring() -> tuple[Contact, ...]:
    leaf = replace(LEAF, not_after=NOW + 3 * DAY)
    return (contact(handshake=replace(VERIFIED, chain=(leaf,))),)


def test_a_warning_about_no_service() -> None:
    found = decided(of(contact()), BOOK.finding("D7", subject="MX x", status=Status.WARN))
    assert found.sentence.startswith("It works, but MX x needs attention")


def test_no_network() -> None:
    found = decided((), BOOK.finding("T30", subject="x"))
    assert (found.status, found.because, found.who) == ("skip", "T30", "network")
    assert found.sentence.startswith("Nothing could be tested from here: ")


def test_nothing_found() -> None:
    assert decided(()) == Verdict(Status.SKIP, f"No mail service was found at {HOST}.")
    noted = decided((), BOOK.finding("D9", status=Status.INFO))
    assert (noted.status, noted.because) == ("skip", "D9")
    warned = decided((), BOOK.finding("D9", status=Status.INFO), BOOK.finding("D7", status=Status.WARN))
    assert warned.because == "D7"


def test_a_closed_port_works_for_nobody() -> None:
    closed = of(unreached("pop3"), known=Circumstances(now=NOW, expected=False))
    assert decided((*of(contact()), *closed)).sentence == f"Everything works: pop3s at {HOST}."
