from gatepost.doctor.facts import HostNames, Lookup, Outcome
from gatepost.doctor.names.reading import addresses, is_null_mx, mx_hosts, srv_records


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
