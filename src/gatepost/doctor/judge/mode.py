"""Whether a port speaks what it should, and begins with TLS where it should: rows X.

TLS errors do not tell what stands on the other side: the same `WRONG_VERSION_NUMBER` comes from a mail server in the
clear, a web server and SSH. What was heard without TLS does.
"""

from __future__ import annotations

import re
from typing import Final

from gatepost.doctor.facts import Contact, Ending, Upgrade
from gatepost.doctor.judge.pen import (
    Pen,
    between_servers,
    ended,
    first_words,
    implicit,
    names_login,
    readable,
    refuses_us,
    session,
    speaks_tls,
)
from gatepost.doctor.judge.reach import hung_up, is_mute, wants_header
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Confidence, Finding
from gatepost.doctor.tongues.speech import Speech, is_masked, refuses, speech
from gatepost.ports import BY_NAME

_PORTAL: Final = re.compile(rb"HTTP/1\.[01] (?:30[12378]|511)\b")
"""A web server that leads elsewhere whatever it is told: sign-in pages of networks do (RFC 6585 §6)."""


def judge(contact: Contact, book: Book) -> tuple[Finding, ...]:
    """Nothing where nothing was heard and no TLS was met, as after a failed connection."""
    write = Pen(contact, book)
    if is_mute(contact) or hung_up(contact) or wants_header(contact):
        return ()
    if stranger := _stranger(contact, write):
        return (stranger,)
    if implicit(contact.target):
        return _from_the_start(contact, write)
    return _after_starttls(contact, write)


def _stranger(contact: Contact, write: Pen) -> Finding | None:
    """Something else than the protocol that belongs here."""
    words = first_words(contact)
    spoken = speech(words)
    if spoken in {Speech.NOTHING, Speech.TLS, Speech(contact.target.service.protocol)}:
        return None
    match spoken:
        case Speech.HTTP:
            return write("X31" if _PORTAL.match(words) else "X3", words)
        case Speech.SSH:
            return write("X4", words)
        case Speech.POP3 | Speech.IMAP | Speech.SMTP:
            return write("X5", words, found=spoken.upper(), expected=contact.target.service.protocol.upper())
        case _:
            return write("X17", words)


# --- TLS from the first octet ----------------------------------------------------------------------------------------


def _from_the_start(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    handshake = contact.handshake
    if handshake is None:
        return ()
    if speaks_tls(handshake):
        return (write("X0", mode="SSL/TLS"),)
    if words := first_words(contact):
        return _in_the_clear(contact, words, write)
    if contact.without_sni and contact.without_sni.done:
        return (write("X20", handshake.error),)
    return (write("X14" if "timed out" in handshake.error.lower() else "X13", handshake.error),)


def _in_the_clear(contact: Contact, words: bytes, write: Pen) -> tuple[Finding, ...]:
    """The right protocol, without TLS."""
    port = contact.target.port
    masked = (write("X7", words),) if is_masked(words) else ()
    if port == BY_NAME["submissions"].port:
        return (write("X15", words), *masked)
    if port == BY_NAME["submission"].port:
        return (write("X16", words), *masked)
    return (write("X2", words, confidence=Confidence.CERTAIN), *masked)


# --- STARTTLS --------------------------------------------------------------------------------------------------------


def _after_starttls(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    words = first_words(contact)
    if ended(contact.plain, Ending.SILENT) and speaks_tls(contact.handshake):
        return (write("X1", contact.handshake.version if contact.handshake else ""),)
    if not words:
        return ()
    if words[:9].upper() == b"* PREAUTH":
        return (write("X12", words),)  # TLS cannot begin any more (RFC 9051 §6.2.1)
    return (*_interference(contact, words, write), *_upgrade(contact, write))


def _interference(contact: Contact, words: bytes, write: Pen) -> tuple[Finding, ...]:
    """Signs of somebody who changes what is said in the clear."""
    heard = contact.before_tls.octets if contact.before_tls else b""
    if is_masked(words) or b"XXXXXXXA" in heard + contact.helo_reply:
        return (write("X7", words if is_masked(words) else heard + contact.helo_reply),)
    return ()


def _upgrade(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    """Whether STARTTLS is offered, granted, done, and clean."""
    upgrade = contact.upgrade
    if refuses(first_words(contact)):
        return ()
    if upgrade is None or not upgrade.offered:
        return _not_offered(contact, write)
    if not upgrade.agreed:
        return (write("X8" if upgrade.reply else "X9", upgrade.reply or "closed after STARTTLS"),)
    broken = _injections(upgrade, write)
    if not speaks_tls(upgrade.handshake) and session(contact) is None:
        error = upgrade.handshake.error if upgrade.handshake else ""
        return (*broken, write("X9", error))
    return broken or _clean(upgrade, write)


def _not_offered(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    """Somebody on the way may remove the offer; between servers mail then goes unencrypted."""
    known = contact.before_tls
    if known is None or not known.asked or refuses_us(contact.helo_reply):
        return ()
    if between_servers(contact.target):
        return (write("X23", known.octets),)
    missing = write("X6", known.octets)
    return (missing, write("X21", known.octets)) if names_login(contact, known) else (missing,)


def _clean(upgrade: Upgrade, write: Pen) -> tuple[Finding, ...]:
    tested = (write("X22"),) if upgrade.command_injected is False else ()
    return (write("X0", upgrade.reply, mode="STARTTLS"), *tested)


def _injections(upgrade: Upgrade, write: Pen) -> tuple[Finding, ...]:
    """Octets of the clear that count inside TLS (CVE-2011-0411 and its kin)."""
    found = []
    if upgrade.extra:
        found.append(write("X10", readable(upgrade.extra)))
    if upgrade.command_injected:
        found.append(write("X11", "a command sent in the clear was answered inside TLS"))
    return tuple(found)
