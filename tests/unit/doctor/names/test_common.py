import asyncio

from gatepost.doctor.facts import HostNames, Lookup, Outcome
from gatepost.doctor.names.common import published_common
from gatepost.doctor.names.resolver import Resolver
from support.dns_server import DnsServer


def guesses(zone, mx=()):
    async def run():
        resolver = Resolver((server.where,), timeout=1)
        found = await published_common("example.test", "me", resolver, mx, (6, 4))
        return {each.where: [target.service.name for target in each.targets] for each in found if each.found}

    with DnsServer(zone) as server:
        return asyncio.run(run())


def test_names_with_an_address_are_guesses():
    zone = {"imap.example.test": {"A": ["192.0.2.1"]}, "mail.example.test": {"AAAA": ["2001:db8::1"]}}
    assert guesses(zone) == {
        "imap.example.test": ["imaps"],
        "mail.example.test": ["imaps", "pop3s", "submissions", "submission"],
    }


def test_the_mail_server_is_a_guess():
    mx = HostNames("mx.example.test", Lookup("mx.example.test", "A", Outcome.ANSWER, ("192.0.2.9",)), None)
    assert guesses({}, (mx,)) == {"mx.example.test": ["imaps", "pop3s", "submissions", "submission"]}


def test_a_domain_where_every_name_has_the_web_servers_address():
    zone = {"*.example.test": {"A": ["192.0.2.80"]}, "smtp.example.test": {"A": ["192.0.2.25"]}}
    assert guesses(zone) == {"smtp.example.test": ["submissions", "submission"]}
