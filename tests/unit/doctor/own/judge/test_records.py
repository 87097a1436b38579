from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.facts import Discovery, Outcome, Publication, Source
from gatepost.doctor.model import Status, Target
from gatepost.ports import BY_NAME
from support.host_facts import ADDRESS, DOMAIN, HOST, host, lookup, named, published
from support.host_findings import news, only


def test_dns_was_not_asked() -> None:
    only(host(resolved=False, names=(), published=()), "O34", Status.SKIP)


def test_no_public_name_and_open_to_all() -> None:
    only(host(hostname="box", names=(), published=(), shown=()), "O30", Status.WARN)


def test_the_name_was_left_out() -> None:
    assert news(host(names=())) == {}


def test_no_address() -> None:
    seen = host(names=(named(HOST),))
    assert "nodata" in only(seen, "O31", Status.FAIL).evidence


def test_a_silent_resolver() -> None:
    silent = replace(named(HOST), lookups=(lookup(HOST, "A", outcome=Outcome.TIMED_OUT, error="no answer"),))
    assert only(host(names=(silent,)), "O34", Status.SKIP).evidence == f"{HOST} A: no answer"


@pytest.mark.parametrize(
    ("address", "outgoing", "row", "expected"),
    [
        ("8.8.8.8", "10.0.0.5", "O33", Status.INFO),
        ("8.8.8.8", "9.9.9.9", "O7", Status.WARN),
        ("8.8.8.8", HOST, "O7", Status.WARN),
        ("10.0.0.7", "10.0.0.5", "O7", Status.WARN),
    ],
)
def test_elsewhere(address: str, outgoing: str, row: str, expected: Status) -> None:
    seen = host(names=(named(HOST, address, ours=()),), outgoing=outgoing)
    assert only(seen, row, expected).evidence == address


def test_here_and_elsewhere() -> None:
    seen = host(names=(named(HOST, ADDRESS, "8.8.8.8", ours=(ADDRESS,)),), outgoing="10.0.0.5")
    assert only(seen, "O7", Status.WARN).evidence == "8.8.8.8"


def test_a_domain_that_does_not_exist() -> None:
    gone = replace(published(), mx=lookup(DOMAIN, "MX", outcome=Outcome.NXDOMAIN))
    only(host(published=(gone,)), "O35", Status.WARN)


def test_a_domain_whose_servers_are_silent() -> None:
    silent = replace(published(pop3s=f"0 1 995 {HOST}."), mx=lookup(DOMAIN, "MX", outcome=Outcome.SERVFAIL))
    only(host(published=(silent,)), "O34", Status.SKIP)


@pytest.mark.parametrize("mx", [(), ("0 .",)])
def test_no_mail(mx: tuple[str, ...]) -> None:
    records = (published(mx=mx, pop3s=f"0 1 995 {HOST}."),)
    only(host(published=records), "O37", Status.INFO)


def test_mail_goes_elsewhere() -> None:
    records = (published(mx=("10 mx.example.net.",), pop3s=f"0 1 995 {HOST}."),)
    assert "mx.example.net" in only(host(published=records), "O38", Status.INFO).title


def test_nobody_takes_the_mail() -> None:
    only(host(smtp_listens=False, smtp_holders=()), "O36", Status.FAIL)


@pytest.mark.parametrize(
    ("service", "record", "row", "expected"),
    [
        ("pop3s", f"0 1 996 {HOST}.", "O40", Status.FAIL),
        ("pop3s", "nonsense", "O44", Status.INFO),
        ("pop3s", f"0 1 x {HOST}.", "O40", Status.FAIL),
        ("pop3s", "0 0 0 .", "O42", Status.WARN),
        ("pop3s", "0 1 995 pop.example.net.", "O44", Status.INFO),
        ("imaps", f"0 1 993 {HOST}.", "O41", Status.FAIL),
    ],
)
def test_service_records(service: str, record: str, row: str, expected: Status) -> None:
    services = {"pop3s": f"0 1 995 {HOST}.", service: record}
    found = only(host(published=(published(**services),)), row, expected)
    assert found.evidence == f"_{service}._tcp.{DOMAIN} SRV {record}"


def test_records_to_copy() -> None:
    records = (published(pop3s="", imap=""),)
    found = only(host(published=records), "O17", Status.INFO)
    assert f"_pop3s._tcp.{DOMAIN}. SRV 0 1 995 {HOST}." in found.fix
    assert f"_imap._tcp.{DOMAIN}. SRV 0 0 0 ." in found.fix
    assert "_pop3s" in found.cause


def test_no_records_to_copy_without_a_name() -> None:
    records = (published(pop3s="", mx=()),)
    assert "O17" not in news(host(hostname="localhost", names=(), published=records))


@pytest.mark.parametrize(
    ("source", "service", "port", "said"),
    [
        (Source.AUTOCONFIG, "pop3s", 995, False),
        (Source.AUTOCONFIG, "pop3s", 9950, True),
        (Source.PACC, "imaps", 993, True),
        (Source.SRV, "imaps", 993, False),
    ],
)
def test_settings_on_the_web(source: Source, service: str, port: int, said: bool) -> None:
    target = Target(BY_NAME[service], HOST, port)
    page = Publication(source, "https://autoconfig.example.com/mail", found=True, targets=(target,))
    web = Discovery(DOMAIN, (page,), lookup(DOMAIN, "MX"), ())
    found = news(host(published=(replace(host().published[0], discovery=web),)))
    assert list(found) == (["O45"] if said else [])
