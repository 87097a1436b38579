"""What DNS and the web say of this host and of its mail domains."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol

from gatepost.doctor.facts import Discovery, Lookup, Outcome
from gatepost.doctor.names.spelling import literal
from gatepost.doctor.own.facts import Name, Published, Service
from gatepost.doctor.own.gather.system import System
from gatepost.ports import SERVICES, TlsMode

MOST_DOMAINS: Final = 25
"""Local domains that are looked up; a provider with thousands wants to ask for one of them by name."""
MOST_NAMES: Final = 50

FOR_PEOPLE: Final = tuple(
    each for each in SERVICES if each.tls in (TlsMode.IMPLICIT, TlsMode.STARTTLS) and each.protocol != "http"
)
"""Rows of the port table that mail programs look for by SRV (RFC 6186 §3, RFC 8314 §5.1)."""


class Asks(Protocol):
    """What we need of a resolver."""

    async def ask(self, name: str, kind: str) -> Lookup:
        """One question. Raises nothing."""


Discover = Callable[[str], Awaitable[Discovery]]
"""Finds what a domain publishes on the web."""


async def published(domain: str, resolver: Asks, discover: Discover | None) -> Published:
    """MX, and the SRV record of every service that mail programs may look for."""
    mx, *services = await asyncio.gather(
        resolver.ask(domain, "MX"), *(resolver.ask(f"_{each.name}._tcp.{domain}", "SRV") for each in FOR_PEOPLE)
    )
    rows = tuple(Service(each.name, lookup) for each, lookup in zip(FOR_PEOPLE, services, strict=True))
    nowhere = mx.outcome is Outcome.NXDOMAIN
    return Published(domain, mx, rows, await discover(domain) if discover and not nowhere else None)


async def named(hosts: Iterable[str], resolver: Asks, system: System) -> tuple[Name, ...]:
    """Addresses of the hosts, and which of them are this machine's."""
    wanted = list(dict.fromkeys(host for host in hosts if host))[:MOST_NAMES]
    return tuple(await asyncio.gather(*(_name(host, resolver, system) for host in wanted)))


async def _name(host: str, resolver: Asks, system: System) -> Name:
    if literal(host):
        lookups = [Lookup(host, "AAAA" if ":" in host else "A", Outcome.ANSWER, (host,))]
    else:
        lookups = await asyncio.gather(*(resolver.ask(host, kind) for kind in ("A", "AAAA")))
    addresses = [value for lookup in lookups for value in lookup.values]
    return Name(host, tuple(lookups), tuple(each for each in addresses if system.is_here(each)))


def targets(found: Iterable[Published]) -> list[str]:
    """Host names in MX and SRV records, and in what the domains publish on the web."""
    hosts = []
    for each in found:
        for lookup in (each.mx, *(service.lookup for service in each.services)):
            hosts += [target(value) for value in lookup.values]
        for publication in each.discovery.publications if each.discovery else ():
            hosts += [target.host.lower() for target in publication.targets]
    return hosts


def target(record: str) -> str:
    """The host name at the end of an MX or SRV record; empty for `.`, "not here" (RFC 2782, RFC 7505)."""
    return record.rpartition(" ")[2].rstrip(".").lower()
