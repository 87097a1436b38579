"""Leads one contact through the judges of all stages; a stage that could not be tested says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gatepost.doctor.facts import Contact, Reach, Surroundings
from gatepost.doctor.judge import certificate, greeting, login, mode, reach, tls
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


def judge(contact: Contact, surroundings: Surroundings, known: Circumstances, book: Book) -> tuple[Finding, ...]:
    """All findings about one contact, in the order of the stages."""
    if not known.expected and contact.dial.reach is not Reach.OPEN:
        return (_not_offered(contact, book),)
    found = list(reach.judge(contact, surroundings, book))
    for stage, findings in _stages(contact, known, book):
        found += findings or _skipped(contact, stage, found, known, book)
    return tuple(found)


def _stages(contact: Contact, known: Circumstances, book: Book) -> Iterator[tuple[Stage, tuple[Finding, ...]]]:
    yield Stage.MODE, mode.judge(contact, book)
    yield Stage.TLS, (*tls.judge(contact, book), *certificate.judge(contact, known.now, book))
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
