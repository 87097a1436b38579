"""The zoo, part four: names and published settings. Rows D, as far as they need no ports of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gatepost.doctor.examine import examine
from gatepost.doctor.model import Question
from gatepost.doctor.names.hosts_file import HostsFile
from gatepost.doctor.names.resolver import Resolver
from support.dns_server import DnsServer, Fault
from support.doctor_zoo import CLOSE, healthy, serve
from support.specimens import BOOK, HOME, HOST, LOOPBACK, Specimen, check, confirm, examined, identity, ids

IMAPS, POP3S, SMTPS = (healthy(protocol, identity()) for protocol in ("imap", "pop3", "smtp"))
DOMAIN = "example.test"
ME = f"me@{DOMAIN}"
MX = {"MX": [f"10 {HOST}."]}
NOTHING = {"SRV": ["0 0 0 ."]}
GMAIL = "gmail-smtp-in.l.google.com"
SENDS_NOTHING = {"submissions": NOTHING, "submission": NOTHING}
AT_GMAIL = {"MX": [f"5 {GMAIL}."]}
ASKED = {"service": "imaps", "timeout": 1.0}


def srv(port: int, host: str = HOST) -> Mapping[str, Any]:
    return {"SRV": [f"0 1 {port} {host}."]}


def publishing(**more: Any) -> Callable[[int], Mapping[str, Any]]:
    """A domain whose SRV record leads to the specimen's server. It sends nothing, so that no port is guessed.

    `more`: records of `DOMAIN`, or of services by their names.
    """
    services = {f"_{name}._tcp.{DOMAIN}": records for name, records in ({**SENDS_NOTHING, **services_of(more)}).items()}
    records = {DOMAIN: more.get("domain", MX), **more.get("zone", {}), **services}
    return lambda port: {**records, f"_imaps._tcp.{DOMAIN}": srv(port)}


def services_of(more: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: records for name, records in more.items() if name not in {"domain", "zone"}}


def named(row: str, records: Any, host: str = HOST, **more: Any) -> Specimen:
    """A host with such records; nothing listens."""
    return Specimen(row, host=host, zone=lambda _: {host: records}, names=True, **more)


def address(row: str, zone: Callable[[int], Mapping[str, Any]], **more: Any) -> Specimen:
    """An address of the domain, and a good server if its records lead there."""
    return Specimen(row, IMAPS, host=ME, zone=zone, names=True, service=more.pop("service", ""), **more)


SPECIMENS = (
    Specimen("D0", POP3S, called="sound"),
    named("D1", Fault.NXDOMAIN),
    named("D1", Fault.NXDOMAIN, "imap.gmial.com", called="typing-mistake"),
    named("D2", Fault.SERVFAIL, called="servfail"),
    named("D2", Fault.REFUSED, called="refused"),
    named("D3", {"TXT": ["hello"]}),
    named("D4", MX, "example.test", also="D3", decides=False, called="mail-domain"),
    named("D7", {"CNAME": [f"{HOST}."]}, called="circle"),
    named("D11", {}, "mail..example.test"),
    named("D11", {}, "mail." + "x" * 64 + ".test", called="too-long"),
    named("D20", {"A": Fault.BOGUS, "real": ["127.0.0.1"]}),
    Specimen("D21", host=HOST, zone=lambda _: {HOST: Fault.REFUSED}, others={HOST: {"A": ["9.9.9.9"]}}, names=True),
    Specimen("D22", host=HOST, zone=lambda _: {HOST: Fault.NXDOMAIN}, others={HOST: {"A": ["9.9.9.9"]}}, names=True),
    Specimen(
        "D24",
        healthy("imap", HOME.issue("xn--bcher-kva.example.test")),
        "imaps",
        host="bücher.example.test",
        zone=lambda _: {"xn--bcher-kva.example.test": LOOPBACK},
    ),
    Specimen("D30", IMAPS, "imaps"),
    Specimen(
        "D47",
        healthy("imap", HOME.issue("hotspot.example.test")),
        "imaps",
        zone=lambda _: {"no-such-host.invalid": LOOPBACK},
        also="C3",
    ),
    address("D8", lambda _: {DOMAIN: {"MX": ["0 ."]}, HOST: Fault.NXDOMAIN}),
    address("D9", publishing(pop3s=NOTHING)),
    address("D14", lambda _: {DOMAIN: {"MX": ["10 mx.nowhere.test."]}, HOST: Fault.NXDOMAIN}, also="D42"),
    address("D42", publishing(domain={"MX": ["10 gone.example.test."]})),
    named("D43", Fault.NXDOMAIN, "imap.gmail.com", called="a-name-of-a-provider"),
    address("D17", publishing(domain={"TXT": ["hi"]})),
    address("D25", publishing(domain=AT_GMAIL, zone={GMAIL: LOOPBACK}), service="imaps"),
    address("D26", publishing()),
    address("D27", publishing(autodiscover=srv(443, "www.example.test"))),
    address("D31", publishing()),
    address(
        "D7",
        publishing(domain={"MX": ["10 alias.example.test."]}, zone={"alias.example.test": {"CNAME": [f"{HOST}."]}}),
        called="MX-is-an-alias",
    ),
    Specimen(
        "D40", host="me@nowhere.invalid", names=True, zone=lambda _: {"nowhere.invalid": Fault.NXDOMAIN}, service=""
    ),
    Specimen("D41", host="m e@example.test", names=True, service="", zone=lambda _: {HOST: Fault.NXDOMAIN}),
)


@pytest.mark.parametrize("specimen", SPECIMENS, ids=ids(SPECIMENS))
def test_specimen(specimen: Specimen) -> None:
    confirm(specimen, asyncio.run(examined(specimen)))


def test_a_name_server_that_is_silent() -> None:
    specimen = named("D45", Fault.DROP, ask={"timeout": 1.0})
    confirm(specimen, asyncio.run(examined(specimen)))


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED])
@pytest.mark.parametrize("subject", [HOST, ME])
def test_a_name_server_without_a_way_out_is_told_before_all_else(fault: Fault, subject: str) -> None:
    class Walled(DnsServer):
        def _types(self, _name: str) -> Fault:
            return fault

    with Walled() as names:
        question = Question(subject, service="imaps", timeout=1.0, families=(4,))
        report = asyncio.run(examine(question, resolver=Resolver((names.where,)), book=BOOK))
    assert report.findings[0].id == report.verdict.because == "D45"
    assert "D2" not in {each.id for each in report.findings}
    assert not report.examined


def test_an_address_from_the_hosts_file(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text(f"127.0.0.1 {HOST}\n")

    async def visit() -> None:
        async with serve(IMAPS) as server:
            question = Question(HOST, server.port, "imaps", ca_file=HOME.file, families=(4,))
            report = await examine(question, resolver=Resolver(hosts=HostsFile(file)), book=BOOK)
        check(report, "D23")

    asyncio.run(visit())


def test_one_certificate_here_and_another_there() -> None:
    """Two ports of one host: IMAP with the right certificate, sending with that of last year."""
    old = healthy("smtp", HOME.issue(HOST, days=(-400, -30)))

    async def visit() -> None:
        async with serve(IMAPS) as imap, serve(old) as smtp:
            zone = {HOST: LOOPBACK, **publishing(submissions=srv(smtp.port))(imap.port)}
            with DnsServer(zone) as names:
                question = Question(ME, inside=True, ca_file=HOME.file, families=(4,), timeout=2.0)
                report = await examine(question, resolver=Resolver((names.where,)), book=BOOK)
        check(report, "C13", "C1 D29", decides=False)
        assert report.verdict.because == "C1"

    asyncio.run(visit())


def test_a_second_address_that_hangs_up() -> None:
    """Round robin over two machines, of which one is ill: every second connection fails."""

    async def visit() -> None:
        async with serve(IMAPS) as sound, serve(IMAPS.but(accept=CLOSE), "127.0.0.2", sound.port):
            with DnsServer({HOST: {"A": ["127.0.0.1", "127.0.0.2"]}}) as names:
                question = Question(HOST, sound.port, "imaps", ca_file=HOME.file, families=(4,), timeout=2.0)
                report = await examine(question, resolver=Resolver((names.where,)), book=BOOK)
        check(report, "T8")
        assert "127.0.0.2" in next(each.subject for each in report.all_findings() if each.id == "T8")

    asyncio.run(visit())


@pytest.mark.parametrize("where", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254"])
def test_records_of_strangers_lead_to_nobody_inside(where: str) -> None:
    """Not even a connection: by a host with such an address, and by the address in the place of a host."""

    async def visit() -> None:
        async with serve(IMAPS, "::1" if where == "::1" else "127.0.0.1") as server:
            leads = {"AAAA" if ":" in where else "A": [where]}
            zone = {**publishing()(server.port), HOST: leads, f"autoconfig.{DOMAIN}": leads}
            with DnsServer(zone) as names:
                asked = Question(ME, ca_file=HOME.file, timeout=1.0, all_ports=True)
                report = await examine(asked, resolver=Resolver((names.where,)), book=BOOK)
            assert server.connections == 0
            assert not report.services
            if where == "0.0.0.0":
                assert report.verdict.because == "D10"
                return
            told = [each for each in report.all_findings() if each.id == "D46"]
            assert len(told) == 1
            assert f"imaps {HOST}:{server.port} ({where})" in told[0].evidence
            assert (report.verdict.because, report.examined) == ("D46", False)
            assert "D30" not in {each.id for each in report.all_findings()}
            unread = [each.evidence for each in report.findings if each.id == "D16"]
            assert any("private network" in each for each in unread)

    asyncio.run(visit())
