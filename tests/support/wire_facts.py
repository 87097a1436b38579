"""Facts of the wire for tests of judges: a healthy contact of each service, to be spoilt where a test wants it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from gatepost.doctor.facts import (
    Capabilities,
    Certificate,
    Contact,
    Dial,
    Ending,
    Handshake,
    Listening,
    Login,
    Reach,
    Upgrade,
    VersionTried,
    Visit,
)
from gatepost.doctor.knowledge import load
from gatepost.doctor.model import Finding, Target
from gatepost.ports import BY_NAME, TlsMode

BOOK = load()
NOW = 1_800_000_000
DAY = 86_400
HOST = "mail.example.com"
V4, V6 = "192.0.2.1", "2001:db8::1"

GREETINGS = {
    "pop3": b"+OK Dovecot ready.\r\n",
    "imap": b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n",
    "smtp": b"220 mail.example.com ESMTP Postfix\r\n",
}
INSIDE = {
    "pop3": ("CAPA", "TOP", "UIDL", "USER", "AUTH=PLAIN"),
    "imap": ("IMAP4REV1", "AUTH=PLAIN", "AUTH=LOGIN"),
    "smtp": ("PIPELINING", "SIZE 104857600", "AUTH=PLAIN", "AUTH=LOGIN"),
}
BEFORE = {
    "pop3": ("CAPA", "TOP", "UIDL", "STLS"),
    "imap": ("IMAP4REV1", "STARTTLS", "LOGINDISABLED"),
    "smtp": ("PIPELINING", "SIZE 104857600", "STARTTLS"),
}
STARTTLS = {"pop3": b"+OK Begin TLS\r\n", "imap": b"a1 OK Begin TLS\r\n", "smtp": b"220 2.0.0 Ready\r\n"}

LEAF = Certificate(
    subject=f"CN={HOST}",
    issuer="CN=E7,O=Let's Encrypt,C=US",
    names=(HOST, "imap.example.com"),
    common_name=HOST,
    not_before=NOW - 30 * DAY,
    not_after=NOW + 60 * DAY,
    key="EC P-256",
    key_bits=256,
    signature="sha384",
    server_auth=True,
    authority_key_id=True,
    issuer_url="http://e7.i.lencr.org/",
    sha256="ab" * 32,
)
VERIFIED = Handshake(True, True, HOST, "TLSv1.3", "TLS_AES_256_GCM_SHA384", chain=(LEAF,), seconds=0.02)
VERSIONS = (
    VersionTried("TLSv1", False),
    VersionTried("TLSv1.1", False),
    VersionTried("TLSv1.2", True, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    VersionTried("TLSv1.3", True, "TLS_AES_256_GCM_SHA384"),
    VersionTried("weak ciphers", False),
)
LOGGED_IN = Login("PLAIN", True, b"+OK Logged in.\r\n", 0.1)
VISITED = Visit("STAT", True, b"+OK 2 320\r\n", 0.1)
SILENT = Listening(Ending.SILENT, b"", 5.0)
CLOSED = Listening(Ending.CLOSED)
RESET = Listening(Ending.RESET)


def target(service: str = "pop3s", host: str = HOST, port: int | None = None, source: str = "typed") -> Target:
    row = BY_NAME[service]
    return Target(row, host, port or row.port, source)


def dial(
    port: int, reach: Reach = Reach.OPEN, address: str = V4, seconds: float = 0.01, error: str = "", host: str = HOST
) -> Dial:
    return Dial(host, address, port, reach, seconds, error)


def said(octets: bytes, seconds: float = 0.05) -> Listening:
    return Listening(Ending.OCTETS, octets, seconds)


def can(items: Iterable[str], octets: bytes | None = None) -> Capabilities:
    items = tuple(items)
    return Capabilities(True, items, "\r\n".join(items).encode() if octets is None else octets)


def failed_handshake(error: str = "", code: int = 0, message: str = "") -> Handshake:
    return Handshake(False, False, HOST, error=error, verify_code=code, verify_message=message)


def contact(service: str = "pop3s", *, address: str = V4, **facts: object) -> Contact:
    """A healthy one, with `facts` in the place of its own."""
    wanted = target(service)
    protocol = wanted.service.protocol
    greeting = said(GREETINGS[protocol])
    healthy = Contact(wanted, dial(wanted.port, address=address), greeting=greeting, versions=VERSIONS)
    if wanted.service.tls is TlsMode.IMPLICIT:
        healthy = replace(healthy, handshake=VERIFIED, inside_tls=can(INSIDE[protocol]))
    else:
        healthy = replace(
            healthy,
            plain=greeting,
            before_tls=can(BEFORE[protocol]),
            upgrade=Upgrade(True, STARTTLS[protocol], agreed=True, handshake=VERIFIED, command_injected=False),
            inside_tls=can(INSIDE[protocol]) if service != "smtp" else can(("PIPELINING", "SIZE 104857600")),
        )
    return replace(healthy, **facts)


def unreached(service: str = "pop3s", reach: Reach = Reach.REFUSED, address: str = V4, host: str = HOST) -> Contact:
    wanted = target(service, host)
    return Contact(wanted, dial(wanted.port, reach, address, error=f"[Errno] {reach}", host=host))


def untrusted(service: str = "pop3s", code: int = 0, message: str = "", **changes: object) -> Contact:
    """Its certificate, with `changes`, was refused with OpenSSL's `code`, and looked at in a second handshake."""
    seen = replace(VERIFIED, verified=False, chain=(replace(LEAF, **changes),))
    refused = failed_handshake("CERTIFICATE_VERIFY_FAILED", code, message)
    made = contact(service, unverified=seen)
    if made.upgrade:
        return replace(made, upgrade=replace(made.upgrade, handshake=refused))
    return replace(made, handshake=refused)


def told(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """(id, status) of each."""
    return [(each.id, each.status.value) for each in findings]
