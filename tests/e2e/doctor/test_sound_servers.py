"""No false alarms: Dovecot, Postfix and Gatepost, well configured, give neither a warning nor a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gatepost.doctor.examine import examine
from gatepost.doctor.model import Question, Report, Secret, Status
from gatepost.doctor.names.resolver import Resolver
from support import mail_daemons
from support.dns_server import DnsServer
from support.server import LOGIN, PASSWORD, Server
from support.specimens import BOOK, HOME, HOST, LOOPBACK, WRONG, identity

DOMAIN = "example.test"
USER = f"alice@{DOMAIN}"
SECRET = "correct-horse"
PEOPLE = ("imap", "imaps", "pop3", "pop3s", "submission", "submissions")


def examined(question: Question, zone: Mapping[str, Any]) -> Report:
    async def visit() -> Report:
        with DnsServer(zone) as names:
            return await examine(question, resolver=Resolver((names.where,)), book=BOOK)

    return asyncio.run(visit())


def confirm_sound(report: Report, *, login: bool) -> None:
    shown = "\n".join(f"{each.status} {each.id} {each.title} [{each.evidence}]" for each in report.all_findings())
    assert not [each.id for each in report.all_findings() if each.status in WRONG], shown
    assert report.verdict.status is Status.PASS, report.verdict
    assert ("A0" in {each.id for each in report.all_findings()}) is login, shown


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    with mail_daemons.daemons(identity(), USER, SECRET) as ports:
        yield ports


@mail_daemons.only_here
@pytest.mark.parametrize("service", PEOPLE)
def test_dovecot_and_postfix(service: str, ports: dict[str, int]) -> None:
    question = Question(
        HOST, ports[service], service, user=USER, secret=Secret(SECRET), ca_file=HOME.file,
        sender=USER if service.startswith("submission") else "",
    )  # fmt: skip
    confirm_sound(examined(question, {HOST: LOOPBACK}), login=True)


@mail_daemons.only_here
def test_postfix_between_servers(ports: dict[str, int]) -> None:
    question = Question(HOST, ports["smtp"], "smtp", ca_file=HOME.file)
    confirm_sound(examined(question, {HOST: LOOPBACK}), login=False)


@mail_daemons.only_here
def test_a_domain_with_service_records(ports: dict[str, int]) -> None:
    zone = {DOMAIN: {"MX": [f"10 {HOST}."]}, HOST: LOOPBACK}
    zone |= {f"_{service}._tcp.{DOMAIN}": {"SRV": [f"0 1 {ports[service]} {HOST}."]} for service in PEOPLE}
    question = Question(USER, inside=True, secret=Secret(SECRET), ca_file=HOME.file)
    report = examined(question, zone)
    confirm_sound(report, login=True)
    assert {each.target.service.name for each in report.services} == set(PEOPLE)


@pytest.mark.parametrize("service", ["pop3s", "pop3"])
def test_gatepost(service: str, shared_server: Server) -> None:
    question = Question(
        "localhost", shared_server.ports[service], service, user=LOGIN, secret=Secret(PASSWORD),
        ca_file=str(shared_server.ca),
    )  # fmt: skip
    confirm_sound(examined(question, {"localhost": LOOPBACK}), login=True)
