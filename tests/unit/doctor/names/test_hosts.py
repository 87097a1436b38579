import asyncio

import pytest

from gatepost.doctor.facts import Lookup, Outcome
from gatepost.doctor.names import hosts
from gatepost.doctor.names.hosts import host_names
from gatepost.doctor.names.reading import addresses
from gatepost.doctor.names.resolver import Resolver, SecondOpinion
from support.dns_server import DnsServer, Fault

ZONE = {
    "mail.example.test": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
    "example.test": {"MX": ["10 mail.example.test."]},
    "public.example.test": {"A": ["93.184.216.34"]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["mail.example.test."]},
}


def look(host, zone=ZONE, other_zone=None, families=(6, 4), reverse=False):
    """HostNames from a server, and the questions that another one got."""

    async def run():
        others = (Resolver((other.where,), timeout=1),)
        return await host_names(host, Resolver((mine.where,), timeout=0.3), families, others=others, reverse=reverse)

    with DnsServer(zone) as mine, DnsServer(other_zone or {}) as other:
        return asyncio.run(run()), other.questions


def test_both_families():
    names, asked = look("mail.example.test")
    assert names.v4.values == ("192.0.2.1",)
    assert names.v6.values == ("2001:db8::1",)
    assert addresses(names) == ("2001:db8::1", "192.0.2.1")
    assert not names.others
    assert not asked


def test_one_family():
    names, _ = look("mail.example.test", families=(4,))
    assert names.v6 is None


def test_literals_are_not_asked():
    names, asked = look("192.0.2.1")
    assert (names.literal, names.v4.values, names.v6) == (True, ("192.0.2.1",), None)
    names, _ = look("[2001:db8::1]")
    assert (names.literal, names.v4, names.v6.values) == (True, None, ("2001:db8::1",))
    assert not asked


def test_a_failure_is_taken_to_others():
    names, asked = look("mail.example.test", {"mail.example.test": Fault.SERVFAIL}, ZONE)
    assert {each.outcome for each in names.others} == {Outcome.ANSWER}
    assert sorted(asked) == [("mail.example.test", "A"), ("mail.example.test", "AAAA")]


def test_silence_is_taken_to_others_in_time(monkeypatch):
    monkeypatch.setattr(hosts, "PATIENCE", 0.05)
    names, _ = look("mail.example.test", {"mail.example.test": Fault.DROP}, ZONE, families=(4,))
    assert names.v4.outcome is Outcome.TIMED_OUT
    assert [each.values for each in names.others] == [("192.0.2.1",)]
    assert names.others[0].seconds + 0.05 < names.v4.seconds


def test_a_slow_answer_needs_no_others(monkeypatch):
    class Late(Resolver):
        """Answers when the other one was asked, which never answers."""

        async def ask(self, name, kind):
            await asked.wait()
            return Lookup(name, kind, Outcome.ANSWER, ("93.184.216.34",))

    class Mute(Resolver):
        async def ask(self, name, kind):
            asked.set()
            await asyncio.Event().wait()

    async def run():
        nonlocal asked
        asked = asyncio.Event()
        return await host_names("mail.example.test", Late(("127.0.0.1",)), (4,), others=(Mute(("127.0.0.1",)),))

    asked = None
    monkeypatch.setattr(hosts, "PATIENCE", 0.01)
    names = asyncio.run(run())
    assert names.v4.values == ("93.184.216.34",)
    assert names.others == ()


def test_a_denial_is_taken_to_others():
    names, _ = look("nobody.example.test")
    assert [each.outcome for each in names.others] == [Outcome.NXDOMAIN, Outcome.NXDOMAIN]


def test_a_mail_domain_without_address():
    names, asked = look("example.test")
    assert [(each.kind, each.values) for each in names.others] == [("MX", ("10 mail.example.test.",))]
    assert not asked


def test_reverse_names():
    names, _ = look("mail.example.test", families=(4,), reverse=True)
    assert [(each.name, each.kind, each.values) for each in names.others] == [
        ("192.0.2.1", "PTR", ("mail.example.test.",))
    ]
    names, _ = look("192.0.2.1", reverse=True)
    assert names.others[0].values == ("mail.example.test.",)


def asked_of_strangers(host, records, *, always=False, label="system"):
    """The questions that a public name server gets when the own one has such records."""

    async def run():
        own = Resolver((mine.where,), timeout=0.3)
        own.label = label
        return await host_names(host, own, (4,), others=(SecondOpinion(public.where, always=always),))

    with DnsServer({host: records}) as mine, DnsServer({}) as public:
        asyncio.run(run())
    return [name for name, _ in public.questions]


@pytest.mark.parametrize("records", [Fault.SERVFAIL, Fault.REFUSED, {"A": ["0.0.0.0"]}])
def test_strangers_are_asked_where_nothing_was_said(records):
    assert set(asked_of_strangers("mail.example.com", records)) == {"mail.example.com"}


@pytest.mark.parametrize("records", [Fault.NXDOMAIN, {"A": ["10.0.0.5"]}])
def test_strangers_hear_of_denials_and_private_addresses_only_on_request(records):
    assert asked_of_strangers("mail.example.com", records) == []
    assert set(asked_of_strangers("mail.example.com", records, always=True)) == {"mail.example.com"}


@pytest.mark.parametrize(
    "host",
    [
        "mail.corp.internal",
        "imap.secret-project.lan",
        "printer.local",
        "nas.home",
        "mail.home.arpa",
        "mail.corp",
        "x.intern.corp",
        "mailserver",
        "mail.example.test",
        "x.invalid",
        "x.localhost",
        "hidden.onion",
        "1.0.0.10.in-addr.arpa",
        "com",
        "mail..example.com",
    ],
)
@pytest.mark.parametrize("records", [Fault.SERVFAIL, Fault.NXDOMAIN, {"A": ["10.0.0.5"]}])
def test_strangers_never_hear_names_from_the_inside(host, records):
    assert asked_of_strangers(host, records, always=True) == []


def test_a_silent_name_server_sends_no_internal_name_to_strangers(monkeypatch):
    monkeypatch.setattr(hosts, "PATIENCE", 0.05)
    assert asked_of_strangers("mail.corp.internal", Fault.DROP, always=True) == []
    assert set(asked_of_strangers("mail.example.com", Fault.DROP)) == {"mail.example.com"}
