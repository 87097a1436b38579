"""What a server says first and what it can do: rows G, and G13-G15, A8 and others where a greeting turns us away."""

from __future__ import annotations

from typing import Final

from gatepost.doctor.facts import Capabilities, Contact
from gatepost.doctor.judge.certificate import covers
from gatepost.doctor.judge.pen import (
    OAUTH,
    Pen,
    attempt,
    between_servers,
    capabilities,
    implicit,
    names_login,
    readable,
    refuses_us,
    session,
)
from gatepost.doctor.judge.words import best_match
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Status
from gatepost.doctor.tongues.speech import Speech, refuses, speech
from gatepost.numbers import number
from gatepost.ports import TlsMode

SMALL_SIZE: Final = 25 * 1024 * 1024
"""Octets: below what big providers take, people meet the limit."""


def judge(contact: Contact, book: Book) -> tuple[Finding, ...]:
    """Nothing where no greeting was waited for. Strangers, who speak another protocol, are for `mode`."""
    write = Pen(contact, book)
    greeting = contact.greeting
    if greeting is None:
        return ()
    if not greeting.octets:
        if (tried := session(contact)) is None or tried.error:
            return ()
        return (write("G16", greeting.ending.value),) if implicit(contact.target) else ()
    if speech(greeting.octets) is not Speech(contact.target.service.protocol):
        return ()
    if refuses(greeting.octets):
        return (_turned_away(contact, greeting.octets, write),)
    found = (*_hello(contact, write), *_abilities(contact, write), *_before_tls(contact, write), *_name(contact, write))
    return (write("G0", greeting.octets), *found)


def _turned_away(contact: Contact, words: bytes, write: Pen) -> Finding:
    """The reason, if the words tell it."""
    known = best_match(words, contact.target.service.protocol, "", write.book, general="G1")
    return write(known.id if known else "G1", words)


def _hello(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    """EHLO was refused: for TLS that must come first, or for the name that we gave. Very old servers do not know it."""
    reply = contact.helo_reply
    if not refuses_us(reply):
        return ()
    known = best_match(reply, "smtp", "", write.book)
    return (write(known.id if known else "G8", reply),)


def _abilities(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    """What is missing or limited, where the server told what it can do."""
    known = capabilities(contact)
    if known is None:
        return _unclear(contact, write)
    match contact.target.service.protocol:
        case "pop3":
            return (*_pop3(known, write), *_logins(contact, write))
        case "smtp":
            return (*_size(known, write), *_logins(contact, write))
        case _:
            return _logins(contact, write)


def _unclear(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    """The question for abilities got no answer, or a strange one. A refusal is neither: old servers know no CAPA."""
    asked = contact.inside_tls or contact.before_tls
    if asked is None or not asked.asked:
        return ()
    if not asked.octets:
        return () if contact.helo_reply else (write("G14"),)
    return () if speech(asked.octets) is Speech(contact.target.service.protocol) else (write("G13", asked.octets),)


def _pop3(known: Capabilities, write: Pen) -> tuple[Finding, ...]:
    missing = [name for name in ("UIDL", "TOP") if not known.has(name)]
    return (write("G9", known.octets, names=", ".join(missing)),) if missing else ()


def _size(known: Capabilities, write: Pen) -> tuple[Finding, ...]:
    """The limit for one message (RFC 1870 §4); 0 is none."""
    given = next((item[5:].strip() for item in known.items if item.startswith("SIZE ")), "")
    size = number(given, SMALL_SIZE - 1)
    if not size:
        return ()
    return (write("G18", f"SIZE {given}", size=f"{size / 1024 / 1024:.1f} MB"),)


def _logins(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    """Whether a password can be used at all, inside TLS."""
    if between_servers(contact.target):
        return () if _mechanisms(contact) else (write("G7", status=Status.INFO),)
    known = contact.inside_tls
    if known is None or not known.asked or not known.items or takes_password(contact):
        return ()
    if OAUTH & set(known.mechanisms()):
        return (write("G5", known.octets, mechanisms=", ".join(known.mechanisms())),)
    return (write("A22", known.octets, mechanisms=", ".join(known.mechanisms())),)


def _mechanisms(contact: Contact) -> tuple[str, ...]:
    known = capabilities(contact)
    return known.mechanisms() if known else ()


def takes_password(contact: Contact) -> bool:
    """Whether the server, inside TLS, names a way to log in with a password."""
    known = contact.inside_tls or Capabilities(asked=False)
    if set(known.mechanisms()) - OAUTH - {"EXTERNAL", "ANONYMOUS", "GSSAPI"}:
        return True
    match contact.target.service.protocol:
        case "pop3":
            return known.has("USER")
        case "imap":
            return not known.has("LOGINDISABLED")
        case _:
            return False


def _before_tls(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    """On ports that begin in the clear: logging in must wait for TLS."""
    known = contact.before_tls
    if known is None or not known.items or contact.target.service.tls is not TlsMode.STARTTLS:
        return ()
    # Where TLS is not to be had, rows X6 and X21 say what matters.
    if contact.upgrade is None or not contact.upgrade.offered:
        return ()
    if names_login(contact, known):
        # Servers take their own machine for safe: what they offer to it they do not offer to others.
        return () if contact.dial.is_within else (write("G17", known.octets),)
    if contact.target.service.protocol == "smtp":
        return (write("G6", status=Status.INFO),)
    return (write("G4", status=Status.INFO),) if known.has("LOGINDISABLED") else ()


def _name(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    """The name in an SMTP greeting (RFC 5321 §4.2) beside those of the certificate: a difference harms nobody."""
    seen = session(contact) or attempt(contact)
    if contact.target.service.protocol != "smtp" or seen is None or not seen.chain or contact.greeting is None:
        return ()
    name = readable(contact.greeting.octets).removeprefix("220").lstrip(" -").split(" ")[0].lower()
    leaf = seen.chain[0]
    if "." not in name or any(covers(known, name) for known in (*leaf.names, leaf.common_name)):
        return ()
    return (write("G12", contact.greeting.octets, status=Status.INFO, name=name),)
