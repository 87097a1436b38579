"""The facts of an examination in, its report out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.examine.plan import no_discovery
from gatepost.doctor.examine.report import Judging, expires
from gatepost.doctor.examine.seen import Seen
from gatepost.doctor.facts import (
    Contact,
    HostNames,
    Login,
    Lookup,
    Outcome,
    Publication,
    Reach,
    Source,
    Surroundings,
)
from gatepost.doctor.model import Finding, Question, Report, Secret, Stage, Status
from support.wire_facts import (
    BOOK,
    HOST,
    LEAF,
    LOGGED_IN,
    NOW,
    V4,
    V6,
    VERIFIED,
    contact,
    dial,
    target,
    unreached,
    untrusted,
)

SECRET = Secret("marked secret")


def names_of(host: str, outcome: Outcome = Outcome.ANSWER) -> HostNames:
    if outcome is Outcome.ANSWER:
        return HostNames(host, Lookup(host, "A", outcome, (V4,)), Lookup(host, "AAAA", Outcome.NODATA))
    return HostNames(host, Lookup(host, "A", outcome), Lookup(host, "AAAA", outcome))


def judging(seen: Seen, **question: object) -> Judging:
    return Judging(Question(**{"subject": HOST, **question}), seen, NOW, BOOK)


def seen_of(*contacts: Contact, host: str = HOST, outcome: Outcome = Outcome.ANSWER, **facts: object) -> Seen:
    return Seen(no_discovery("example.com"), {host: names_of(host, outcome)}, contacts=list(contacts), **facts)


def report(*contacts: Contact, **question: object) -> Report:
    return judging(seen_of(*contacts), **question).report(0.5)


def ids(findings: tuple[Finding, ...]) -> list[str]:
    return [each.id for each in findings]


def test_a_report_says_what_was_asked_and_when() -> None:
    made = report(contact(), service="pop3s")
    assert (made.subject, made.began, made.seconds) == (HOST, "2027-01-15T08:00:00+00:00", 0.5)
    assert (made.language, made.examined, made.verdict.status) == ("en", True, Status.PASS)
    assert [(each.host, each.working) for each in made.settings] == [(HOST, True)]


def test_names_are_judged_for_all_and_services_for_themselves() -> None:
    made = report(contact(), contact("imaps"))
    assert {each.stage for each in made.findings} >= {Stage.NAMES}
    assert [each.target.service.name for each in made.services] == ["pop3s", "imaps"]
    assert all("pop3s" not in each.subject for each in made.services[1].findings)


def test_two_addresses_of_a_service_are_one_and_the_same_is_told_once() -> None:
    four, six = replace(contact(), seconds=0.2), replace(contact(address=V6), seconds=0.7)
    (alone,), (both,) = report(four).services, report(four, six).services
    assert ids(both.findings) == ids(alone.findings)
    assert both.seconds == 0.7


def test_what_differs_between_two_addresses_is_told() -> None:
    (both,) = report(contact(), unreached(address=V6)).services
    assert "T1" in ids(both.findings)
    assert both.status is Status.WARN


def test_the_first_certificate_to_end_counts() -> None:
    sooner = replace(VERIFIED, chain=(replace(LEAF, not_after=NOW + 5), LEAF))
    bare = contact(handshake=replace(VERIFIED, chain=()))
    assert expires([contact(), contact(handshake=sooner), bare, unreached()]) == NOW + 5
    assert expires([unreached(), bare]) == 0


class TestLogin:
    @pytest.mark.parametrize(("secret", "row"), [(None, "S2"), (SECRET, "S3")])
    def test_none_was_tried(self, secret: Secret | None, row: str) -> None:
        assert row in ids(report(contact(), secret=secret).services[0].findings)

    def test_it_was_tried_elsewhere(self) -> None:
        there = contact("imaps", login=LOGGED_IN)
        made = judging(seen_of(contact(), there, login=there), secret=SECRET).report(0.5)
        (found,) = [each for each in made.services[0].findings if each.id == "S4"]
        assert there.target.where in found.title + found.cause

    @pytest.mark.parametrize(("password", "said"), [("pässword", True), ("password", False)])
    def test_letters_outside_ascii_may_be_why(self, password: str, said: bool) -> None:
        refused = Login("PLAIN", False, b"-ERR [AUTH] Authentication failed.\r\n")
        found = judging(seen_of(contact(login=refused)), secret=Secret(password)).of(contact(login=refused))
        assert ("A20" in ids(found)) is said

    @pytest.mark.parametrize(
        ("host", "discovered", "provider"),
        [
            ("imap.mail.me.com", "", "iCloud"),
            ("p99.mail.icloud.com", "", "iCloud"),
            ("imap.example.com", "iCloud", "iCloud"),
            ("imap.example.com", "", ""),
            ("192.0.2.1", "", ""),
        ],
    )
    def test_the_provider_is_known_by_the_domain_or_the_host(self, host: str, discovered: str, provider: str) -> None:
        refused = Login("PLAIN", False, b"a1 NO [AUTHENTICATIONFAILED] Authentication failed\r\n")
        one = replace(contact("imaps", login=refused), target=target("imaps", host))
        seen = seen_of(one, host=host)
        seen.discovery = replace(seen.discovery, provider=discovered)
        assert ("I1" in ids(judging(seen).of(one))) is bool(provider)


class TestAround:
    @staticmethod
    def first(seen: Seen, one: Contact) -> Finding:
        return judging(seen, service="imaps").of(one)[0]

    def test_other_contacts_with_the_host_count_as_looked_around(self) -> None:
        closed = unreached("imaps", Reach.TIMED_OUT)
        assert self.first(seen_of(closed), closed).id == "T2"
        beside = self.first(seen_of(closed, contact()), closed)
        assert beside.id == "T19"
        assert "995" in beside.title + beside.cause
        other_family = seen_of(closed, contact("imaps", address=V6))
        assert self.first(other_family, closed).id == "T17"

    def test_what_was_looked_for_counts_as_well(self) -> None:
        closed = unreached("imaps", Reach.TIMED_OUT)
        around = {(HOST, V4): Surroundings(other_ports=(dial(995),))}
        assert self.first(seen_of(closed, around=around), closed) == self.first(seen_of(closed, contact()), closed)

    def test_another_port_at_another_address_says_nothing(self) -> None:
        closed = unreached("imaps", Reach.TIMED_OUT)
        assert self.first(seen_of(closed, contact(address=V6)), closed).id == "T2"

    def test_another_host_is_no_surrounding(self) -> None:
        closed = unreached("imaps", Reach.TIMED_OUT)
        other = replace(contact(), target=target(host="other.example.com"))
        assert self.first(seen_of(closed, other), closed).id == "T2"


@pytest.mark.parametrize(
    ("outcome", "contacts", "examined"),
    [
        (Outcome.TIMED_OUT, (), False),
        (Outcome.NXDOMAIN, (), True),
        (Outcome.TIMED_OUT, (unreached(),), True),
    ],
)
def test_without_any_answer_for_a_name_nothing_was_examined(
    outcome: Outcome, contacts: tuple[Contact, ...], examined: bool
) -> None:
    assert judging(seen_of(*contacts, outcome=outcome), service="pop3s").report(0.5).examined is examined


def test_a_service_that_need_not_be_there_may_be_closed() -> None:
    found = report(contact(), unreached("imaps")).services[1].findings
    assert ids(found) in (["T22"], ["T23"])
    assert "T1" in ids(report(contact(), unreached("imaps"), service="imaps").services[1].findings)


def test_an_untrusted_certificate_still_has_an_end() -> None:
    assert report(untrusted(code=10, not_after=NOW - 5)).services[0].certificate_expires == NOW - 5


def found_by_srv(*hosts: str) -> Seen:
    contacts = [replace(contact("imaps"), target=target("imaps", host, source="SRV record")) for host in hosts]
    targets = tuple(each.target for each in contacts)
    published = Publication(Source.SRV, "_imaps._tcp.example.com", found=True, targets=targets)
    discovery = replace(no_discovery("example.com"), publications=(published,), targets=targets)
    return Seen(discovery, {host: names_of(host) for host in hosts}, targets, contacts)


@pytest.mark.parametrize(("secret", "status", "row"), [(SECRET, Status.WARN, "S6"), (None, Status.INFO, "S2")])
def test_a_strange_host_is_told(secret: Secret | None, status: Status, row: str) -> None:
    made = judging(found_by_srv("imap.evil.test"), subject="me@example.com", secret=secret).report(0.5)
    (told,) = [each for each in made.findings if each.id == "D44"]
    assert (told.status, told.command) == (status, "gatepost doctor imap.evil.test --user me@example.com")
    assert {each.id: each.status for each in made.findings}["D26"] is Status.INFO
    assert row in ids(made.services[0].findings)
    assert made.settings[0].foreign


def test_the_domains_own_host_is_none() -> None:
    made = judging(found_by_srv(HOST), subject="me@example.com", secret=SECRET).report(0.5)
    assert "D44" not in ids(made.findings)
    assert "S3" in ids(made.services[0].findings)


def test_an_address_without_any_answer() -> None:
    silent = Lookup("example.com", "MX", Outcome.TIMED_OUT)
    seen = Seen(replace(no_discovery("example.com"), mx=silent))
    made = judging(seen, subject="me@example.com").report(0.5)
    assert (made.examined, made.verdict.status, made.verdict.because) == (False, Status.SKIP, "D45")
    seen.discovery = no_discovery("example.com")
    assert judging(seen, subject="me@example.com").report(0.5).verdict.because != "D45"


def test_a_limit_is_no_closed_port() -> None:
    shut = unreached("imaps", Reach.TIMED_OUT)
    seen = seen_of(contact(), shut, afterwards=[unreached()])
    assert ids(judging(seen, service="imaps").of(shut))[0] == "T24"


@pytest.mark.parametrize(
    ("error", "status"), [("[Errno 101] Network is unreachable", Status.SKIP), ("[Errno 113] No route", Status.FAIL)]
)
def test_without_a_route_nothing_was_tested(error: str, status: Status) -> None:
    far = unreached("imaps", Reach.NO_ROUTE)
    made = report(replace(far, dial=replace(far.dial, error=error)), service="imaps")
    assert (made.verdict.because, made.verdict.status, made.examined) == ("T5", status, status is Status.FAIL)


def test_a_spare_server_that_works_makes_a_dead_one_a_warning() -> None:
    seen = found_by_srv(HOST, "two.example.com")
    seen.contacts[0] = unreached("imaps")
    made = judging(seen, subject="me@example.com").report(0.5)
    assert (made.verdict.status, made.settings[0].host) == (Status.WARN, "two.example.com")


def test_what_was_seen_of_a_slow_server_holds() -> None:
    made = report(replace(contact(), unfinished=True, seconds=8.5))
    assert {"T0", "T25", "C0"} <= set(ids(made.services[0].findings))
    assert made.verdict.because == "T25"


@pytest.mark.parametrize(("inner", "told"), [("10.0.0.1", True), ("0.0.0.0", False), ("9.9.9.9", False)])
def test_an_address_that_was_not_tried_is_told_once(inner: str, told: bool) -> None:
    seen = found_by_srv(HOST)
    seen.names = {HOST: HostNames(HOST, Lookup(HOST, "A", Outcome.ANSWER, (inner,)), None)}
    for contacts, status in ((seen.contacts, Status.WARN), ([], Status.FAIL)):
        seen.contacts = contacts
        made = judging(seen, subject="me@example.com").report(0.5)
        assert [each.status for each in made.findings if each.id == "D46"] == [status] * told
        assert "D30" not in ids(made.findings)
    assert (made.verdict.because == "D46") is told
    if told:
        assert f"{HOST}:" in next(each.evidence for each in made.findings if each.id == "D46")
        assert not made.examined


def test_refusals_are_this_sides_trouble_only_if_all_the_world_is_refused() -> None:
    seen = seen_of(outcome=Outcome.REFUSED)
    assert judging(seen).report(0.5).verdict.because == "D2"
    for outside, row in ((Outcome.ANSWER, "D2"), (Outcome.NXDOMAIN, "D2"), (Outcome.SERVFAIL, "D45")):
        seen.outside = Lookup("a.root-servers.net", "A", outside)
        made = judging(seen).report(0.5)
        assert made.verdict.because == row
        assert {"D2", "D45"} & set(ids(made.findings)) == {row}


def test_others_that_answer_show_that_the_own_name_server_is_the_trouble() -> None:
    seen = seen_of(outcome=Outcome.TIMED_OUT)
    assert judging(seen).report(0.5).verdict.because == "D45"
    names = seen.names[HOST]
    others = (Lookup(HOST, "A", Outcome.ANSWER, ("9.9.9.9",), resolver="9.9.9.9"),)
    seen.names = {HOST: replace(names, others=others)}
    assert judging(seen).report(0.5).verdict.because == "D21"


@pytest.mark.parametrize(("lie", "told"), [((), False), (("9.9.9.9",), False), (("192.0.2.1",), True)])
def test_who_answers_for_what_cannot_exist_is_not_believed(lie: tuple[str, ...], told: bool) -> None:
    seen = seen_of(contact())
    outcome = Outcome.ANSWER if lie else Outcome.NXDOMAIN
    seen.names = {HOST: HostNames(HOST, Lookup(HOST, "A", Outcome.ANSWER, ("192.0.2.1",)), None)}
    seen.nowhere = Lookup("no-such-host.invalid", "A", outcome, lie)
    made = judging(seen).report(0.5)
    assert ("D47" in ids(made.findings)) is told
    assert (made.verdict.because == "D47") is told
