"""Addresses that let us in at one time and not at another."""

from __future__ import annotations

import pytest

from gatepost.doctor.facts import Contact, Dial, Handshake, Reach
from gatepost.doctor.judge.limits import limited
from support.wire_facts import V4, V6, contact, dial, unreached

SIDE = Handshake(False, False, error="no connection")
SEEN = {
    "all open": ((contact(), contact("imaps")), (), ()),
    "another port is closed": ((contact(), unreached("imaps", Reach.TIMED_OUT)), (), ()),
    "another address is closed": ((contact(), unreached(address=V6)), (), ()),
    "later refused": ((contact(), unreached()), (), (V4,)),
    "later silent": ((contact(), unreached(reach=Reach.TIMED_OUT)), (), (V4,)),
    "later reset": ((contact(), unreached(reach=Reach.RESET)), (), (V4,)),
    "no route": ((contact(), unreached(reach=Reach.NO_ROUTE)), (), ()),
    "another attempt": ((contact(),), (dial(995, Reach.REFUSED),), (V4,)),
    "beside": ((contact(without_sni=SIDE),), (), (V4,)),
}


@pytest.mark.parametrize(("seen", "dials", "found"), SEEN.values(), ids=SEEN)
def test_limited(seen: tuple[Contact, ...], dials: tuple[Dial, ...], found: tuple[str, ...]) -> None:
    assert limited(seen, dials) == frozenset(found)
