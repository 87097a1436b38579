"""What DNS says of a host: its addresses, and second opinions where the answer is in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from itertools import chain
from typing import Final

from gatepost.doctor.facts import HostNames, Lookup, Outcome
from gatepost.doctor.names.reading import addresses
from gatepost.doctor.names.resolver import Resolver
from gatepost.doctor.names.spelling import literal

KINDS: Final = {6: "AAAA", 4: "A"}
PATIENCE: Final = 1.2
"""Seconds after which a silent resolver is in doubt: others are asked while it is still waited for."""
SECOND: Final = 1.6
"""Seconds that others get."""
INSIDE: Final = tuple(
    map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"))
) + tuple(map(ip_network, ("::1/128", "fc00::/7", "fe80::/10")))
"""Addresses without names that the world can see."""


async def host_names(
    host: str,
    resolver: Resolver,
    families: tuple[int, ...],
    *,
    others: tuple[Resolver, ...] = (),
    reverse: bool = False,
) -> HostNames:
    """The host's addresses of the families (6, 4); all questions run at once.

    `others` are asked the same where they say that it is wanted: see `Resolver.is_wanted`. A host with no address is
    asked for its MX as well.
    `reverse`: PTR of each address too, but of private ones, which nobody else sees.
    """
    address = literal(host)
    if address:
        names = _literal(host, str(address), address.version)
    else:
        found = await asyncio.gather(*(_asked(host, KINDS[family], resolver, others) for family in families))
        own = {family: lookup for family, (lookup, _) in zip(families, found, strict=True)}
        more = [*chain.from_iterable(second for _, second in found), *await _mail(host, resolver, own.values())]
        names = HostNames(host, own.get(4), own.get(6), tuple(more))
    if not reverse:
        return names
    public = (each for each in addresses(names, families) if not _is_inside(each))
    pointers = await asyncio.gather(*(resolver.ask(each, "PTR") for each in public))
    return HostNames(names.host, names.v4, names.v6, (*names.others, *pointers), names.literal)


async def _asked(
    host: str, kind: str, resolver: Resolver, others: tuple[Resolver, ...]
) -> tuple[Lookup, tuple[Lookup, ...]]:
    """The answer, and what others say if it is in doubt. They are asked before a silent resolver's time is over."""
    async with asyncio.TaskGroup() as group:
        own = group.create_task(resolver.ask(host, kind))
        await asyncio.wait((own,), timeout=PATIENCE)
        heard = own.result() if own.done() else Lookup(host, kind, Outcome.TIMED_OUT)
        wanted = [other for other in others if other.is_wanted(heard)]
        second = [group.create_task(other.within(SECOND).ask(host, kind)) for other in wanted]
        await asyncio.wait((own,))
        if not any(other.is_wanted(own.result()) for other in wanted):  # slow, but well
            for task in second:
                task.cancel()
            return own.result(), ()
    return own.result(), tuple(task.result() for task in second)


async def _mail(host: str, resolver: Resolver, lookups: Iterable[Lookup]) -> tuple[Lookup, ...]:
    """MX of a name that is there, but has no address: it may be a mail domain."""
    if all(lookup.outcome is Outcome.NODATA for lookup in lookups):
        return (await resolver.ask(host, "MX"),)
    return ()


def _is_inside(address: str) -> bool:
    """Whether it is one of a local network (RFC 1918, RFC 4193) or of this machine."""
    return any(ip_address(address) in network for network in INSIDE if network.version == ip_address(address).version)


def _literal(host: str, address: str, version: int) -> HostNames:
    lookup = Lookup(host, KINDS[version], Outcome.ANSWER, (address,), resolver="")
    return HostNames(host, lookup if version == 4 else None, lookup if version == 6 else None, literal=True)
