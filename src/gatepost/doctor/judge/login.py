"""The one login and the look into the mailbox: rows A and those of the providers."""

from __future__ import annotations

from typing import Final

from gatepost.doctor.facts import Contact, Login
from gatepost.doctor.judge.greeting import takes_password
from gatepost.doctor.judge.pen import Pen, capabilities
from gatepost.doctor.judge.words import best_match
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Confidence, Finding, Stage

SLOW: Final = 2.0
"""Seconds for a refusal: servers that count failures make the next one wait."""

_DIGESTS: Final = ("CRAM-", "DIGEST-", "SCRAM-")
_NOT_TRIED: Final = {"no usable mechanism": "A22", "unexpected challenge": "A11"}
_HELD_BACK: Final = frozenset({"not encrypted", "certificate not trusted"})
"""The password was not sent, and what was found before says why."""


def judge(contact: Contact, provider: str, book: Book, *, ascii_only: bool = True) -> tuple[Finding, ...]:
    """Nothing where no login was tried. `provider`: the name of the known one, or empty.

    `ascii_only`: whether user name and password are; servers disagree about all other letters.
    """
    login = contact.login
    if login is None or login.error in _HELD_BACK:
        return ()
    write = Pen(contact, book)
    if not login.accepted:
        found = _refused(contact, login, provider, write)
        return found if ascii_only or not login.reply else (*found, write("A20"))
    accepted = write("A0", login.reply)
    return (accepted, *_visit(contact, provider, write))


def _refused(contact: Contact, login: Login, provider: str, write: Pen) -> tuple[Finding, ...]:
    if not login.reply:
        known = capabilities(contact)
        mechanisms = ", ".join(known.mechanisms()) if known else ""
        row = _NOT_TRIED.get(login.error, "A25")
        if row == "A22" and contact.inside_tls is not None and takes_password(contact):
            row = "S8"  # by a way that mail programs may speak, and we do not
        return (write(row, login.error, mechanisms=mechanisms),)
    if not said_no(login):
        reason = best_match(login.reply, contact.target.service.protocol, provider, write.book, general="A1")
        return (write(reason.id if reason else "A25", login.reply),)
    found = [_reason(contact, login.reply, provider, write)]
    if login.mechanism.startswith(_DIGESTS):
        found.append(write("A21", login.reply))
    if login.seconds >= SLOW:
        found.append(write("A13", f"{login.seconds:.1f} s", seconds=f"{login.seconds:.1f}"))
    return tuple(found)


def said_no(login: Login) -> bool:
    """Whether the server judged the password, and refused it.

    A farewell, or a complaint about the command itself, says nothing of it (RFC 9051 §7.1.3, §7.1.5; RFC 5321 §3.8).
    """
    if not login.reply or login.accepted:
        return False
    return not _is_misunderstood(login.reply) and not _is_farewell(login.reply)


def _is_farewell(reply: bytes) -> bool:
    return any(line.upper().startswith((b"* BYE", b"421")) for line in reply.splitlines())


def _is_misunderstood(reply: bytes) -> bool:
    """IMAP's `BAD`, and SMTP's 500 to 503."""
    last = (reply.strip().splitlines() or [b""])[-1].upper()
    return last.split(b" ")[1:2] == [b"BAD"] or last.startswith((b"500", b"501", b"502", b"503"))


def _reason(contact: Contact, reply: bytes, provider: str, write: Pen) -> Finding:
    """What the words mean; a refusal without known words is mostly a wrong password."""
    known = best_match(reply, contact.target.service.protocol, provider, write.book)
    if known is None:
        return write("A1", reply, confidence=Confidence.POSSIBLE)
    return write(known.id, reply)


def _visit(contact: Contact, provider: str, write: Pen) -> tuple[Finding, ...]:
    """A good login does not yet mean a mailbox."""
    visit = contact.visit
    if visit is None:
        return ()
    if visit.accepted:
        return (
            *_listed(contact, write),
            write("B1" if contact.target.service.protocol == "smtp" else "B0", visit.reply),
        )
    known = best_match(visit.reply, contact.target.service.protocol, provider, write.book)
    return (write(known.id if known else "A26", visit.reply, stage=Stage.MAILBOX),)


_LONGEST_ID: Final = 70
"""Characters of a unique-id: 0x21 to 0x7E, one at least (RFC 1939 §7)."""


def _listed(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    """B2: names of messages by which no program can know them again. The last line may be cut off."""
    if contact.listing is None or not contact.listing.accepted:
        return ()
    lines = [line.split() for line in contact.listing.reply.split(b"\n")[1:-1]]
    numbered = [line for line in lines if line and line[0].isdigit()]
    names = [line[1] if len(line) == 2 else b"" for line in numbered]
    bad = [line for line, name in zip(numbered, names, strict=True) if not _is_name(name)]
    twice = [line for line, name in zip(numbered, names, strict=True) if names.count(name) > 1] if not bad else []
    if not bad and not twice:
        return ()
    proof = b" / ".join(b" ".join(line) for line in (bad or twice)[:5])
    return (write("B2", proof, count=str(len(bad or twice))),)


def _is_name(name: bytes) -> bool:
    return 0 < len(name) <= _LONGEST_ID and all(0x21 <= octet <= 0x7E for octet in name)
