"""`gatepost doctor` on a Gatepost host: looks, judges, and then visits the host's own doors like a mail program."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from msgspec.structs import replace

from gatepost import __version__
from gatepost.config.load import examine
from gatepost.config.settings import Settings
from gatepost.doctor.examine.report import expires
from gatepost.doctor.facts import Reach, Surroundings
from gatepost.doctor.judge.service import Circumstances
from gatepost.doctor.judge.service import judge as judge_service
from gatepost.doctor.knowledge import Book
from gatepost.doctor.look.contact import contact
from gatepost.doctor.model import (
    Finding,
    Progress,
    Question,
    Report,
    ServiceReport,
    Stage,
    Status,
    Target,
    Verdict,
    worst,
)
from gatepost.doctor.own.facts import Door, Host
from gatepost.doctor.own.gather import HERE, SMTP, gather
from gatepost.doctor.own.gather.doors import address_of
from gatepost.doctor.own.gather.published import Asks, Discover
from gatepost.doctor.own.gather.system import System
from gatepost.doctor.own.judge import judge, nothing_here
from gatepost.net.addresses import Networks
from gatepost.net.places import tls_files
from gatepost.ports import TlsMode
from gatepost.store.api import Health

WELL_KNOWN_MX: Final = ("gmail-smtp-in.l.google.com", SMTP.port)
"""A mail server that everybody may connect to; nothing is said to it."""
SPOKEN: Final = ("pop3", "imap", "smtp")
"""Protocols in which we can visit ourselves."""
STEP_SECONDS: Final = 3.0
_KEEPS_FROM_RUNNING: Final = ("O1", "O73", "O5", "O9", "O15", "O78")
"""Failures that explain why the server does not run, and so go before that."""

Watcher = Callable[[Progress], None]


class Inspects(Protocol):
    """What is needed of the engine."""

    async def inspect(self, settings: Settings, accounts: Sequence[int] = ()) -> Health:
        """How the store is. Changes nothing and raises nothing."""


class Installation(Protocol):
    """What is examined; `gatepost.cli.environment.Environment` is one."""

    @property
    def engine(self) -> Inspects:
        """Knows the store."""

    @property
    def config_file(self) -> Path | None:
        """None: none was found."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Whom beside this machine is asked; None: nobody."""

    resolver: Asks | None = None
    discover: Discover | None = None
    outward: tuple[str, int] | None = None
    """Host and port of a mail server elsewhere."""


def everybody(book: Book, resolvers: tuple[str, ...] = ()) -> Outside:
    """The system's name servers or those given, the domains' own web pages, and a well-known mail server.

    Raises names.spelling.BadNameError for a name server that is no address.
    """
    from gatepost.doctor.names.discover import discover  # noqa: PLC0415 -- dnspython comes with it
    from gatepost.doctor.names.resolver import Resolver  # noqa: PLC0415

    resolver = Resolver(resolvers)
    return Outside(resolver, partial(discover, resolver=resolver, book=book), WELL_KNOWN_MX)


async def examine_host(
    installation: Installation,
    *,
    book: Book,
    watch: Watcher = lambda _: None,
    outside: Outside | None = None,
    system: System = HERE,
) -> Report:
    """Examines this host; `outside` is `everybody` unless said otherwise. A faulty configuration is a finding."""
    began, start = datetime.now(UTC), time.monotonic()
    asked = everybody(book) if outside is None else outside
    settings = examine(installation.config_file, system=False).settings
    watch(Progress(Stage.HOST, settings.server.hostname, book.phrase("own.looking")))
    host = await gather(
        settings,
        installation.config_file,
        inspect=partial(installation.engine.inspect, settings),
        resolver=asked.resolver,
        discover=asked.discover,
        outward=asked.outward,
        system=system,
    )
    findings = judge(host, book)
    authority = _authority(host)
    wanted = [door for door in host.doors if authority is not None and _can_visit(door, host)]
    visits = await asyncio.gather(*(_visit(door, host, authority or "", book, watch) for door in wanted))
    services = told_apart(visits, wanted)
    return Report(
        subject=host.hostname,
        verdict=_verdict(host, findings, services, book),
        findings=findings,
        services=services,
        settings=(),
        began=began.isoformat(timespec="seconds"),
        seconds=time.monotonic() - start,
        version=__version__,
        language=book.language,
        examined=not nothing_here(host),
    )


def told_apart(services: Sequence[ServiceReport], doors: Sequence[Door]) -> tuple[ServiceReport, ...]:
    """With the address where one service has several, as over IPv4 and IPv6."""
    often = Counter(each.target.where for each in services)
    return tuple(
        replace(each, target=replace(each.target, address=address_of(door.listener)))
        if often[each.target.where] > 1
        else each
        for each, door in zip(services, doors, strict=True)
    )


def _can_visit(door: Door, host: Host) -> bool:
    listener = door.listener
    spoken = listener.service.protocol in SPOKEN and listener.service.tls is not TlsMode.NONE
    asked_for_proxy = address_of(listener) in Networks(listener.proxy_from)
    return spoken and door.reach is Reach.OPEN and not asked_for_proxy and not host.others_at(door)


def _authority(host: Host) -> str | None:
    """Whom to trust beside those whom everybody trusts; None: our own authority, which this user may not see.

    Without it every certificate would look wrong.
    """
    if not any(file.local for file in host.files):
        return ""
    file = str(tls_files(host.settings).authority)
    return file if os.access(file, os.R_OK) else None


async def _visit(door: Door, host: Host, authority: str, book: Book, watch: Watcher) -> ServiceReport:
    """Over this machine's own address, but by the host's name: as a mail program would, if the network lets it."""
    listener = door.listener
    target = Target(listener.service, host.hostname, listener.port, "configuration")
    watch(Progress(Stage.REACH, target.where, listener.where))
    question = Question(host.hostname, listener.port, listener.service.name, ca_file=authority, timeout=STEP_SECONDS)
    seen = await contact(target, address_of(listener), question)
    findings = judge_service(seen, Surroundings(), Circumstances(host.now), book)
    status = worst(each.status for each in findings)
    watch(Progress(Stage.REACH, target.where, "", status))
    return ServiceReport(target, status, findings, seen.seconds, expires([seen]))


def _verdict(host: Host, findings: Sequence[Finding], services: Sequence[ServiceReport], book: Book) -> Verdict:
    """What is wrong with the host itself explains what its doors show, so it goes before."""
    if nothing_here(host):
        return Verdict(Status.SKIP, book.phrase("own.nothing"), findings[0].fix, findings[0].who, findings[0].id)
    everything = [*findings, *(finding for service in services for finding in service.findings)]
    unseen = [each for each in findings if each.status is Status.SKIP and each.stage is Stage.HOST]
    for status, found in (
        (Status.FAIL, [each for each in everything if each.status is Status.FAIL]),
        (Status.WARN, [each for each in everything if each.status is Status.WARN]),
        (Status.SKIP, unseen),
    ):
        if found:
            first = next((each for each in found if each.id in _KEEPS_FROM_RUNNING), found[0])
            more = [book.phrase("own.more", count=str(len(found) - 1))] if len(found) > 1 else []
            sentence = book.phrase(f"own.{status.value}", title=first.title, host=host.hostname)
            return Verdict(status, " ".join([sentence, *more]), first.fix, first.who, first.id)
    return Verdict(Status.PASS, book.phrase("own.fine", host=host.hostname))
