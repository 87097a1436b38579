"""Leads one contact through the judges of all stages; a stage that could not be tested says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from gatepost.doctor.facts import Contact, Reach, Surroundings
from gatepost.doctor.judge import certificate, greeting, login, mode, reach, tls
from gatepost.doctor.judge.limits import SHUT
from gatepost.doctor.judge.pen import Pen, between_servers
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Stage, Status


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known beside the facts of a contact."""

    now: float
    """Unix seconds, by our clock."""
    expected: bool = True
    """Whether the service must be there: it was asked for, or is promised. False: that it is closed is fine."""
    provider: str = ""
    """Name of the known provider."""
    no_login: str = "S2"
    """The row that says why no login was tried here."""
    login_at: str = ""
    """The service that got the one login."""
    ascii_only: bool = True
    """Whether user name and password are ASCII."""
    limited: bool = False
    """Whether the address let us in at one time and not at another."""
    authorities: tuple[str, ...] = ()
    """Subjects of the authorities that are trusted beside the system's."""
    spare: bool = False
    """Whether another server that works is published for the same service."""


def judge(contact: Contact, surroundings: Surroundings, known: Circumstances, book: Book) -> tuple[Finding, ...]:
    """All findings about one contact, in the order of the stages."""
    if not known.expected and contact.dial.reach is not Reach.OPEN:
        return (_not_offered(contact, book),)
    if known.limited and contact.dial.reach in SHUT:
        found = [Pen(contact, book)("T24", contact.dial.error)]
    else:
        found = [_with_spare(each, known) for each in reach.judge(contact, surroundings, book)]
    if contact.unfinished and contact.dial.reach is Reach.OPEN:
        found.append(Pen(contact, book)("T25", f"{contact.seconds:.1f} s", seconds=f"{contact.seconds:.0f}"))
    for stage, findings in _stages(contact, known, book):
        found += findings or _skipped(contact, stage, found, known, book)
    return tuple(found)


def _with_spare(finding: Finding, known: Circumstances) -> Finding:
    """Programs go on to the next server (RFC 2782)."""
    return replace(finding, status=Status.WARN) if known.spare and finding.status is Status.FAIL else finding


def _stages(contact: Contact, known: Circumstances, book: Book) -> Iterator[tuple[Stage, tuple[Finding, ...]]]:
    yield Stage.MODE, mode.judge(contact, book)
    yield Stage.TLS, (*tls.judge(contact, book), *certificate.judge(contact, known.now, book, known.authorities))
    yield Stage.GREETING, greeting.judge(contact, book)
    yield Stage.LOGIN, login.judge(contact, known.provider, book, ascii_only=known.ascii_only)


def _not_offered(contact: Contact, book: Book) -> Finding:
    """Ports that begin in the clear are best closed."""
    return Pen(contact, book)("T23" if contact.target.service.on else "T22", contact.dial.error)


def _skipped(
    contact: Contact, stage: Stage, found: list[Finding], known: Circumstances, book: Book
) -> tuple[Finding, ...]:
    """One finding; none where the stage was judged in passing, nor for a login where nobody logs in."""
    if any(each.stage is stage for each in found) or (stage is Stage.LOGIN and between_servers(contact.target)):
        return ()
    write = Pen(contact, book)
    blocker = next((each.title for each in found if each.status is Status.FAIL), "")
    if stage is Stage.LOGIN and not blocker:
        return (write(known.no_login, stage=stage, other=known.login_at),)
    noted = next((each.title for each in found if each.status is Status.WARN), "")
    return (write("S1", blocker or noted, stage=stage),)
