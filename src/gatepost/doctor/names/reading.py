"""Reading DNS answers: MX, SRV and addresses out of presentation form. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

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
