"""What a session sees of authentication; it never holds a verifier and never compares a secret."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from gatepost.errors import DomainError
from gatepost.model import Account, Scope
from gatepost.net.api import Peer, TlsInfo


class Login(Struct, frozen=True):
    """A successful login."""

    account: Account
    credential_id: int
    """0 for a client certificate."""
    credential: str
    """Its name, e.g. `main` or `Alice's phone`."""
    mechanism: str
    """`USER`, `PLAIN`, `SCRAM-SHA-256-PLUS`, …"""
    folder: str = ""
    """The mailbox named behind the address (`alice@example.com/Archive`); empty means INBOX."""


class LoginFailedError(DomainError):
    """No entry.

    `reason` is for the log: `unknown user`, `wrong password`, `disabled`, `scope`, which the peer must not be able
    to tell apart (`str()` is the same for all), and behind it a character that nobody sees in the name that was sent,
    if there is one; `authzid`; and, temporary, `delayed`, `refused` (the address),
    `busy`. `login` is safe to print: no control characters, bounded.
    `temporary` is True when a later try with the same credentials may succeed (SYS/TEMP, not AUTH).
    """

    def __init__(self, text: str, reason: str, login: str = "", *, temporary: bool = False) -> None:
        super().__init__(text)
        self.reason = reason
        self.login = login
        self.temporary = temporary


class Challenge(Struct, frozen=True):
    """The SASL server's next message, before base64; empty for "go on"."""

    data: bytes


class Dialog(Protocol):
    """One running SASL exchange."""

    @property
    def name(self) -> str:
        """Who wants to enter, as far as the client has said; safe to print."""

    def give_up(self) -> None:
        """The client ended the exchange before it came to a result, or broke its rules: that may count as a try."""

    async def respond(self, data: bytes | None) -> Challenge | Login:
        """Takes the client's message (None: it sent no initial response). Raises LoginFailedError, PeerError."""


class Authenticator(Protocol):
    """The one door to all credentials."""

    def mechanisms(self, tls: TlsInfo | None) -> tuple[str, ...]:
        """SASL mechanisms to advertise on this connection, strongest first.

        Without TLS: those for a connection that has `Peer.cleartext_login`; others must not be offered any.
        """

    def known(self, name: str, password: str, peer: Peer, scope: Scope, mechanism: str) -> Login | None:
        """The login, noted as `password` notes it, if it was right of late and there is nothing to wait for.

        None: ask `password`.
        """

    async def password(self, name: str, password: str, peer: Peer, scope: Scope, mechanism: str) -> Login:
        """Checks name and password; waits out the throttle first. Raises LoginFailedError, StoreUnavailableError."""

    def start(self, mechanism: str, peer: Peer, tls: TlsInfo | None, scope: Scope) -> Dialog:
        """Begins an exchange. Raises PeerError for a mechanism that was not advertised, or where TLS is missing."""
