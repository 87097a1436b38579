"""Specimens of the zoo: a broken server, what is asked of the doctor about it, and the verdict that is due.

    Specimen("A1", healthy("pop3", identity()).answering(AUTH=b"-ERR [AUTH] no\\r\\n"), login=True)

`examined(specimen)` runs the server on loopback and the whole doctor on it, with a DNS of its own; `confirm` holds the
report against what the specimen says: the row is there, it decides the verdict if it can, and nothing else is wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gatepost.doctor.examine import examine
from gatepost.doctor.knowledge import load
from gatepost.doctor.model import Question, Report, Secret, Status
from gatepost.doctor.names.resolver import Resolver
from support.dns_server import DnsServer
from support.doctor_zoo import PASSWORD, USER, Authority, Identity, Script, serve

BOOK = load()
HOME = Authority()
HOST = "mail.example.test"
LOOPBACK: Mapping[str, Any] = {"A": ["127.0.0.1"]}

WRONG = frozenset({Status.WARN, Status.FAIL})


@cache
def identity(host: str = HOST) -> Identity:
    """A good certificate for the host, of the authority that every specimen's question names."""
    return HOME.issue(host)


@dataclass(frozen=True)
class Specimen:
    """One patient, and the diagnosis that is due."""

    row: str
    """The finding that must be there."""
    script: Script | None = None
    """What listens; None: nothing does."""
    service: str = "pop3s"
    """Empty: nothing is said of it."""
    host: str = HOST
    """What is typed. `HOST` and this name lead to loopback, unless `zone` says otherwise."""
    also: str = ""
    """Rows, apart from `row`, that may warn or fail as well."""
    names: bool = False
    """It is about the name alone: no port is given."""
    login: bool = False
    ask: Mapping[str, Any] = field(default_factory=dict)
    """More of the question."""
    zone: Callable[[int], Mapping[str, Any]] = lambda _port: {}
    """Of the DNS; made from the script's port."""
    others: Mapping[str, Any] | None = None
    """The zone of a second resolver."""
    decides: bool = True
    """The verdict is because of it, if it is a warning or a failure."""
    called: str = ""
    """Tells it from others of the same row."""

    @property
    def id(self) -> str:
        """For pytest."""
        return "-".join(filter(None, (self.row, self.called or self.service)))


def ids(specimens: Iterable[Specimen]) -> list[str]:
    """For pytest."""
    return [each.id for each in specimens]


async def examined(specimen: Specimen, *, host: str = "127.0.0.1") -> Report:
    """The whole doctor on it."""
    async with AsyncExitStack() as stack:
        port = 1  # nobody listens there
        if specimen.script is not None:
            port = (await stack.enter_async_context(serve(specimen.script, host))).port
        zone = {HOST: LOOPBACK, specimen.host: LOOPBACK, **specimen.zone(port)}
        names = stack.enter_context(DnsServer(zone))
        second = None if specimen.others is None else stack.enter_context(DnsServer(specimen.others))
        others = () if second is None else (Resolver((second.where,)),)
        return await examine(_question(specimen, port), resolver=Resolver((names.where,)), others=others, book=BOOK)


def _question(specimen: Specimen, port: int) -> Question:
    asked: dict[str, Any] = {"service": specimen.service, "ca_file": HOME.file, "timeout": 2.0, "families": (4,)}
    asked["inside"] = True  # all servers are on this machine
    if not specimen.names:
        asked["port"] = port
    if specimen.login:
        asked |= {"user": USER, "secret": Secret(PASSWORD)}
    return Question(specimen.host, **(asked | dict(specimen.ask)))


async def all_examined(specimens: Iterable[Specimen]) -> dict[str, Report]:
    """At once: for those that make one wait."""
    known = tuple(specimens)
    reports = await asyncio.gather(*map(examined, known))
    return dict(zip(ids(known), reports, strict=True))


def confirm(specimen: Specimen, report: Report) -> None:
    """Raises AssertionError unless the report says what is due, and no more."""
    check(report, specimen.row, specimen.also, decides=specimen.decides)


def check(report: Report, row: str, also: str = "", *, decides: bool = True) -> None:
    """The row is there; no other warns or fails but those of `also`; the verdict is because of it."""
    shown = "\n".join(f"{each.status} {each.id} {each.title} [{each.evidence}]" for each in report.all_findings())
    found = [each for each in report.all_findings() if each.id == row]
    assert found, f"{row} is missing; the verdict is {report.verdict}\n{shown}"
    wrong = {each.id for each in report.all_findings() if each.status in WRONG} - {row}
    assert wrong == set(also.split()), f"{wrong} beside {row}\n{shown}"
    if decides and any(each.status in WRONG for each in found):
        assert report.verdict.because == row, f"{report.verdict}\n{shown}"
