"""Where the password goes: to nobody whom only a forged answer names, however good the certificate is (RFC 6186 §6)."""

from __future__ import annotations

import asyncio

import pytest

from gatepost.doctor.examine import examine
from gatepost.doctor.model import Question, Report, Secret
from gatepost.doctor.names.resolver import Resolver
from support.dns_server import DnsServer
from support.doctor_zoo import PASSWORD, USER, healthy, serve
from support.specimens import BOOK, HOME, LOOPBACK, identity

STRANGE, OWN = "imap.evil.test", "imap.victim.test"
ADDRESS = f"{USER.partition('@')[0]}@victim.test"


async def visit(host: str, *, typed: bool) -> tuple[Report, int]:
    """The report, and how many log-ins the server heard."""
    async with serve(healthy("imap", identity(host))) as server:
        zone = {"_imaps._tcp.victim.test": {"SRV": [f"0 1 {server.port} {host}."]}, host: LOOPBACK}
        asked = {"user": USER, "secret": Secret(PASSWORD), "ca_file": HOME.file}
        question = Question(host, server.port, "imaps", **asked) if typed else Question(ADDRESS, inside=True, **asked)
        with DnsServer(zone) as names:
            report = await examine(question, resolver=Resolver((names.where,)), book=BOOK)
        return report, len(server.said(b"AUTHENTICATE")) + len(server.said(b"LOGIN"))


@pytest.mark.parametrize(
    ("host", "typed", "logins"), [(STRANGE, False, 0), (STRANGE, True, 1), (OWN, False, 1)], ids=str
)
def test_only_trusted_hosts_hear_the_password(host: str, typed: bool, logins: int) -> None:
    report, heard = asyncio.run(visit(host, typed=typed))
    assert heard == logins
    assert ("D44" in {each.id for each in report.findings}) is (logins == 0)
    assert ("A0" in {each.id for each in report.all_findings()}) is (logins == 1)
