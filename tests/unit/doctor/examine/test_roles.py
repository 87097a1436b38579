"""The real lookers on loopback: a whole examination of a server of the zoo."""

from __future__ import annotations

import asyncio

from gatepost.doctor.examine import examine
from gatepost.doctor.model import Question, Report, Secret
from gatepost.doctor.names.resolver import Resolver
from support.dns_server import DnsServer
from support.doctor_zoo import HOST, PASSWORD, USER, Authority, healthy, serve
from support.wire_facts import BOOK

HOME = Authority()


def examined(question: Question, zone: dict[str, object] | None = None) -> Report:
    with DnsServer(zone or {HOST: {"A": ["127.0.0.1"]}}) as names:
        resolver = Resolver((names.where,))
        return asyncio.run(examine(question, resolver=resolver, book=BOOK))


async def _sound(replies: dict[str, bytes] | None = None, **asked: object) -> Report:
    async with serve(healthy("pop3", HOME.issue(HOST)).answering(**replies or {})) as server:
        question = Question(HOST, port=server.port, service="pop3s", ca_file=HOME.file, **asked)  # type: ignore[arg-type]
        with DnsServer({HOST: {"A": ["127.0.0.1"]}}) as names:
            return await examine(question, resolver=Resolver((names.where,)), book=BOOK)


def test_a_sound_server() -> None:
    report = asyncio.run(_sound())
    assert report.verdict.status == "pass", report.verdict
    assert report.seconds < 2


def test_a_sound_server_with_a_login() -> None:
    report = asyncio.run(_sound(user=USER, secret=Secret(PASSWORD)))
    assert {"A0", "B0"} <= {each.id for each in report.all_findings()}


def test_a_wrong_password_and_the_port_afterwards() -> None:
    refused = b"-ERR [AUTH] Authentication failed.\r\n"
    report = asyncio.run(_sound({"PASS": refused, "AUTH": refused}, user=USER, secret=Secret(PASSWORD)))
    assert report.verdict.because == "A1"


def test_a_closed_port_is_looked_around() -> None:
    report = examined(Question(HOST, port=1, service="pop3s"))
    (service,) = report.services
    assert service.findings[0].id == "T1"


def test_an_address_of_a_domain_that_does_not_exist() -> None:
    report = examined(Question("me@nowhere.invalid"), {"example.test": {}})
    assert report.verdict.status == "fail"
    assert report.services == ()
