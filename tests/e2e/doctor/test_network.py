"""The zoo, part five: what stands between. Firewalls, routes, IPv6, fixed ports and web servers, in an own network.

Every specimen has addresses that are its own: 45.10.N.1 and 2a00:d0c::N; we come from 45.10.0.9. A firewall drops or
rejects what the specimen says. 1.1.1.1 answers on port 443, as it does in the world.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from gatepost.doctor.examine import examine
from gatepost.doctor.model import Question, Report
from gatepost.doctor.names.resolver import Resolver
from support.dns_server import DnsServer
from support.doctor_zoo import CLEAR, CLOSE, STARTTLS, Script, healthy, raw, serve, tls
from support.namespace import in_namespace, only_here
from support.specimens import BOOK, HOME, HOST, check, identity
from support.web_server import page, web_server

pytestmark = only_here

IMAPS, POP3S, SMTPS = (healthy(protocol, identity()) for protocol in ("imap", "pop3", "smtp"))
POP3, SMTP = (healthy(protocol, identity(), mode=STARTTLS) for protocol in ("pop3", "smtp"))
PORT_25 = SMTP.but(inside=SMTP.replies)
WEB = raw(b"", then=CLOSE)
DOMAIN = "example.test"
ME = f"me@{DOMAIN}"
AT_ONCE = 3
ANCHOR = "1.1.1.1"
OURS, SECOND = "45.10.0.9", "45.10.0.10"
MAIL_PORTS = "{ 25, 110, 143, 443, 465, 587, 993, 995 }"
SETTINGS = """<clientConfig version="1.1"><emailProvider id="example.test"><domain>example.test</domain>
<incomingServer type="imap"><hostname>{imap}</hostname><port>{port}</port><socketType>{socket}</socketType>
<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></incomingServer>
<outgoingServer type="smtp"><hostname>{smtp}</hostname><port>465</port><socketType>SSL</socketType>
<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></outgoingServer>
</emailProvider></clientConfig>"""
PATH = "/mail/config-v1.1.xml"


@dataclass(frozen=True)
class Place:
    """Where a specimen lives."""

    v4: str
    v6: str


@dataclass(frozen=True)
class Wild:
    """A specimen with ports of its own choice."""

    row: str
    ports: Mapping[int, Script] = field(default_factory=dict)
    over_v6: Mapping[int, Script] | None = None
    """None: there is no IPv6."""
    drops: tuple[str, ...] = ()
    """nft: `ip daddr V4 tcp dport 995 drop`; V4 and V6 are the specimen's addresses."""
    routes: tuple[str, ...] = ()
    """ip: `route add unreachable V4`; the address is not given to an interface then."""
    subject: str = HOST
    service: str = "imaps"
    port: int | None = None
    also: str = ""
    decides: bool = True
    zone: Callable[[Place], Mapping[str, Any]] = lambda _: {}
    others: Mapping[str, Any] | None = None
    """The zone of a public resolver; the specimen's own is then the system's."""
    pages: Mapping[tuple[str, str], bytes] = field(default_factory=dict)
    """Of a web server on the first port of `web`."""
    web: str = "https"
    called: str = ""
    has_v4: bool = True
    ask: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return "-".join(filter(None, (self.row, self.called)))


def dropped(ports: str) -> tuple[str, ...]:
    return (f"ip daddr V4 tcp dport {ports} drop",)


def autoconfig(imap: str = HOST, port: int = 993, socket: str = "SSL") -> Mapping[tuple[str, str], bytes]:
    return {(f"autoconfig.{DOMAIN}", PATH): page(SETTINGS.format(imap=imap, smtp=HOST, port=port, socket=socket))}


def domain(place: Place, **more: Any) -> Mapping[str, Any]:
    here = {"A": [place.v4]}
    return {DOMAIN: {"MX": [f"10 {HOST}."]}, f"autoconfig.{DOMAIN}": here, **more}


def sends_from_here(names: list[str]) -> Callable[[Place], Mapping[str, Any]]:
    return lambda place: {".".join(reversed(place.v4.split("."))) + ".in-addr.arpa": {"PTR": names}}


BOTH = {993: IMAPS, 465: SMTPS}
ALL = {**BOTH, 995: POP3S, 587: SMTP}

SPECIMENS = (
    Wild("T0", {993: IMAPS}, called="sound"),
    Wild("V9", ALL, ALL, service="", called="a-whole-host-over-both-families"),
    Wild(
        "T1",
        {993: IMAPS},
        service="pop3s",
        called="rejected",
        drops=("ip daddr V4 tcp dport 995 reject with tcp reset",),
    ),
    Wild("T1", service="pop3s"),
    Wild(
        "D9",
        {993: IMAPS},
        subject=ME,
        service="pop3s",
        also="T1",
        called="wanted",
        zone=lambda place: domain(place, **{f"_pop3s._tcp.{DOMAIN}": {"SRV": ["0 0 0 ."]}}),
    ),
    Wild("T2", drops=dropped("993")),
    Wild("T3", {465: SMTPS, 587: SMTP}, drops=dropped("25"), service="smtp", zone=sends_from_here([f"{HOST}."])),
    Wild("T4", {993: IMAPS}, drops=dropped("{ 25, 465, 587 }"), service="submission"),
    Wild("T5", routes=("route add unreachable V4",), service="pop3s"),
    Wild("T5", {993: IMAPS}, {}, routes=("-6 route add unreachable V6",), called="no-IPv6-here"),
    Wild("T5", drops=("ip daddr V4 tcp dport 993 reject with icmp admin-prohibited",), called="rejected-by-ICMP"),
    Wild("T6", routes=("route add prohibit V4",), service="pop3s"),
    Wild(
        "T12",
        {993: IMAPS},
        drops=dropped("993"),
        called="hairpin",
        zone=lambda place: {HOST: {"A": [place.v4, "10.0.0.1"]}},
    ),
    Wild("T15", drops=dropped(MAIL_PORTS)),
    Wild(
        "T15",
        drops=dropped(MAIL_PORTS),
        zone=lambda place: {HOST: {"A": [place.v4, SECOND]}},
        called="one-of-two-addresses",
    ),
    Wild("T15", drops=dropped(MAIL_PORTS), service="", called="all-services"),
    Wild("T17", {993: IMAPS}, {993: IMAPS}, drops=dropped("993")),
    Wild("T19", {465: SMTPS}, drops=dropped("993")),
    Wild("T21", {443: WEB}),
    Wild("T22", ALL, service=""),
    Wild("T23", BOTH, service=""),
    Wild("D5", {993: IMAPS}, {993: IMAPS}, drops=("ip6 daddr V6 tcp dport 993 drop",)),
    Wild("D5", ALL, ALL, drops=(f"ip6 daddr V6 tcp dport {MAIL_PORTS} drop",), service="", called="all-services"),
    Wild("D6", {993: IMAPS}, {993: healthy("imap", HOME.issue(HOST))}),
    Wild(
        "D6",
        {993: IMAPS},
        {993: healthy("imap", HOME.issue("old.example.test"))},
        called="wrong-machine",
        also="C3",
        decides=False,
    ),
    Wild("D10", also="T1", zone=lambda _: {HOST: {"A": ["0.0.0.0"]}}, called="filtered"),
    Wild(
        "D10",
        also="T5",
        zone=lambda _: {HOST: {"A": ["10.9.9.9"]}},
        others={HOST: {"A": ["10.9.9.9"]}},
        called="private",
    ),
    Wild("D33", {993: IMAPS}, zone=lambda _: {HOST: {"A": ["10.0.0.1"]}}, others={HOST: {"A": ["45.10.250.1"]}}),
    Wild("D13", {25: PORT_25}, service="smtp"),
    Wild("D13", {25: PORT_25}, service="smtp", zone=sends_from_here(["other.example.test."]), called="another-name"),
    Wild("D0", {25: PORT_25}, service="smtp", zone=sends_from_here([f"{HOST}."]), called="reverse-name-is-right"),
    Wild("G17", {110: POP3}, service="pop3"),
    Wild("X15", {465: healthy("smtp", mode=CLEAR)}, service="submissions"),
    Wild("X16", {587: SMTP}, service="submissions", port=587),
    Wild("X2", {143: healthy("imap", identity(), mode=STARTTLS)}, port=143),
    Wild("H1", subject="127.0.0.1", service="imap", port=1143),
    Wild(
        "D12",
        {993: IMAPS},
        {},
        subject=ME,
        service="",
        pages=autoconfig("imap.example.test"),
        also="T1 D29",
        decides=False,
        zone=lambda place: domain(
            place,
            **{
                "imap.example.test": {"A": [place.v4]},
                HOST: {"A": [place.v4]},
                f"_imaps._tcp.{DOMAIN}": {"SRV": [f"0 1 993 {HOST}."]},
            },
        ),
        called="SRV-and-autoconfig",
    ),
    Wild(
        "D16",
        BOTH,
        subject=ME,
        service="",
        pages={(f"autoconfig.{DOMAIN}", PATH): page("<clientConfig><oops>")},
        zone=domain,
    ),
    Wild(
        "D18",
        BOTH | {143: healthy("imap", identity(), mode=STARTTLS)},
        subject=ME,
        service="",
        pages=autoconfig(port=143, socket="plain"),
        zone=domain,
        also="G17",
        decides=False,
    ),
    Wild("D19", BOTH, subject=ME, service="", pages=autoconfig(), web="http", zone=domain),
    Wild("D26", BOTH, subject=ME, service="", pages=autoconfig(), zone=domain, called="autoconfig"),
    Wild("D29", {993: IMAPS}, subject=ME, service="", pages=autoconfig(), zone=domain, also="T1", decides=False),
    Wild("D31", BOTH, subject=ME, service="", pages=autoconfig(), zone=domain),
    Wild("D15", ALL, subject=ME, service="", zone=domain),
)


def places() -> list[Place]:
    return [Place(f"45.10.{number}.1", f"2a00:d0c::{number}") for number in range(1, len(SPECIMENS) + 1)]


def commands() -> list[str]:
    """Addresses, routes and the firewall."""
    made = [f"ip addr add {each}/32 dev lo" for each in (ANCHOR, OURS, SECOND, "10.0.0.1")]
    made += ["nft add table inet zoo", "nft 'add chain inet zoo input { type filter hook input priority 0; }'"]
    for specimen, place in zip(SPECIMENS, places(), strict=True):
        said = " ".join(specimen.routes)
        made += [] if "V4" in said else [f"ip addr add {place.v4}/32 dev lo", _from_us(place.v4)]
        made += [] if "V6" in said else [f"ip -6 addr add {place.v6}/128 dev lo nodad"]
        made += [f"ip {_placed(route, place)}" for route in specimen.routes]
        made += [f"nft 'add rule inet zoo input {_placed(rule, place)}'" for rule in specimen.drops]
    return made


def _from_us(address: str) -> str:
    """Not from the address itself: servers trust their own machine."""
    return f"ip route replace local {address} dev lo table local src {OURS}"


def _placed(text: str, place: Place) -> str:
    return text.replace("V4", place.v4).replace("V6", place.v6)


async def visit_all() -> dict[str, Report]:
    """Those who keep us waiting all at once; few at a time of the others, who keep the processor busy."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def visit_in_turn(specimen: Wild, place: Place) -> Report:
        if specimen.drops:
            return await visit(specimen, place)
        async with turn:
            return await visit(specimen, place)

    async with serve(WEB, ANCHOR, 443), serve(IMAPS, "10.0.0.1", 993), serve(IMAPS, SECOND, 993):
        await visit(SPECIMENS[0], places()[0])  # so that what is imported late is there, and costs nobody time
        reports = await asyncio.gather(*map(visit_in_turn, SPECIMENS, places()))
    return {specimen.id: report for specimen, report in zip(SPECIMENS, reports, strict=True)}


async def visit(specimen: Wild, place: Place) -> Report:
    async with AsyncExitStack() as stack:
        for port, script in specimen.ports.items():
            await stack.enter_async_context(serve(script, place.v4, port))
        for port, script in (specimen.over_v6 or {}).items():
            await stack.enter_async_context(serve(script, place.v6, port))
        if specimen.pages:
            secure = specimen.web == "https"
            context = tls(HOME.issue(f"autoconfig.{DOMAIN}")) if secure else None
            await stack.enter_async_context(web_server(specimen.pages, context, (place.v4, 443 if secure else 80)))
        here = {"A": [place.v4], **({} if specimen.over_v6 is None else {"AAAA": [place.v6]})}
        names = stack.enter_context(DnsServer({HOST: here, **specimen.zone(place)}))
        resolver, others = Resolver((names.where,)), ()
        if specimen.others is not None:
            resolver.label = "system"
            others = (Resolver((stack.enter_context(DnsServer(specimen.others)).where,)),)
        asked = {"service": specimen.service, "port": specimen.port, "ca_file": HOME.file, **specimen.ask}
        return await examine(Question(specimen.subject, **asked), resolver=resolver, others=others, book=BOOK)


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """All at once: those whom nobody answers wait long."""
    return in_namespace(visit_all(), commands())


@pytest.mark.parametrize("specimen", SPECIMENS, ids=[each.id for each in SPECIMENS])
def test_specimen(specimen: Wild, reports: dict[str, Report]) -> None:
    check(reports[specimen.id], specimen.row, specimen.also, decides=specimen.decides)


def test_nobody_waits_for_ever(reports: dict[str, Report]) -> None:
    """By the examinations' own clock; they shared the machine with each other."""
    assert max(each.seconds for each in reports.values()) < 20


async def _cut_off(*rules: str) -> Report:
    with DnsServer({HOST: {"A": ["45.10.1.1"]}}) as names:
        question = Question(HOST, service="imaps", ca_file=HOME.file, timeout=1.0)
        return await examine(question, resolver=Resolver((names.where,)), book=BOOK)


def test_a_machine_without_any_network() -> None:
    report = in_namespace(_cut_off(), [])
    check(report, "T30")
    assert not report.examined


def test_a_network_that_swallows_everything() -> None:
    firewall = ["nft add table inet zoo", "nft 'add chain inet zoo output { type filter hook output priority 0; }'"]
    report = in_namespace(
        _cut_off(),
        [*firewall, "ip route add default dev lo", "ip -6 route add default dev lo",
         "nft 'add rule inet zoo output meta l4proto tcp drop'"],
    )  # fmt: skip
    check(report, "T30")
    assert not report.examined
