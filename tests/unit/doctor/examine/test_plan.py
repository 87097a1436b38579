"""What is examined, where the login goes: values in, values out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.examine.plan import (
    expected,
    further_targets,
    heard_instead,
    is_guess,
    login_place,
    main_addresses,
    no_discovery,
    probed,
    promised,
    reachable,
    service_at,
    targets_of,
    username,
    with_username,
    withheld,
)
from gatepost.doctor.facts import Contact, Discovery, HostNames, Lookup, Outcome, Publication, Source
from gatepost.doctor.model import Finding, Question, Secret, Target
from gatepost.errors import InvalidValueError
from support.wire_facts import (
    BOOK,
    HOST,
    V4,
    VERIFIED,
    contact,
    failed_handshake,
    said,
    target,
    unreached,
    untrusted,
)

ADDRESS = "me@example.com"
SECRET = Secret("marked secret")


def services(question: Question, *found: Target) -> list[str]:
    discovery = replace(no_discovery("example.com"), targets=found)
    return [f"{each.service.name}:{each.port}@{each.host}" for each in targets_of(question, discovery)]


def test_a_host_is_examined_for_the_services_of_people() -> None:
    names = [each.partition(":")[0] for each in services(Question(HOST))]
    assert names == ["pop3s", "imaps", "submissions", "submission", "pop3", "imap"]
    assert f"smtp:25@{HOST}" in services(Question(HOST, all_ports=True))


def test_a_service_or_port_is_examined_alone() -> None:
    assert services(Question(HOST, service="imaps")) == [f"imaps:993@{HOST}"]
    assert services(Question(HOST, service="imaps", port=9993)) == [f"imaps:9993@{HOST}"]
    assert services(Question(HOST, port=110)) == [f"pop3:110@{HOST}"]
    assert services(Question(HOST, port=10993)) == [f"imaps:10993@{HOST}"]
    assert services(Question(HOST, port=4242)) == [f"pop3s:4242@{HOST}"]
    with pytest.raises(InvalidValueError):
        services(Question(HOST, service="gopher"))


def test_an_address_is_examined_where_its_servers_were_found() -> None:
    found = (target("imaps"), target("submissions", "smtp.example.com"), target("imaps"))
    assert services(Question(ADDRESS), *found) == [f"imaps:993@{HOST}", "submissions:465@smtp.example.com"]
    assert services(Question(ADDRESS, service="imaps"), *found) == [f"imaps:993@{HOST}"]
    assert services(Question(ADDRESS, port=465), *found) == ["submissions:465@smtp.example.com"]
    assert services(Question(ADDRESS)) == []


def test_what_was_not_found_is_looked_for_where_the_rest_is() -> None:
    assert services(Question(ADDRESS, service="pop3s"), target("imaps")) == [f"pop3s:995@{HOST}"]


def test_there_is_an_end_to_targets() -> None:
    many = [target("imaps", f"h{number}.example.com") for number in range(99)]
    assert len(services(Question(ADDRESS), *many)) == 12


def test_service_at() -> None:
    assert [each and each.name for each in map(service_at, (995, 10995, 80, 4242))] == ["pop3s", "pop3s", None, None]


@pytest.mark.parametrize(
    ("wanted", "question", "guess"),
    [
        (target(port=4242), Question(HOST, port=4242), True),
        (target(port=4242), Question(HOST, port=4242, service="pop3s"), False),
        (target(port=995), Question(HOST, port=995), False),
        (target(port=4242, source="SRV record"), Question(ADDRESS), False),
    ],
)
def test_a_port_without_a_name_is_a_guess(wanted: Target, question: Question, guess: bool) -> None:
    assert is_guess(wanted, question) is guess


@pytest.mark.parametrize(
    ("seen", "service"),
    [
        (contact(), None),
        (contact(greeting=said(b"* OK hi\r\n")), "imaps"),
        (contact(greeting=said(b"220 hi\r\n")), "submissions"),
        (contact(handshake=failed_handshake("x"), greeting=None, plain=said(b"+OK\r\n")), "pop3"),
        (contact(handshake=failed_handshake("x"), greeting=None, plain=said(b"220 hi\r\n")), "submission"),
        (contact(greeting=said(b"SSH-2.0\r\n")), None),
        (unreached(), None),
    ],
)
def test_heard_instead(seen: Contact, service: str | None) -> None:
    found = heard_instead(seen)
    assert (found and found.name) == service


@pytest.mark.parametrize(
    ("question", "source", "result"),
    [
        (Question(HOST), "typed", False),
        (Question(HOST, service="pop3s"), "typed", True),
        (Question(HOST, port=995), "typed", True),
        (Question(ADDRESS), "SRV record", True),
        (Question(ADDRESS), "common name", False),
        (Question(ADDRESS, service="pop3s"), "typed", True),
    ],
)
def test_promised(question: Question, source: str, result: bool) -> None:
    assert promised(target(source=source), question) is result


def test_what_must_answer() -> None:
    host = Question(HOST)
    closed, cleartext, opened = unreached(), unreached("pop3"), contact("imaps")
    assert expected(closed.target, Question(HOST, port=995), [closed, opened])
    assert not expected(closed.target, host, [closed, opened])
    assert expected(closed.target, host, [closed, cleartext])
    assert not expected(cleartext.target, host, [closed, cleartext])
    assert expected(closed.target, host, [closed, contact(), opened])


def test_one_address_of_each_family_is_looked_at_thoroughly() -> None:
    names = HostNames(
        HOST,
        Lookup(HOST, "A", Outcome.ANSWER, ("192.0.2.1", "192.0.2.2")),
        Lookup(HOST, "AAAA", Outcome.ANSWER, ("2001:db8::1", "2001:db8::2")),
    )
    assert main_addresses(names, Question(HOST)) == (("2001:db8::1", "192.0.2.1"), ("2001:db8::2", "192.0.2.2"))
    assert main_addresses(names, Question(HOST, families=(4,))) == (("192.0.2.1",), ("192.0.2.2",))


INNER = ("10.0.0.1", "127.0.0.1", "169.254.169.254")


def of_addresses(v4: tuple[str, ...], v6: tuple[str, ...] = (), resolver: str = "system") -> HostNames:
    answers = {"A": v4, "AAAA": v6}
    four, six = (Lookup(HOST, kind, Outcome.ANSWER, values, resolver=resolver) for kind, values in answers.items())
    return HostNames(HOST, four, six if v6 else None)


def test_what_records_name_inside_of_this_network_is_withheld() -> None:
    names = of_addresses((*INNER, "9.9.9.9"), ("::1", "2620:fe::fe"))
    assert withheld(names, Question(ADDRESS)) == ("::1", *INNER)
    assert main_addresses(reachable(names, Question(ADDRESS)), Question(ADDRESS)) == (("2620:fe::fe", "9.9.9.9"), ())
    nothing = reachable(of_addresses(INNER), Question(ADDRESS))
    assert main_addresses(nothing, Question(ADDRESS)) == ((), ())


def test_what_the_person_or_this_machine_says_is_meant_so() -> None:
    names = of_addresses(INNER)
    for question in (Question(HOST), Question(ADDRESS, inside=True)):
        assert withheld(names, question) == ()
        assert reachable(names, question) is names
    assert withheld(of_addresses(INNER, resolver="/etc/hosts"), Question(ADDRESS)) == ()


# --- the login -------------------------------------------------------------------------------------------------------


def place(
    question: Question, *contacts: Contact, failing: tuple[str, ...] = (), discovery: Discovery | None = None
) -> str:
    judged: list[tuple[Contact, tuple[Finding, ...]]] = [
        (each, (BOOK.finding("T1"),) if each.target.service.name in failing else ()) for each in contacts
    ]
    found = login_place(question, judged, discovery or no_discovery("example.com"), BOOK)
    return found.target.service.name if found else ""


ALL = tuple(map(contact, ("smtp", "submission", "pop3", "imap", "submissions", "pop3s", "imaps")))
ASKED = Question(ADDRESS, secret=SECRET)


def test_the_login_goes_to_the_first_healthy_encrypted_service() -> None:
    assert place(ASKED, *ALL) == "imaps"
    assert place(ASKED, *ALL, failing=("imaps",)) == "pop3s"
    assert place(ASKED, contact("submission"), contact("imap")) == "imap"


def test_the_login_goes_to_the_named_service_only() -> None:
    pop = Question(ADDRESS, secret=SECRET, service="pop3s")
    assert place(pop, *ALL) == "pop3s"
    assert place(pop, *ALL, failing=("pop3s",)) == ""


@pytest.mark.parametrize(
    "seen",
    [
        contact("smtp"),
        untrusted(code=18),
        contact(greeting=None),
        contact("pop3", upgrade=None),
        contact(handshake=replace(VERIFIED, verified=False)),
        unreached(),
    ],
)
def test_no_login_where_it_is_not_safe(seen: Contact) -> None:
    assert place(ASKED, seen) == ""


def test_no_login_without_password_or_name() -> None:
    assert place(Question(ADDRESS), *ALL) == ""
    assert place(Question(HOST, secret=SECRET), *ALL) == ""
    assert place(Question(HOST, secret=SECRET, user="me"), *ALL) == "imaps"


def test_the_user_name() -> None:
    told = replace(target(), username="from-autoconfig")
    open_ = replace(target(), username="%EMAILADDRESS%")
    assert username(told, Question(ADDRESS, user="typed")) == "typed"
    assert username(told, Question(ADDRESS)) == "from-autoconfig"
    assert username(open_, Question(ADDRESS)) == ADDRESS
    assert username(open_, Question(V4)) == ""
    assert with_username(open_, Question(ADDRESS)).username == ADDRESS


STRANGE = target("imaps", "imap.evil.test", source="SRV record")


def by_srv(*targets: Target, dnssec: bool = False) -> Discovery:
    published = Publication(Source.SRV, "_imaps._tcp.example.com", found=True, targets=targets, dnssec=dnssec)
    return replace(no_discovery("example.com"), publications=(published,), targets=targets[:1])


def test_no_login_where_only_dns_names_a_strange_host() -> None:
    strange = replace(contact("imaps"), target=STRANGE)
    assert place(ASKED, strange, discovery=by_srv(STRANGE)) == ""
    assert place(ASKED, strange, contact("imap"), discovery=by_srv(STRANGE)) == "imap"
    assert place(ASKED, strange, discovery=by_srv(STRANGE, dnssec=True)) == "imaps"
    typed = Question("imap.evil.test", user=ADDRESS, secret=SECRET)
    assert place(typed, strange, discovery=by_srv(STRANGE)) == "imaps"


def test_a_zone_cannot_have_strangers_scanned() -> None:
    many = [target("imaps", f"h{number}.evil.test", source="SRV record") for number in range(64)]
    ports = [target("imaps", HOST, port, source="SRV record") for port in range(1, 64)]
    assert [each.host for each in further_targets(Question(ADDRESS), by_srv(*many))] == ["h1.evil.test", "h2.evil.test"]
    assert len(further_targets(Question(ADDRESS), by_srv(*ports))) == 6
    assert further_targets(Question(HOST), by_srv(*many)) == ()


def test_versions_are_tried_once_for_fetching_and_once_for_sending_at_each_address() -> None:
    every = [(target(name), V4) for name in ("imap", "pop3s", "imaps", "submission", "submissions")]
    assert sorted(each.service.name for each, _ in probed(every)) == ["pop3s", "submissions"]
    assert len(probed([*every, (target("imap"), "192.0.2.2")])) == 3


def test_the_first_address_of_each_family_is_never_cut_off() -> None:
    names = HostNames(
        HOST,
        Lookup(HOST, "A", Outcome.ANSWER, (V4,)),
        Lookup(HOST, "AAAA", Outcome.ANSWER, tuple(f"2001:db8::{number}" for number in range(1, 20))),
    )
    first, others = main_addresses(names, Question(HOST))
    assert (first, others) == (("2001:db8::1", V4), ("2001:db8::2", "2001:db8::3"))
