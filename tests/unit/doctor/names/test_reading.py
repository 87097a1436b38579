import pytest

from gatepost.doctor.facts import HostNames, Lookup, Outcome
from gatepost.doctor.names.reading import (
    addresses,
    base_domain,
    is_null_mx,
    mx_hosts,
    nearness,
    same_owner,
    srv_records,
)


def mx(*values, outcome=Outcome.ANSWER):
    return Lookup("example.com", "MX", outcome, values)


def test_mail_servers_best_first():
    assert mx_hosts(mx("20 b.example.com.", "10 A.example.com.")) == ("a.example.com", "b.example.com")
    assert mx_hosts(mx("0 .")) == ()
    assert mx_hosts(mx(outcome=Outcome.NXDOMAIN)) == ()


def test_null_mx():
    assert is_null_mx(mx("0 ."))
    assert not is_null_mx(mx("0 .", "10 a.example.com."))
    assert not is_null_mx(mx("10 a.example.com."))
    assert not is_null_mx(mx(outcome=Outcome.NODATA))


def test_srv_records_come_by_priority_then_by_weight():
    values = ("10 1 993 late.example.com.", "0 1 993 light.example.com.", "0 9 993 heavy.example.com.", "20 0 0 .")
    records = srv_records(Lookup("x", "SRV", Outcome.ANSWER, values))
    assert [each.host for each in records] == ["heavy.example.com", "light.example.com", "late.example.com", ""]


def test_addresses_in_the_order_of_the_families():
    v4 = Lookup("h", "A", Outcome.ANSWER, ("192.0.2.1",))
    v6 = Lookup("h", "AAAA", Outcome.ANSWER, ("2001:db8::1",))
    assert addresses(HostNames("h", v4, v6)) == ("2001:db8::1", "192.0.2.1")
    assert addresses(HostNames("h", v4, v6), (4,)) == ("192.0.2.1",)
    assert addresses(HostNames("h", v4, None)) == ("192.0.2.1",)
    assert addresses(HostNames("h", Lookup("h", "A", Outcome.SERVFAIL), None)) == ()


def test_what_somebody_registered():
    assert base_domain("a.mail.example.co.uk") == "example.co.uk"
    assert base_domain("co.uk") == base_domain("192.0.2.1") == base_domain("2001:db8::1") == ""


def test_names_of_one_owner():
    assert same_owner("imap.Example.com.", "example.com")
    assert same_owner("192.0.2.1", "192.0.2.1")
    assert not same_owner("192.0.2.1", "198.51.2.1")
    assert not same_owner("example.com", "example.org")
    assert not same_owner("one.github.io", "two.github.io")


def test_an_answer_is_proved_only_by_a_validating_resolver_on_this_machine():
    proofs = [
        Lookup("x", "MX", Outcome.ANSWER, dnssec=ad, local=here) for ad in (True, False) for here in (True, False)
    ]
    assert [each.proved for each in proofs] == [True, False, False, False]


@pytest.mark.parametrize(
    ("address", "near"),
    [
        *((each, 0) for each in ("9.9.9.9", "2620:fe::fe", "192.0.2.1", "2001:db8::1", "64:ff9b::909:909")),
        *((each, 0) for each in ("::ffff:9.9.9.9", "2002:909:909::1")),
        *((each, 1) for each in ("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "224.0.0.1")),
        *((each, 1) for each in ("240.0.0.1", "255.255.255.255", "fd00::1", "fec0::1", "ff02::1", "64:ff9b:1::1")),
        *((each, 1) for each in ("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "::10.0.0.1", "2001::a00:1")),
        *((each, 2) for each in ("127.0.0.1", "169.254.169.254", "0.0.0.0", "0.0.0.1", "::", "::1", "fe80::1%eth0")),
        *((each, 2) for each in ("::ffff:127.0.0.1", "64:ff9b::7f00:1", "::ffff:0:169.254.169.254", "2002:7f00:1::")),
    ],
)
def test_how_near_an_address_is(address, near):
    assert (nearness(address) > 0) == (near > 0)
    assert nearness(address) == near or address == "0.0.0.1"
