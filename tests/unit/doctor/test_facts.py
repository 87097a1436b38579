"""What the facts themselves tell of what they hold."""

from __future__ import annotations

import pytest

from gatepost.doctor.facts import Capabilities, Dial, Lookup, Outcome, Reach


@pytest.mark.parametrize(
    ("address", "own", "within"),
    [
        ("127.0.0.1", "", True),
        ("::1", "", True),
        ("fe80::1%lo", "fe80::1%lo", True),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.7", False),
        ("192.0.2.1", "", False),
        ("fe80::1%eth0", "fe80::2%eth0", False),
    ],
)
def test_a_connection_may_stay_within_this_machine(address: str, own: str, within: bool) -> None:
    assert Dial("mail.example.com", address, 995, Reach.OPEN, 0.1, own=own).is_within is within


@pytest.mark.parametrize(("address", "family"), [("192.0.2.1", 4), ("2001:db8::1", 6)])
def test_the_family_of_an_address(address: str, family: int) -> None:
    assert Dial("mail.example.com", address, 995, Reach.REFUSED, 0.1).family == family


def test_a_capability_is_an_item_or_its_first_word() -> None:
    known = Capabilities(True, ("UIDL", "SIZE 1000", "STARTTLS2"))
    assert known.has("UIDL")
    assert known.has("SIZE")
    assert not known.has("STARTTLS")
    assert not Capabilities(False).has("UIDL")


def test_mechanisms_are_told_in_the_order_of_the_server() -> None:
    known = Capabilities(True, ("AUTH=LOGIN", "UIDL", "AUTH=PLAIN", "AUTHX"))
    assert known.mechanisms() == ("LOGIN", "PLAIN")


@pytest.mark.parametrize(
    ("dnssec", "local", "proved"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_only_a_resolver_of_this_machine_proves_anything(dnssec: bool, local: bool, proved: bool) -> None:
    answer = Lookup("example.com", "MX", Outcome.ANSWER, dnssec=dnssec, local=local)
    assert answer.proved is proved
