"""The port table: every service that Gatepost knows. Nothing else in the code holds a port number.

Listeners, documentation, and later firewall rules, client set-up, DNS records and the doctor's plan
all derive from this table and the live configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class TlsMode(StrEnum):
    """When a service begins to speak TLS."""

    IMPLICIT = "implicit"
    """From the first byte (RFC 8314 §3)."""
    STARTTLS = "starttls"
    """In the clear first; the client must upgrade before it may log in."""
    OPPORTUNISTIC = "opportunistic"
    """In the clear first; upgrade offered (server-to-server SMTP), never a login."""
    NONE = "none"
    """Never; only for local sockets and redirects."""


@dataclass(frozen=True, slots=True)
class Service:
    """A row of the table."""

    name: str
    port: int
    tls: TlsMode
    on: bool
    protocol: str
    purpose: str
    users: str
    """Who may use it, in words for an administrator."""
    ready: bool = False
    """Whether this release serves it."""


SERVICES: Final[tuple[Service, ...]] = (
    Service("pop3s", 995, TlsMode.IMPLICIT, True, "pop3", "retrieve mail with POP3", "people with an account", True),
    Service("imaps", 993, TlsMode.IMPLICIT, True, "imap", "retrieve mail with IMAP", "people with an account"),
    Service("submissions", 465, TlsMode.IMPLICIT, True, "smtp", "send mail", "people with an account"),
    Service("submission", 587, TlsMode.STARTTLS, True, "smtp", "send mail", "people with an account"),
    Service("smtp", 25, TlsMode.OPPORTUNISTIC, True, "smtp", "receive mail from other servers", "other mail servers"),
    Service("https", 443, TlsMode.IMPLICIT, True, "http", "set-up pages", "anybody"),
    Service("pop3", 110, TlsMode.STARTTLS, False, "pop3", "retrieve mail with POP3", "people with an account", True),
    Service("imap", 143, TlsMode.STARTTLS, False, "imap", "retrieve mail with IMAP", "people with an account"),
    Service("lmtp", 24, TlsMode.NONE, False, "lmtp", "local delivery", "programs on this machine"),
    Service("http", 80, TlsMode.NONE, False, "http", "redirect to https, ACME", "anybody"),
)

BY_NAME: Final = {service.name: service for service in SERVICES}

UNPRIVILEGED_OFFSET: Final = 10_000
"""Added to every standard number where the system does not let us bind ports below 1024."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A row of the live table: one service on one address and number, as the configuration has it."""

    service: Service
    address: str
    """IPv4 or IPv6 address without brackets."""
    port: int
    proxy_from: tuple[str, ...] = ()
    """Networks that must send a PROXY header."""
    client_ca: str = ""
    """File of authorities for client certificates; empty: none asked for."""
    cleartext_login_from: tuple[str, ...] = ()
    """Networks that may log in without TLS."""
    standard_port: bool = True
    """False when `port` had to move by `UNPRIVILEGED_OFFSET`."""

    @property
    def where(self) -> str:
        """`address:port`, with brackets round IPv6."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"
