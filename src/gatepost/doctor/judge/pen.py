"""What every judge of the wire needs: to read facts of a contact, and to write a finding about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from gatepost.doctor.facts import Capabilities, Contact, Ending, Handshake, Listening
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Confidence, Finding, Stage, Status, Target
from gatepost.ports import TlsMode

OAUTH: Final = frozenset({"XOAUTH2", "OAUTHBEARER"})
"""Mechanisms that take a token from the provider's own login page, never a password."""
UNCHECKED: Final = frozenset({0, 1})
"""Verify codes that name no fault: none was found, or OpenSSL did not say which."""

_DIRECT: Final = "openssl s_client"


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes findings about one contact: `write("T1", other="993")`."""

    contact: Contact
    book: Book

    def __call__(
        self,
        row: str,
        evidence: str | bytes = "",
        *,
        stage: Stage | None = None,
        status: Status | None = None,
        confidence: Confidence | None = None,
        **parameters: str,
    ) -> Finding:
        """The row as a finding about this contact. Host, port, service and the like need not be given."""
        words = readable(evidence) if isinstance(evidence, bytes) else evidence
        found = self.book.finding(
            row,
            subject=subject(self.contact),
            evidence=words,
            stage=stage,
            status=status,
            confidence=confidence,
            **{**_parameters(self.contact), "text": words, **parameters},
        )
        return _by_starttls(found, self.contact.target)


def subject(contact: Contact) -> str:
    """`pop3s mail.example.com:995 (192.0.2.1)`."""
    where = contact.target.where
    return where if contact.target.host == contact.dial.address else f"{where} ({contact.dial.address})"


def _parameters(contact: Contact) -> dict[str, Any]:
    target = contact.target
    return {
        "host": target.host,
        "port": str(target.port),
        "service": target.service.name,
        "protocol": target.service.protocol,
        "address": contact.dial.address,
    }


def _by_starttls(finding: Finding, target: Target) -> Finding:
    """The line that shows the same has to ask for TLS where the port begins in the clear."""
    if finding.stage not in {Stage.TLS, Stage.GREETING} or implicit(target):
        return finding
    line = finding.command.replace(_DIRECT, f"{_DIRECT} -starttls {target.service.protocol}")
    return finding if "-starttls" in finding.command else replace(finding, command=line)


def readable(octets: bytes) -> str:
    """A server's words for a person: lines joined by ` / `, what is not UTF-8 as escapes."""
    text = octets.decode("utf-8", "backslashreplace")
    return " / ".join(line for line in text.replace("\r", "\n").split("\n") if line)


def implicit(target: Target) -> bool:
    """Whether the service begins with TLS."""
    return target.service.tls is TlsMode.IMPLICIT


def between_servers(target: Target) -> bool:
    """Port 25: TLS without a checked certificate is better than none there, and nobody logs in (RFC 3207 §4.1)."""
    return target.service.tls is TlsMode.OPPORTUNISTIC


def first_words(contact: Contact) -> bytes:
    """The first octets that the server sent, wherever; empty: none."""
    heard = (contact.greeting, contact.plain, contact.poked)
    return next((each.octets for each in heard if each and each.octets), b"")


def ended(listening: Listening | None, *endings: Ending) -> bool:
    """Whether it was listened, nothing came, and it ended so."""
    return listening is not None and not listening.octets and listening.ending in endings


def attempt(contact: Contact) -> Handshake | None:
    """The verified handshake where it belongs: at once, or after STARTTLS."""
    if implicit(contact.target):
        return contact.handshake
    return contact.upgrade.handshake if contact.upgrade else None


def session(contact: Contact) -> Handshake | None:
    """The handshake that succeeded, if need be the one that trusts anybody; None: no TLS session came about."""
    tried = (attempt(contact), contact.unverified)
    return next((each for each in tried if each and each.done), None)


def speaks_tls(handshake: Handshake | None) -> bool:
    """Whether the other side answered in TLS, be it with an alert or with a certificate that was refused."""
    return handshake is not None and (
        handshake.done or handshake.verify_code not in UNCHECKED or bool(handshake.chain) or _is_alert(handshake.error)
    )


def _is_alert(error: str) -> bool:
    return "ALERT" in error or any(word in error for word in ("TOO_SMALL", "UNSUPPORTED_PROTOCOL", "CERTIFICATE"))


def refuses_us(helo_reply: bytes) -> bool:
    """Whether the reply to EHLO is a no to us; to very old servers the command itself is unknown (RFC 5321 §4.1.4)."""
    return bool(helo_reply) and not helo_reply.startswith((b"500", b"502"))


def capabilities(contact: Contact) -> Capabilities | None:
    """What the server can do, inside TLS if that is known."""
    known = (contact.inside_tls, contact.before_tls)
    return next((each for each in known if each and each.asked and each.items), None)


def names_login(contact: Contact, known: Capabilities) -> bool:
    """Whether the server offers, among these abilities, to take a password as it is."""
    if {"PLAIN", "LOGIN"} & set(known.mechanisms()):
        return True
    match contact.target.service.protocol:
        case "pop3":
            return known.has("USER")
        case "imap":
            return not known.has("LOGINDISABLED")
        case _:
            return False
