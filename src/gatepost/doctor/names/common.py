"""Guesses: names that mail servers commonly have. Only a name with an address is a guess worth examining."""

from __future__ import annotations

import asyncio
from typing import Final

from gatepost.doctor.facts import HostNames, Publication, Source
from gatepost.doctor.model import Target
from gatepost.doctor.names.hosts import host_names
from gatepost.doctor.names.reading import addresses
from gatepost.doctor.names.resolver import Resolver
from gatepost.ports import BY_NAME

FETCHING: Final = ("imaps", "pop3s")
SENDING: Final = ("submissions", "submission")
NAMES: Final[dict[str, tuple[str, ...]]] = {
    "imap": ("imaps",),
    "pop": ("pop3s",),
    "pop3": ("pop3s",),
    "smtp": SENDING,
    "mail": FETCHING + SENDING,
}
"""First label, and what a server of that name may be asked for; better guesses come first."""
NONSENSE: Final = "gatepost-doctor-wildcard-test"
"""A name that nobody has: if it has an address, every name below the domain does."""


async def published_common(
    domain: str, username: str, resolver: Resolver, mx: tuple[HostNames, ...], families: tuple[int, ...]
) -> tuple[Publication, ...]:
    """One publication for each name; `mx` are the domain's mail servers, which often do all."""
    hosts = [f"{label}.{domain}" for label in (*NAMES, NONSENSE)]
    *named, nonsense = await asyncio.gather(*(host_names(host, resolver, families) for host in hosts))
    everything = frozenset(addresses(nonsense))
    guesses = [*zip(named, NAMES.values(), strict=True), *((host, FETCHING + SENDING) for host in mx)]
    return tuple(_guess(names, services, username, everything) for names, services in guesses)


def _guess(names: HostNames, services: tuple[str, ...], username: str, everything: frozenset[str]) -> Publication:
    real = frozenset(addresses(names)) - everything
    rows = (BY_NAME[service] for service in services if real)
    targets = tuple(Target(row, names.host, row.port, Source.COMMON, username) for row in rows)
    return Publication(Source.COMMON, names.host, bool(targets), targets)
