"""Servers and firewalls that count connections: row T24."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gatepost.doctor.facts import Contact, Dial, Reach

SHUT: Final = frozenset({Reach.REFUSED, Reach.TIMED_OUT, Reach.RESET})
"""How it looks when somebody does not let us in any more."""
NO_CONNECTION: Final = "no connection"
"""`Handshake.error` where not even TCP came about."""


def limited(contacts: Iterable[Contact], dials: Iterable[Dial] = ()) -> frozenset[str]:
    """The addresses where a port let us in, and did not at another time in the same examination.

    Only then is it no matter of that port being closed: the address has had enough of us. `dials`: other attempts.
    """
    contacts = tuple(contacts)
    tried = [*(each.dial for each in contacts), *dials]
    opened = {(each.address, each.port) for each in tried if each.reach is Reach.OPEN}
    shut = {(each.address, each.port) for each in tried if each.reach in SHUT}
    shut |= {(each.dial.address, each.dial.port) for each in contacts if _had_enough(each)}
    return frozenset(address for address, _ in opened & shut)


def _had_enough(contact: Contact) -> bool:
    """Whether a second connection of an open contact did not come about."""
    sides = (contact.without_sni, contact.unverified)
    return any(each is not None and each.error == NO_CONNECTION for each in sides)
