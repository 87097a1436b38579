"""Reading DNS answers: MX, SRV and addresses out of presentation form. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from gatepost.doctor.facts import HostNames, Lookup, Outcome
from gatepost.doctor.names.spelling import literal


def mx_hosts(mx: Lookup) -> tuple[str, ...]:
    """Names of the domain's mail servers, best first, without final dots; () for a null MX."""
    if mx.outcome is not Outcome.ANSWER:
        return ()
    pairs = (value.split() for value in mx.values)
    ordered = sorted((int(pair[0]), pair[1].rstrip(".").lower()) for pair in pairs)
    return tuple(host for _, host in ordered if host)


def is_null_mx(mx: Lookup) -> bool:
    """Whether the domain says that it takes no mail (RFC 7505 §3: one record, whose host is the root)."""
    return mx.outcome is Outcome.ANSWER and len(mx.values) == 1 and mx.values[0].split()[1] == "."


@dataclass(frozen=True, slots=True, order=True)
class Srv:
    """A service record (RFC 2782). Sorted: the one to be used first comes first."""

    priority: int
    minus_weight: int
    port: int
    host: str
    """Without the final dot; empty: the service is decidedly not available."""


def srv_records(lookup: Lookup) -> tuple[Srv, ...]:
    """The records. Where RFC 2782 rolls dice by weight, the heaviest comes first: the same each time."""
    fields = (value.split() for value in lookup.values)
    records = (Srv(int(f[0]), -int(f[1]), int(f[2]), f[3].rstrip(".").lower()) for f in fields)
    return tuple(sorted(records))


def addresses(names: HostNames, families: tuple[int, ...] = (6, 4)) -> tuple[str, ...]:
    """Every address of the host, in the order of the families."""
    lookups = {4: names.v4, 6: names.v6}
    wanted = (lookups[family] for family in families)
    return tuple(value for lookup in wanted if lookup and lookup.outcome is Outcome.ANSWER for value in lookup.values)


TRANSLATED: Final = tuple(map(ip_network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))
"""IPv4 addresses in the clothes of IPv6 (RFC 6052 §2.1, RFC 2765 §2.1, RFC 4291 §2.5.5.1): the last 32 bits count."""
WITHIN: Final = tuple(map(ip_network, ("64:ff9b:1::/48", "fec0::/10")))
"""Translation inside of networks (RFC 8215) and their old addresses (RFC 3879): Pythons differ about them."""
DOCUMENTED: Final = tuple(
    map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"))
)
"""Kept for documentation (RFC 5737, 3849, 9637): they are in no network, neither here nor there."""


def nearness(address: str) -> int:
    """0: somewhere on the Internet; 1: a private or reserved network; 2: this machine, or its own cable."""
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        if found.is_loopback:
            return 2
        inner = IPv4Address(found.packed[-4:]) if any(found in each for each in TRANSLATED) else None
        found = found.ipv4_mapped or found.sixtofour or inner or found
    if found.is_loopback or found.is_link_local or found.is_unspecified:
        return 2
    if any(found in each for each in DOCUMENTED):
        return 0
    local = found.is_multicast or any(found in each for each in WITHIN)
    return 0 if found.is_global and not local else 1


@cache
def base_domain(host: str) -> str:
    """The part that somebody registered: `example.co.uk` of `mail.example.co.uk`. Empty for addresses and suffixes."""
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 -- its list takes long to read, start-up is short

    return "" if literal(host) else PublicSuffixList().privatesuffix(host) or ""


def same_owner(one: str, other: str) -> bool:
    """Whether two names are the same, or below the same registered domain."""
    names = [name.rstrip(".").lower() for name in (one, other)]
    base, wanted = map(base_domain, names)
    return names[0] == names[1] or (base == wanted and base != "")
