"""What only several contacts beside each other show: rows C13, D6, T3, T4 (over several hosts), T24, A14, A18, A19."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from gatepost.doctor.facts import Certificate, Contact, Reach
from gatepost.doctor.judge.certificate import covers
from gatepost.doctor.judge.limits import SHUT
from gatepost.doctor.judge.login import said_no
from gatepost.doctor.judge.pen import Pen, attempt, between_servers, session
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Status


def judge(contacts: tuple[Contact, ...], book: Book) -> tuple[Finding, ...]:
    """Findings about the whole. A second contact of a target at an address is one that was made after a login."""
    return (
        *_sending(contacts, book),
        *_families(contacts, book),
        *_certificates(contacts, book),
        *_without_name(contacts, book),
        *_bans(contacts, book),
        *_logins(contacts, book),
    )


# --- ports -----------------------------------------------------------------------------------------------------------


def _sending(contacts: tuple[Contact, ...], book: Book) -> Iterator[Finding]:
    """Sending is dropped everywhere, while other hosts answer. Within one host, `reach` sees it."""
    sending = [each for each in contacts if each.target.service.protocol == "smtp"]
    people = [each for each in sending if not between_servers(each.target)]
    dropped = [each for each in people if each.dial.reach is Reach.TIMED_OUT]
    elsewhere = [each for each in contacts if each.dial.reach is Reach.OPEN and each not in sending]
    hosts = {each.target.host for each in people}
    if dropped and len(dropped) == len(people) and any(each.target.host not in hosts for each in elsewhere):
        other = ", ".join(sorted({str(each.target.port) for each in elsewhere}))
        yield Pen(dropped[0], book)("T4", dropped[0].dial.error, other=other)
    servers = [each for each in sending if each not in people]
    if servers and all(each.dial.reach is Reach.TIMED_OUT for each in servers):
        opened = [each for each in people if each.dial.reach is Reach.OPEN]
        if opened and opened[0].target.host != servers[0].target.host:
            yield Pen(servers[0], book)("T3", servers[0].dial.error, other=str(opened[0].target.port))


# --- certificates ----------------------------------------------------------------------------------------------------


def _leaf(contact: Contact) -> Certificate | None:
    seen = session(contact)
    return seen.chain[0] if seen and seen.chain else None


def _is_verified(contact: Contact) -> bool:
    tried = attempt(contact)
    return tried is not None and tried.verified


def _severity(contacts: Iterable[Contact]) -> Status:
    """Different certificates that are all good harm nobody; neither does a bad one on port 25."""
    checked = [each for each in contacts if not between_servers(each.target)]
    return Status.INFO if all(map(_is_verified, checked)) else Status.WARN


def _fingerprints(contacts: Iterable[Contact]) -> str:
    """`995 over IPv4: 0123456789abcdef; …`."""
    shown = [(each, leaf) for each in contacts if (leaf := _leaf(each))]
    return "; ".join(f"{each.target.port} over IPv{each.dial.family}: {leaf.sha256[:16]}" for each, leaf in shown)


def _families(contacts: tuple[Contact, ...], book: Book) -> Iterator[Finding]:
    """One service, but another certificate over IPv6 than over IPv4."""
    seen = sorted((each for each in contacts if _leaf(each)), key=lambda each: each.target.where)
    for _, group in groupby(seen, key=lambda each: each.target.where):
        both = list(group)
        over = {family: {_leaf(each) for each in both if each.dial.family == family} for family in (4, 6)}
        if over[4] and over[6] and over[4].isdisjoint(over[6]):
            yield Pen(both[0], book)("D6", _fingerprints(both), status=_severity(both))


def _certificates(contacts: tuple[Contact, ...], book: Book) -> Iterator[Finding]:
    """One host and one family, but other certificates on other ports."""
    seen = sorted((each for each in contacts if _leaf(each)), key=_place)
    for _, group in groupby(seen, key=_place):
        ports = list(group)
        by_port = {each.target.port: _leaf(each) for each in ports}
        if len(set(by_port.values())) > 1:
            yield Pen(ports[0], book)("C13", shown := _fingerprints(ports), status=_severity(ports), differences=shown)
            return


def _place(contact: Contact) -> tuple[str, str]:
    return contact.target.host, contact.dial.address


def _without_name(contacts: tuple[Contact, ...], book: Book) -> Iterator[Finding]:
    """Programs that do not say which host they want (SNI) are shown another host's certificate."""
    for contact in contacts:
        bare, leaf = contact.without_sni, _leaf(contact)
        if bare is None or not bare.chain or leaf is None or bare.chain[0].sha256 == leaf.sha256:
            continue
        if not any(covers(name, contact.target.host) for name in bare.chain[0].names):
            names = ", ".join(bare.chain[0].names[:10])
            yield Pen(contact, book)("C16", f"without SNI: {names}", status=Status.INFO, names=names)
            return


# --- logins ----------------------------------------------------------------------------------------------------------


def _bans(contacts: tuple[Contact, ...], book: Book) -> Iterator[Finding]:
    """A port that had been open is closed to us: after a password that was refused (A14), or just so (T24)."""
    for number, contact in enumerate(contacts):
        login = contact.login
        if contact.dial.reach is not Reach.OPEN or (login is not None and login.accepted):
            continue
        later = (
            each for each in contacts[number + 1 :] if (each.target, _place(each)) == (contact.target, _place(contact))
        )
        if shut := next((each for each in later if each.dial.reach in SHUT), None):
            yield Pen(contact, book)("A14" if login and said_no(login) else "T24", shut.dial.error)


def _logins(contacts: tuple[Contact, ...], book: Book) -> Iterator[Finding]:
    """The same words were taken here and refused there."""
    tried = [each for each in contacts if each.login]
    accepted = [each for each in tried if each.login and each.login.accepted]
    for contact in tried:
        if not accepted or contact in accepted or contact.login is None:
            continue
        row = "A19" if contact.target.service.protocol == "smtp" else "A18"
        yield Pen(contact, book)(row, contact.login.reply, other=accepted[0].target.service.name)
