import asyncio
import ssl

import pytest
import uvloop

from gatepost.doctor.facts import Outcome, Publication, Source
from gatepost.doctor.knowledge import Book, Provider, ProviderSetting
from gatepost.doctor.model import Target
from gatepost.doctor.names import discover as module
from gatepost.doctor.names.discover import best, discover
from gatepost.doctor.names.http import Fetched, Fetcher
from gatepost.doctor.names.resolver import Resolver
from gatepost.net import authority
from gatepost.ports import BY_NAME
from support.dns_server import DnsServer, Fault
from support.web_server import page, web_server

HOSTER = Provider(
    "Hoster",
    (
        ProviderSetting("imaps", "imap.hoster.test", 993, authentication="app password"),
        ProviderSetting("submissions", "smtp.hoster.test", 465, username="%EMAILLOCALPART%"),
    ),
    domains=("hoster.test",),
    mx=("hoster.test",),
    url="https://hoster.test/help",
)
BOOK = Book("en", {}, {}, lambda: (HOSTER,))
CONFIG = """<clientConfig><incomingServer type="{type}"><hostname>{host}</hostname><port>{port}</port>
<socketType>SSL</socketType><authentication>OAuth2</authentication><username>%EMAILLOCALPART%</username>
</incomingServer></clientConfig>"""


def config(type_="imap", host="imap.example.test", port=993):
    return CONFIG.format(type=type_, host=host, port=port)


def run(what, zone, pages=None, *, budget=3.0, **options):
    """A discovery over a DNS server and web pages by URL without query."""

    async def fetch(url):
        page = (pages or {}).get(url.partition("?")[0])
        return Fetched(url, 200 if page else 404, (page or "").encode())

    async def main():
        resolver = Resolver((server.where,), timeout=5)
        return await discover(what, resolver, BOOK, fetch=fetch, budget=budget, **options)

    with DnsServer(zone) as server:
        found = asyncio.run(main())
    return found, server


def chosen(discovery):
    return {each.service.name: (each.host, each.source) for each in discovery.targets}


def test_service_records_go_first_and_the_file_completes_them():
    zone = {
        "example.test": {"MX": ["10 mx.example.test."]},
        "mx.example.test": {"A": ["192.0.2.1"]},
        "_imaps._tcp.example.test": {"SRV": ["0 1 993 imap.example.test."]},
        "mail.example.test": {"A": ["192.0.2.2"]},
    }
    pages = {"https://autoconfig.example.test/mail/config-v1.1.xml": config()}
    found, _ = run("me@Example.test", zone, pages)
    assert found.domain == "example.test"
    assert found.mx.values == ("10 mx.example.test.",)
    assert [each.host for each in found.mx_hosts] == ["mx.example.test"]
    assert found.provider == ""
    (imaps, *sending) = found.targets
    assert (imaps.host, imaps.source, imaps.username, imaps.authentication) == (
        "imap.example.test",
        "SRV record",
        "me",
        "OAuth2",
    )
    assert {(each.service.name, each.host, each.source) for each in sending} == {
        ("submissions", "mail.example.test", "common name"),
        ("submission", "mail.example.test", "common name"),
    }


def test_the_domain_of_the_mail_servers():
    zone = {"example.test": {"MX": ["10 mx.other-hoster.test."]}}
    pages = {"https://autoconfig.other-hoster.test/mail/config-v1.1.xml": config()}
    found, _ = run("me@example.test", zone, pages)
    assert chosen(found) == {"imaps": ("imap.example.test", "autoconfig of the MX")}


def test_a_known_provider():
    found, _ = run("me@example.test", {"example.test": {"MX": ["10 mx1.hoster.test."]}})
    assert found.provider == "Hoster"
    assert chosen(found) == {
        "imaps": ("imap.hoster.test", "known provider"),
        "submissions": ("smtp.hoster.test", "known provider"),
    }
    assert [each.username for each in found.targets] == ["me@example.test", "me"]
    assert found.targets[0].authentication == "app password"
    assert found.publications[-1].where == "https://hoster.test/help"


def test_a_domain_without_an_address_keeps_the_form_of_user_names():
    found, _ = run("hoster.test", {"hoster.test": {"MX": ["10 mx1.hoster.test."]}})
    assert [each.username for each in found.targets] == ["%EMAILADDRESS%", "%EMAILLOCALPART%"]


def test_nothing_at_all():
    found, _ = run("me@nobody.test", {})
    assert found.mx.outcome is Outcome.NXDOMAIN
    assert found.targets == ()
    assert not any(each.found for each in found.publications)


def test_a_bad_name():
    found, server = run("me@bad..test", {})
    assert (found.domain, found.mx.outcome, found.publications) == ("bad..test", Outcome.BAD_NAME, ())
    assert not server.questions


def test_silence_ends_within_the_budget():
    zone = {"*.example.test": Fault.DROP, "example.test": Fault.DROP}
    found, _ = run("me@example.test", zone, budget=0.3)
    assert found.mx.outcome is Outcome.TIMED_OUT
    assert found.targets == ()


def test_one_slow_place_does_not_take_the_others_with_it():
    hung = asyncio.Event()

    async def fetch(_url):
        await hung.wait()

    zone = {"_imaps._tcp.example.test": {"SRV": ["0 1 993 imap.example.test."]}, "_pop3s._tcp.example.test": Fault.DROP}

    async def main():
        return await discover("me@example.test", Resolver((server.where,)), BOOK, fetch=fetch, budget=0.4)

    with DnsServer(zone) as server:
        found = asyncio.run(main())
    assert chosen(found) == {"imaps": ("imap.example.test", "SRV record")}
    assert any(each.error.startswith("timed out") for each in found.publications)


@pytest.mark.parametrize("found_by", ["records", "provider", "file"])
def test_slow_web_servers_are_not_waited_for_when_good_settings_are_known(found_by, monkeypatch):
    monkeypatch.setattr(module, "GRACE", 0.05)
    zone = {"_imaps._tcp.example.test": {"SRV": ["0 1 993 imap.example.test."]}, "example.test": {}}
    if found_by == "records":
        zone["_submissions._tcp.example.test"] = {"SRV": ["0 1 465 smtp.example.test."]}
    if found_by == "provider":
        zone["example.test"] = {"MX": ["10 mx1.hoster.test."]}
    cancelled = []

    async def fetch(url):
        if found_by == "file" and url.startswith("https://autoconfig.example.test"):
            return Fetched(url, 200, config().encode())
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(url)

    async def main():
        return await discover("me@example.test", Resolver((server.where,), timeout=10), BOOK, fetch=fetch, budget=60)

    with DnsServer(zone) as server:
        found = asyncio.run(asyncio.wait_for(main(), 30))
    assert found.targets[0].host == "imap.example.test"
    assert "https://example.test/.well-known/autoconfig/mail/config-v1.1.xml" in cancelled
    assert found.targets[0].username == ("me" if found_by == "file" else "me@example.test")


def test_without_a_fetch_function_the_real_one_is_used(monkeypatch):
    made = []

    class Fetcher:
        def __init__(self, resolver, *, ca_file, timeout, inside):
            made.append((resolver.timeout, ca_file, timeout, inside))

        async def __call__(self, url):
            return Fetched(url, 404)

    monkeypatch.setattr(module, "Fetcher", Fetcher)
    with DnsServer({}) as server:
        asyncio.run(
            discover("me@example.test", Resolver((server.where,)), BOOK, ca_file="ca.pem", budget=2, inside=True)
        )
    assert made == [(1.2, "ca.pem", 1.8, True)]


def publication(source, *services, denied=(), host="h"):
    targets = tuple(Target(BY_NAME[name], host, BY_NAME[name].port, source) for name in services)
    return Publication(source, "x", bool(targets), targets, denied)


def test_what_is_denied_is_left_out():
    found = best(
        (
            publication(Source.SRV, "imaps"),
            publication(Source.SRV, denied=("pop3s",)),
            publication(Source.PROVIDER, "pop3s"),
        )
    )
    assert [each.service.name for each in found] == ["imaps"]


def test_guesses_fill_only_what_nobody_spoke_of():
    guess = publication(Source.COMMON, "imaps", "pop3s", "submissions", host="guess")
    assert len(best((guess,))) == 3
    found = best((guess, publication(Source.AUTOCONFIG, "imaps")))
    assert [(each.service.name, each.host) for each in found] == [("imaps", "h"), ("submissions", "guess")]


def test_better_sources_win_in_whatever_order_they_come():
    found = best((publication(Source.PROVIDER, "imaps", host="p"), publication(Source.PACC, "imaps", host="good")))
    assert [each.host for each in found] == ["good"]


@pytest.mark.parametrize("run_loop", [asyncio.run, uvloop.run])
def test_the_whole_way_over_loopback_dns_and_https(tmp_path, run_loop):
    host = "autoconfig.example.test"
    files = authority.ensure(tmp_path, [host])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.certificate, files.key)
    zone = {"example.test": {"MX": ["10 mx.example.test."]}, host: {"A": ["127.0.0.1"]}}

    async def main():
        resolver = Resolver((dns.where,))
        async with web_server({(host, "/mail/config-v1.1.xml"): page(config())}, tls) as web:
            ports = {"https": web.port, "http": 1}
            fetch = Fetcher(resolver, ca_file=str(files.authority), ports=ports, inside=True)
            found = await discover("me@example.test", resolver, BOOK, fetch=fetch)
            return found, web.requests

    with DnsServer(zone) as dns:
        found, requests = run_loop(main())
    assert chosen(found) == {"imaps": ("imap.example.test", "autoconfig")}
    assert requests == [(host, "/mail/config-v1.1.xml?emailaddress=gatepost-doctor@example.test")]
