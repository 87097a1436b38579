import asyncio
import socket

import dns.asyncresolver
import dns.resolver
import pytest

from gatepost.doctor.facts import Lookup, Outcome
from gatepost.doctor.names.hosts_file import HostsFile
from gatepost.doctor.names.resolver import DNSSEC_BROKEN, Resolver
from gatepost.doctor.names.spelling import BadNameError
from support.dns_server import DnsServer, Fault

ZONE = {
    "example.test": {
        "MX": ["20 b.example.test.", "10 a.example.test."],
        "TXT": ['"v=UAAC1; " "a=sha256"', '"other"'],
    },
    "_imaps._tcp.example.test": {"SRV": ["0 1 993 imap.example.test."]},
    "imap.example.test": {"A": ["192.0.2.1", "192.0.2.2"], "AAAA": ["2001:db8::1"]},
    "alias.example.test": {"CNAME": ["second.example.test."]},
    "second.example.test": {"CNAME": ["imap.example.test."]},
    "dangling.example.test": {"CNAME": ["nowhere.invalid."]},
    "unaddressed.example.test": {"CNAME": ["example.test."]},
    "xn--mller-kva.example.test": {"A": ["192.0.2.3"]},
    "one.circle.test": {"CNAME": ["two.circle.test."]},
    "two.circle.test": {"CNAME": ["one.circle.test."]},
    "broken.test": Fault.SERVFAIL,
    "refused.test": Fault.REFUSED,
    "silent.test": Fault.DROP,
    "garbage.test": Fault.GARBAGE,
    "bogus.test": {"A": Fault.BOGUS, "real": ["192.0.2.4"], "AAAA": Fault.SERVFAIL},
    "1.2.0.192.in-addr.arpa": {"PTR": ["imap.example.test."]},
    "many.test": {"A": [f"10.0.{number}.1" for number in range(70)]},
}


def ask(*questions, zone=ZONE, timeout=2.0, **options):
    """Lookups of (name, kind) pairs, all at one server."""

    async def run():
        resolver = Resolver((server.where,), timeout=timeout)
        return await asyncio.gather(*(resolver.ask(name, kind) for name, kind in questions))

    with DnsServer(zone, **options) as server:
        return asyncio.run(run())


def test_answers_in_presentation_form():
    mx, txt, srv, a, aaaa, ptr = ask(
        ("example.test", "MX"),
        ("example.test", "TXT"),
        ("_imaps._tcp.example.test", "SRV"),
        ("Imap.Example.test.", "A"),
        ("imap.example.test", "AAAA"),
        ("192.0.2.1", "PTR"),
    )
    assert set(mx.values) == {"20 b.example.test.", "10 a.example.test."}
    assert set(txt.values) == {"v=UAAC1; a=sha256", "other"}
    assert srv.values == ("0 1 993 imap.example.test.",)
    assert (a.name, a.kind, set(a.values)) == ("Imap.Example.test.", "A", {"192.0.2.1", "192.0.2.2"})
    assert aaaa.values == ("2001:db8::1",)
    assert ptr.values == ("imap.example.test.",)
    assert {each.outcome for each in (mx, txt, srv, a, aaaa, ptr)} == {Outcome.ANSWER}
    assert a.seconds > 0
    assert a.resolver.startswith("127.0.0.1:")


def test_outcomes_are_told_apart():
    outcomes = {
        "imap.example.test": Outcome.ANSWER,
        "nobody.invalid": Outcome.NXDOMAIN,
        "example.test": Outcome.NODATA,
        "broken.test": Outcome.SERVFAIL,
        "refused.test": Outcome.REFUSED,
        "silent.test": Outcome.TIMED_OUT,
        "garbage.test": Outcome.TIMED_OUT,  # what is no answer to our question is passed over, as by every resolver
        "bad..name": Outcome.BAD_NAME,
        "one.circle.test": Outcome.LOOP,
    }
    found = ask(*((name, "A") for name in outcomes), timeout=0.5)
    assert {each.name: each.outcome for each in found} == outcomes
    assert all(each.error for each in found if each.outcome in {Outcome.SERVFAIL, Outcome.BAD_NAME})


def test_aliases_are_told():
    alias, dangling, unaddressed, circle = ask(
        ("alias.example.test", "A"),
        ("dangling.example.test", "A"),
        ("unaddressed.example.test", "A"),
        ("one.circle.test", "A"),
    )
    assert alias.aliases == ("second.example.test", "imap.example.test")
    assert dangling.aliases == ("nowhere.invalid",)
    assert (unaddressed.outcome, unaddressed.aliases) == (Outcome.NODATA, ("example.test",))
    assert circle.aliases == ("two.circle.test", "one.circle.test")


def test_a_circle_in_the_answer_itself():
    (circle,) = ask(("one.circle.test", "A"), honest_loops=True)
    assert circle.outcome is Outcome.LOOP


def test_a_long_way_of_aliases_to_a_failure_is_no_circle():
    zone = {f"n{number}.test": {"CNAME": [f"n{number + 1}.test."]} for number in range(12)} | {
        "n12.test": Fault.SERVFAIL
    }
    (lookup,) = ask(("n0.test", "A"), zone=zone)
    assert lookup.outcome is Outcome.LOOP
    assert len(lookup.aliases) == 8


def test_broken_dnssec_is_recognised_by_asking_without_checks():
    broken, other = ask(("bogus.test", "A"), ("bogus.test", "AAAA"))
    assert (broken.outcome, other.outcome) == (Outcome.SERVFAIL, Outcome.SERVFAIL)
    assert broken.error == f"{DNSSEC_BROKEN}: 192.0.2.4"
    assert DNSSEC_BROKEN not in other.error


def test_the_authentic_flag():
    signed, unsigned = ask(("imap.example.test", "A"), ("example.test", "MX"), signed={"imap.example.test"})
    assert signed.proved
    assert not unsigned.dnssec


def test_international_names_are_asked_in_ascii():
    (lookup,) = ask(("Müller.example.test", "A"))
    assert (lookup.name, lookup.values) == ("Müller.example.test", ("192.0.2.3",))


def test_a_server_without_edns():
    (lookup,) = ask(("imap.example.test", "A"), knows_edns=False)
    assert lookup.outcome is Outcome.ANSWER


def test_a_server_that_understands_nothing():
    (lookup,) = ask(("x.test", "A"), zone={"x.test": Fault.FORMERR})
    assert lookup.outcome is Outcome.SERVFAIL


def test_a_code_that_makes_no_sense_here():
    (lookup,) = ask(("x.test", "A"), zone={"x.test": Fault.YXDOMAIN})
    assert lookup.outcome is Outcome.SERVFAIL


def test_looking_for_the_reason_of_a_failure_has_an_end():
    class Slow(DnsServer):
        def _types(self, name):
            return Fault.SERVFAIL if self.questions[-1][1] == "A" else Fault.DROP

    async def run():
        return await Resolver((server.where,), timeout=0.3).ask("x.test", "A")

    with Slow() as server:
        lookup = asyncio.run(run())
    assert lookup.outcome is Outcome.SERVFAIL
    assert lookup.seconds < 3


def test_an_answer_with_very_many_records_is_cut():
    (lookup,) = ask(("many.test", "A"))
    assert len(lookup.values) == 64


@pytest.mark.parametrize("server", ["dns.example.com", "192.0.2.1:x", "192.0.2.1:0", "192.0.2.1:70000", "[::1", ""])
def test_bad_servers(server):
    with pytest.raises(BadNameError, match="IP address"):
        Resolver((server,))


@pytest.mark.parametrize(
    ("server", "where"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_servers(server, where):
    (given,) = Resolver((server,))._dns.nameservers
    assert (given.address, given.port) == where


def system_like(monkeypatch, server, **settings):
    """A resolver that believes that `server` is the system's."""

    class System(dns.asyncresolver.Resolver):
        def __init__(self, configure=True):
            super().__init__(configure=False)
            self.nameservers, self.port = ["127.0.0.1"], server.port
            for name, value in settings.items():
                setattr(self, name, value)

    monkeypatch.setattr(dns.asyncresolver, "Resolver", System)


def test_the_system_honours_its_hosts_file(monkeypatch, tmp_path):
    path = tmp_path / "hosts"
    path.write_text("192.0.2.77 imap.example.test\n")
    with DnsServer(ZONE) as server:
        system_like(monkeypatch, server)
        resolver = Resolver(hosts=HostsFile(path))

        async def run():
            names = ("A", "AAAA", "MX")
            return await asyncio.gather(*(resolver.ask("imap.example.test", kind) for kind in names))

        a, aaaa, mx = asyncio.run(run())
        asked = server.asked("imap.example.test")
    assert (a.values, a.resolver) == (("192.0.2.77",), str(path))
    assert (aaaa.outcome, aaaa.resolver) == (Outcome.NODATA, str(path))
    assert (mx.outcome, mx.resolver) == (Outcome.NODATA, "system")
    assert asked == ["MX"]


def test_the_system_searches_its_domains_for_a_short_name(monkeypatch, tmp_path):
    with DnsServer(ZONE) as server:
        system_like(monkeypatch, server, search=[dns.name.from_text("example.test")])
        lookup = asyncio.run(Resolver(hosts=HostsFile(tmp_path / "none")).ask("imap", "AAAA"))
    assert lookup.values == ("2001:db8::1",)


def test_without_resolv_conf_this_machine_is_asked(monkeypatch):
    real = dns.asyncresolver.Resolver

    def missing(configure=True):
        if configure:
            raise dns.resolver.NoResolverConfiguration
        return real(configure=False)

    monkeypatch.setattr(dns.asyncresolver, "Resolver", missing)
    (given,) = Resolver()._dns.nameservers
    assert (given.address, given.port) == ("127.0.0.1", 53)


def test_within_waits_less():
    with DnsServer({"silent.test": Fault.DROP}) as server:
        hasty = Resolver((server.where,), timeout=60).within(0.1)
        lookup = asyncio.run(hasty.ask("silent.test", "A"))
    assert hasty.timeout == 0.1
    assert lookup.outcome is Outcome.TIMED_OUT
    assert Resolver((server.where,), timeout=0.05).within(9).timeout == 0.05


def test_a_network_that_is_not_there(monkeypatch):
    """A socket that cannot be made is a resolver that cannot be reached, not a crash."""

    async def refuse(*_, **__):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_datagram_endpoint", refuse)
    lookup = asyncio.run(Resolver(("192.0.2.1",), timeout=1).ask("example.test", "A"))
    assert lookup.outcome is Outcome.TIMED_OUT
    assert "unreachable" in lookup.error


def test_nobody_listens():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    lookup = asyncio.run(Resolver((f"127.0.0.1:{port}",), timeout=0.2).ask("example.test", "A"))
    assert lookup.outcome is Outcome.TIMED_OUT


def test_whose_opinion_is_wanted():
    def system(*values, outcome=Outcome.ANSWER, resolver="system"):
        return Lookup("h", "A", outcome, values, resolver=resolver)

    other = Resolver(("192.0.2.1",))
    assert other.is_wanted(system("0.0.0.0"))
    assert other.is_wanted(system("10.0.0.1"))
    assert not other.is_wanted(system("93.184.216.34"))
    assert not other.is_wanted(system("10.0.0.1", resolver="/etc/hosts"))
    assert not other.is_wanted(system("10.0.0.1", resolver="192.0.2.53"))
    assert other.is_wanted(system(outcome=Outcome.TIMED_OUT))
    assert other.is_wanted(system(outcome=Outcome.NXDOMAIN))
    assert not other.is_wanted(system(outcome=Outcome.NODATA))
