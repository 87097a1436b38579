"""Counts that all workers share: connections, failed logins, last logins. This file is the contract."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Limited(Struct, frozen=True):
    """Somebody whom the limits hold up at this moment."""

    kind: str
    """`address`, `site`, `login` or `account`."""
    who: str
    """An IPv4 address or IPv6 /64; an IPv6 /48 (a site); a login as it was typed, at most 48 octets of it; the number
    of an account."""
    failures: int
    """Failed logins that are remembered."""
    delay: float
    """Seconds that its next login waits."""
    until: float
    """When its failures are forgotten, in the clock of the one who says so; 0: there are none."""
    refused: bool
    """It may not log in before `until`, but for those who did so of late from there."""
    connections: int
    """Open now (of an account: sessions)."""
    full: bool
    """It has as many as it may have; a further one is turned away."""


class Tally(Protocol):
    """Every method is a few microseconds, touches no disk and never waits. `now` is `time.monotonic()`.

    An address counts as itself (IPv4) or as its /64 (IPv6), and there as its /48 too. Addresses on the allow-list are
    never counted, delayed or refused. A login and an address are *known* together while that login succeeded from there
    of late; what others do there, or elsewhere with that login, does not hold it up. See docs/operations.md.
    """

    def connect(self, address: str) -> bool:
        """Counts a connection; False if the address has its full number already (then it is not counted)."""

    def disconnect(self, address: str) -> None:
        """Takes it back."""

    def enter(self, account_id: int) -> bool:
        """Counts a session of the account; False if it has its full number already."""

    def leave(self, account_id: int) -> None:
        """Takes it back."""

    def refusal(self, address: str, now: float, login: str = "") -> float:
        """Seconds for which this login is still refused from this address because of failed ones; 0 if it may try.

        Without a login: for which the address need not even connect, because nobody known is there.
        """

    def known(self, address: str, login: str, now: float) -> bool:
        """Whether this login succeeded from this address of late."""

    def delay(self, address: str, login: str, now: float) -> float:
        """Seconds that a login must wait before it is looked at, because of earlier failures."""

    def failure(self, address: str, login: str, secret_digest: bytes, now: float) -> None:
        """Notes a failed login. The same wrong secret again for the same login counts once.

        An empty digest: the secret cannot be compared with others (SCRAM). Then each counts for the two together, and
        four for one everywhere else.
        """

    def success(self, address: str, login: str, now: float) -> None:
        """Forgets the failures of this login from this address; not the address's failures for other logins."""

    def last_login(self, account_id: int) -> tuple[float, int]:
        """When the account last opened its maildrop, and the UIDNEXT it saw; (0.0, 0) if unknown."""

    def note_login(self, account_id: int, now: float, uidnext: int) -> None:
        """For LOGIN-DELAY (RFC 2449 §6.5)."""
