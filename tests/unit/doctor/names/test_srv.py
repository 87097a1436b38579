import asyncio

from msgspec import structs

from gatepost.doctor.facts import Source
from gatepost.doctor.names.resolver import Resolver
from gatepost.doctor.names.srv import SERVICES, published_srv
from support.dns_server import DnsServer, Fault

ZONE = {
    "_imaps._tcp.example.test": {"SRV": ["20 1 993 spare.example.test.", "10 1 1993 imap.example.test."]},
    "_pop3s._tcp.example.test": {"SRV": ["0 0 0 ."]},
    "_submissions._tcp.example.test": {"SRV": ["0 1 465 smtp.example.test."]},
    "_submission._tcp.example.test": {"SRV": ["0 1 0 smtp.example.test."]},
    "_imap._tcp.example.test": Fault.SERVFAIL,
    "_autodiscover._tcp.example.test": {"SRV": ["0 1 443 exchange.example.test."]},
}


def published(zone=ZONE):
    async def run():
        return await published_srv("example.test", "me@example.test", Resolver((server.where,), timeout=1))

    with DnsServer(zone) as server:
        return asyncio.run(run())


def test_records_become_publications():
    found = dict(zip((*SERVICES, "autodiscover"), published(), strict=True))
    imaps = found["imaps"]
    assert imaps.where == "_imaps._tcp.example.test"
    assert [(each.host, each.port, each.username, each.source) for each in imaps.targets] == [
        ("imap.example.test", 1993, "me@example.test", "SRV record"),
        ("spare.example.test", 993, "me@example.test", "SRV record"),
    ]
    assert (found["pop3s"].found, found["pop3s"].denied, found["pop3s"].targets) == (True, ("pop3s",), ())
    assert found["submissions"].targets[0].service.name == "submissions"
    assert not found["submission"].targets
    assert not found["pop3"].found
    assert not found["pop3"].error
    assert found["imap"].error.startswith("servfail")
    assert (found["autodiscover"].source, found["autodiscover"].found) == (Source.AUTODISCOVER, True)


def test_a_domain_without_records():
    found = published({})
    assert not any(each.found or each.error or each.denied for each in found)


def test_a_silent_server_is_told():
    found = published({"*.example.test": Fault.REFUSED})
    assert {each.error.partition(":")[0] for each in found} == {"refused"}


def test_what_dns_proves_is_marked(monkeypatch):
    ask = Resolver.ask

    async def signed(self, name, kind):
        return structs.replace(await ask(self, name, kind), dnssec=True)

    assert not any(each.dnssec for each in published())
    monkeypatch.setattr(Resolver, "ask", signed)
    assert next(each for each in published() if each.targets).dnssec
