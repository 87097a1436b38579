"""What every POP3 session of a process shares, and what one session keeps for its log line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gatepost import __version__
from gatepost.config.settings import Pop3
from gatepost.errors import MisuseError
from gatepost.identity.api import Authenticator, Login
from gatepost.net.api import Flow, Peer
from gatepost.net.tally import Tally
from gatepost.pop3.machine import Machine
from gatepost.pop3.policies import Policies
from gatepost.pop3.replies import Voice, voice
from gatepost.pop3.shelf import Shelf
from gatepost.pop3.surrogates import Surrogates
from gatepost.ports import BY_NAME, TlsMode
from gatepost.store.api import MaildropLocks, Store
from gatepost.text import printable

TraceSink = Callable[[Peer, str, str], None]
"""Sees the dialog: the peer, the login (empty before it), and a line that begins with `C: ` or `S: `."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    store: Store
    authenticator: Authenticator
    tally: Tally
    locks: MaildropLocks
    options: Pop3
    secure_port: int = BY_NAME["pop3s"].port
    """Where the live configuration listens with implicit TLS: sentences send people there."""
    clock: Callable[[], float]
    """Seconds of a clock that nobody sets, for durations; the same one in all processes."""
    pause: Callable[[float], Awaitable[None]]
    """Waits so many seconds; 0 just gives others their turn."""
    trace: TraceSink | None = None
    implementation: str = f"Gatepost-{__version__}"
    policies: Policies = field(init=False)
    shelf: Shelf = field(init=False)
    surrogates: Surrogates = field(init=False)
    first_voice: Voice = field(init=False)
    """Until the client allows more, ASCII (RFC 1939 §3)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", Policies(self.store))
        object.__setattr__(self, "shelf", Shelf(self.options.kept_replies))
        object.__setattr__(self, "surrogates", Surrogates())
        object.__setattr__(self, "first_voice", voice(self.options.language, ascii_only=True))


class _NotOpen:
    """The flow of a session that its driver has not opened yet."""

    tls = None
    spent = False

    async def flush(self) -> None:
        """Raises MisuseError."""
        raise MisuseError("the session is not open yet")


NOT_OPEN: Final = _NotOpen()


MOST_FAILED: Final = 10
"""Different failed logins of one connection that its log line names: a connection ends after as many mistakes."""
LONGEST_FAILED: Final = 64
"""Characters of a name there."""
OTHERS: Final = ("others", "")


class Record:
    """The facts of one session for its log line."""

    __slots__ = ("deleted", "failed", "login", "mechanism", "outcome", "reason", "retrieved", "top", "tried")

    def __init__(self) -> None:
        self.login: Login | None = None
        self.tried = ""
        """The name of the last login that failed, as the client wrote it."""
        self.failed: dict[tuple[str, str], int] = {}
        """How often a login failed, by name and reason."""
        self.mechanism = ""
        self.retrieved = 0
        self.top = 0
        self.deleted = 0
        self.outcome = "lost"
        self.reason = ""

    def denied(self, name: str, reason: str) -> None:
        """Notes a login that failed, or an exchange that broke off. `name`: as far as it is known."""
        self.tried, self.reason = name, reason
        key = (name, reason) if len(self.failed) < MOST_FAILED or (name, reason) in self.failed else OTHERS
        self.failed[key] = self.failed.get(key, 0) + 1

    def _failures(self) -> tuple[str, ...]:
        """All that failed, unless the last name and reason say it already."""
        if self.login is None and sum(self.failed.values()) < 2:
            return ()
        return tuple(
            f"{printable(name, LONGEST_FAILED) or '?'}: {reason}" + (f" ({times} times)" if times > 1 else "")
            for (name, reason), times in self.failed.items()
        )

    def ended(self, outcome: str, reason: str = "") -> None:
        """Notes how the session came to its end; without a reason the last failed login stays the reason."""
        self.outcome = outcome
        self.reason = reason or self.reason

    def fields(self, octets: int, reason: str) -> Mapping[str, object]:
        """In the order in which they are logged. Much of it is the client's own choice: the log escapes that."""
        login = self.login
        return {
            "user": login.account.login if login else self.tried,
            "mechanism": login.mechanism if login else self.mechanism,
            "credential": login.credential if login else "",
            "failed": self._failures(),
            "folder": login.folder if login else "",
            "retrieved": self.retrieved,
            "top": self.top,
            "deleted": self.deleted,
            "bytes": octets,
            "outcome": self.outcome,
            "reason": self.reason or reason,
        }


@dataclass(slots=True)
class Talk:
    """One connection's belongings, handed from state to state."""

    context: Context
    peer: Peer
    machine: Machine
    record: Record
    flow: Flow
    utf8: bool = False
    language: str = ""
    """What the client chose with LANG; empty until then."""

    @property
    def voice(self) -> Voice:
        return self.machine.voice

    @property
    def encrypted(self) -> bool:
        return self.flow.tls is not None

    @property
    def may_log_in(self) -> bool:
        """No password crosses an unencrypted connection, unless the administrator said so for this network."""
        return self.encrypted or self.peer.cleartext_login

    @property
    def may_secure(self) -> bool:
        return not self.encrypted and self.peer.tls_mode is TlsMode.STARTTLS

    def choose(self, *, language: str = "", utf8: bool = False) -> None:
        """LANG or UTF8 was accepted: from now on the server may say more than ASCII (RFC 6856 §2.1, §3.2)."""
        self.language = language or self.language
        self.utf8 = self.utf8 or utf8
        self.machine.voice = voice(self.language or self.context.options.language, ascii_only=False)
