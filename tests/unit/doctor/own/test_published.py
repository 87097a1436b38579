from __future__ import annotations

import asyncio

from gatepost.doctor.facts import Discovery, Lookup, Outcome, Publication, Source
from gatepost.doctor.model import Target
from gatepost.doctor.own.gather.published import FOR_PEOPLE, Published, Service, named, published, targets
from gatepost.doctor.own.gather.system import System
from gatepost.ports import BY_NAME
from support.host_facts import lookup


class Zone:
    """Answers from a table; everything else does not exist."""

    def __init__(self, **records: str) -> None:
        self.records = records
        self.asked: list[tuple[str, str]] = []

    async def ask(self, name: str, kind: str) -> Lookup:
        self.asked.append((name, kind))
        values = self.records.get(f"{kind} {name}")
        return lookup(name, kind, *([values] if values else []), outcome=None if values else Outcome.NXDOMAIN)


def test_the_services_that_people_use() -> None:
    assert {each.name for each in FOR_PEOPLE} == {"pop3s", "imaps", "submissions", "submission", "pop3", "imap"}


def test_a_domain() -> None:
    zone = Zone(
        **{"MX example.com": "10 mail.example.com.", "SRV _pop3s._tcp.example.com": "0 1 995 mail.example.com."}
    )
    asked = []

    async def discover(domain: str) -> Discovery:
        asked.append(domain)
        return Discovery(domain, (), lookup(domain, "MX"), ())

    found = asyncio.run(published("example.com", zone, discover))
    assert found.mx.values == ("10 mail.example.com.",)
    assert [each.service for each in found.services if each.lookup.values] == ["pop3s"]
    assert asked == ["example.com"]
    assert found.discovery
    assert asyncio.run(published("none.example", zone, discover)).discovery is None
    assert asyncio.run(published("example.com", zone, None)).discovery is None


def test_names_and_which_addresses_are_ours() -> None:
    zone = Zone(**{"A mail.example.com": "192.0.2.25", "AAAA mail.example.com": "2001:db8::25"})
    system = System(is_here=lambda address: address == "192.0.2.25")
    hosts = ["mail.example.com", "", "mail.example.com", "192.0.2.25", "::1"]
    mail, v4, v6 = asyncio.run(named(hosts, zone, system))
    assert (mail.addresses, mail.ours) == (("192.0.2.25", "2001:db8::25"), ("192.0.2.25",))
    assert (v4.host, v4.ours, v6.addresses, v6.lookups[0].kind) == ("192.0.2.25", ("192.0.2.25",), ("::1",), "AAAA")
    assert len(zone.asked) == 2


def test_hosts_that_records_and_pages_name() -> None:
    page = Publication(
        Source.AUTOCONFIG, "https://x", found=True, targets=(Target(BY_NAME["pop3s"], "Pop.Example.com", 995),)
    )
    row = Published(
        "example.com",
        lookup("example.com", "MX", "10 MX.example.com.", "0 ."),
        (Service("pop3s", lookup("_pop3s._tcp.example.com", "SRV", "0 1 995 pop3.example.com.")),),
        Discovery("example.com", (page,), lookup("example.com", "MX"), ()),
    )
    assert targets([row]) == ["mx.example.com", "", "pop3.example.com", "pop.example.com"]
    assert targets([Published("example.com", lookup("example.com", "MX"), ())]) == []
