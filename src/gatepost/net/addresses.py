"""IP addresses as text: in one form, and in or out of networks."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Final

REMEMBERED: Final = 4096
"""Answers kept by one `Networks`: parsing costs 3 µs, and the same clients come back all day."""


def plain_address(address: str) -> str:
    """The address without an IPv6 zone; an IPv4 client of a dual-stack socket (`::ffff:192.0.2.1`) as IPv4."""
    if ":" not in address:
        return address
    address = address.partition("%")[0]
    return address[7:] if address[:7].lower() == "::ffff:" and "." in address else address


def counted_as(address: str) -> str:
    """Whom limits see: an IPv4 address is itself, IPv6 is its /64, which is what one customer is given."""
    if ":" not in address:
        return address
    return ip_address(address).packed[:8].hex()


def network_of(address: str) -> str:
    """What one customer may have many of the above in: the /24 of an IPv4 address, the /48 of an IPv6 address."""
    if ":" not in address:
        return address.rpartition(".")[0]
    return ip_address(address).packed[:6].hex()


class Networks:
    """A set of networks in CIDR form that answers `address in networks`; host bits are ignored."""

    __slots__ = ("_answers", "_networks")

    def __init__(self, networks: Iterable[str]) -> None:
        """Raises ValueError for something that is no network."""
        self._networks = tuple(ip_network(network, strict=False) for network in networks)
        self._answers: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return False
        answer = self._answers.get(address)
        if answer is None:
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            parsed = ip_address(address)
            answer = self._answers[address] = any(parsed in network for network in self._networks)
        return answer
