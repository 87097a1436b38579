"""What lies round a service that could not be reached: is it this port, this family, this host, or this network?

Connections only, nothing is said. The server gets one to each port of the port table that mail programs use and one to
443, all at once: most of them wait for nothing when a firewall drops, and together they must not take long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from gatepost.doctor.facts import Dial, HostNames, Surroundings
from gatepost.doctor.look.dial import dial
from gatepost.doctor.model import Question, Target
from gatepost.ports import BY_NAME, SERVICES

PATIENCE: Final = 0.6
"""Part of a step's time: whoever is there answers long before, and the target's own step came first."""

ELSEWHERE: Final[tuple[tuple[str, str], ...]] = (
    ("one.one.one.one", "1.1.1.1"),
    ("dns.quad9.net", "9.9.9.9"),
    ("one.one.one.one", "2606:4700:4700::1111"),
    ("dns.quad9.net", "2620:fe::fe"),
)
"""Public resolvers that answer on 443 (DNS over HTTPS) at addresses that need no DNS."""

_LOCAL: Final = ("lmtp", "http")
_FAMILY: Final = 4
"""Addresses of the other family that are tried."""


async def surroundings(
    target: Target,
    address: str,
    names: HostNames,
    question: Question,
    *,
    elsewhere: tuple[tuple[str, str], ...] = ELSEWHERE,
) -> Surroundings:
    """Dials round `target` at `address`, within `PATIENCE` of `question.timeout`. Raises nothing.

    Nothing elsewhere is tried for an address that is not public: the Internet says nothing about it.
    """
    patience = question.timeout * PATIENCE
    host, https = target.host, BY_NAME["https"].port
    ports = sorted({row.port for row in SERVICES if row.name not in _LOCAL} - {target.port})
    families = [other for other in _addresses(names) if (":" in other) != (":" in address)]
    anchors = elsewhere if ip_address(address.partition("%")[0]).is_global else ()
    other_ports, other_family, there = await asyncio.gather(
        _dial_all(((host, address, port) for port in ports), patience),
        _dial_all(((host, other, target.port) for other in families[:_FAMILY]), patience),
        _dial_all(((name, anchor, https) for name, anchor in anchors), patience),
    )
    return Surroundings(other_ports, other_family, there)


async def _dial_all(wanted: Iterable[tuple[str, str, int]], patience: float) -> tuple[Dial, ...]:
    return tuple(await asyncio.gather(*(dial(host, address, port, patience) for host, address, port in wanted)))


def _addresses(names: HostNames) -> tuple[str, ...]:
    return (names.v6.values if names.v6 else ()) + (names.v4.values if names.v4 else ())
