"""Whose word is good enough for a password."""

from __future__ import annotations

import pytest

from gatepost.doctor.facts import Discovery, Lookup, Outcome, Publication, Source
from gatepost.doctor.judge.trust import foreign_hosts, trusted
from support.wire_facts import BOOK, target

EVIL = "imap.evil.test"
MX = Lookup("victim.test", "MX", Outcome.ANSWER, (f"10 {EVIL}.",))


def discovery(
    source: Source = Source.SRV, where: str = "_imaps._tcp.victim.test", *, dnssec: bool = False, mx: Lookup = MX
) -> Discovery:
    published = Publication(source, where, found=True, targets=(target("imaps", EVIL),), dnssec=dnssec)
    return Discovery("victim.test", (published,), mx, ())


HTTPS, HTTP = "https://autoconfig.victim.test/x", "http://autoconfig.victim.test/x"
SEEN = {
    "SRV": (discovery(), False),
    "SRV, proved": (discovery(dnssec=True), True),
    "page": (discovery(Source.AUTOCONFIG, HTTPS), True),
    "page without encryption": (discovery(Source.AUTOCONFIG, HTTP), False),
    "PACC": (discovery(Source.PACC, HTTPS), True),
    "page of the MX": (discovery(Source.AUTOCONFIG_MX, HTTPS), False),
    "guess at the MX": (discovery(Source.COMMON, EVIL), False),
    "a resolver elsewhere says authentic": (
        discovery(mx=Lookup("victim.test", "MX", Outcome.ANSWER, MX.values, dnssec=True)), False
    ),
    "MX, proved": (
        discovery(mx=Lookup("victim.test", "MX", Outcome.ANSWER, MX.values, dnssec=True, local=True)), True
    ),
}  # fmt: skip


@pytest.mark.parametrize(("found", "good"), SEEN.values(), ids=SEEN)
def test_a_host_of_another_domain(found: Discovery, good: bool) -> None:
    assert trusted(EVIL, found, BOOK) is good
    assert foreign_hosts((target("imaps", EVIL), target("imap", EVIL)), found, BOOK) == (() if good else (EVIL,))


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("victim.test", True),
        ("imap.victim.test", True),
        ("a.b.VICTIM.test.", True),
        ("notvictim.test", False),
        ("victim.test.evil.test", False),
        ("192.0.2.1", False),
    ],
)
def test_hosts_below_the_domain(host: str, good: bool) -> None:
    assert trusted(host, discovery(), BOOK) is good


def test_a_known_providers_own_servers_get_it() -> None:
    provider = BOOK.providers()[0]
    found = Discovery("victim.test", (), MX, (), provider.name)
    assert trusted(provider.settings[0].host, found, BOOK)
    assert not trusted(EVIL, found, BOOK)
