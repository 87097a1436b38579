"""The TLS session itself, without its certificate: rows V, X30 and X20."""

from __future__ import annotations

from typing import Final

from gatepost.doctor.facts import Contact, Handshake, VersionTried
from gatepost.doctor.judge.pen import Pen, attempt, between_servers, session, speaks_tls
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Status

_OLD: Final = ("TLSv1", "TLSv1.1")
_GOOD: Final = ("TLSv1.2", "TLSv1.3")
_VERSION_REFUSED: Final = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "UNSUPPORTED_PROTO")
_CERTIFICATE_WANTED: Final = ("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE")
_JUDGED_ELSEWHERE: Final = ("CERTIFICATE_VERIFY_FAILED", "EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK")
"""Faults of the certificate."""


def judge(contact: Contact, book: Book) -> tuple[Finding, ...]:
    """Nothing where no TLS was met."""
    write = Pen(contact, book)
    tried = [each for each in (attempt(contact), contact.unverified) if each]
    if not any(map(speaks_tls, tried)):
        return ()
    wanted = [each for each in tried if any(word in each.error for word in _CERTIFICATE_WANTED)]
    if wanted:
        return (write("V4", wanted[0].error),)
    done = session(contact)
    if done is None:
        return _failed(contact, tried, write)
    return _agreed(contact, done, write)


def _failed(contact: Contact, tried: list[Handshake], write: Pen) -> tuple[Finding, ...]:
    """The server speaks TLS, but not with us."""
    error = next((each.error for each in reversed(tried) if each.error), "")
    if any(word in error for word in _JUDGED_ELSEWHERE):
        return ()
    if any(word in error for word in _VERSION_REFUSED):
        old = ", ".join(each.what for each in _accepted(contact) if each.what in _OLD)
        return (write("V1" if old or not contact.versions else "X30", error),)
    if "DH_KEY_TOO_SMALL" in error:
        return (write("V6", error),)
    if "HANDSHAKE_FAILURE" in error or "NO_SHARED_CIPHER" in error:
        return (write("V3", error),)
    if contact.without_sni and contact.without_sni.done:
        return (write("X20", error),)
    return (write("X30", error),)


def _agreed(contact: Contact, done: Handshake, write: Pen) -> tuple[Finding, ...]:
    if done.error:
        return (write("X30", done.error),)
    if done.version in _OLD:
        return (write("V1", done.version),)
    found = [write("V0", f"{done.version} {done.cipher}".strip(), version=done.version)]
    accepted = {each.what for each in _accepted(contact)}
    if _refuses(contact, "TLSv1.2") and "TLSv1.3" in accepted:
        found.append(write("V2", status=Status.INFO))
    if _refuses(contact, "TLSv1.3") and done.version == "TLSv1.2":
        found.append(write("V8"))
    return (*found, *_weak(contact, write))


def _weak(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    """Old versions and ciphers that are accepted beside good ones."""
    if weak := [each for each in _accepted(contact) if each.what not in _GOOD]:
        status = Status.INFO if between_servers(contact.target) else None
        evidence = "; ".join(f"{each.what} {each.detail}".strip() for each in weak)
        return (write("V5", evidence, status=status, versions=", ".join(each.what for each in weak)),)
    untested = ", ".join(each.what for each in contact.versions if not each.testable and each.what not in _GOOD)
    if untested:
        return (write("S5", version=untested),)
    return (write("V9"),) if contact.versions else ()


def _accepted(contact: Contact) -> list[VersionTried]:
    return [each for each in contact.versions if each.testable and each.accepted]


def _refuses(contact: Contact, version: str) -> bool:
    return any(each.what == version and each.testable and not each.accepted for each in contact.versions)
