"""What an exchange says and asks for, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from gatepost.errors import PeerError

MAX_MESSAGE: Final = 4096
"""Octets of one message, decoded. The longest honest one, SCRAM's last, is a nonce and a binding: under 1,500."""

MAX_NAME: Final = 1024
"""Octets of a user name. RFC 4616 §2 wants 255 at least; a mail address has 254, a folder may follow it."""

MAX_PASSWORD: Final = 1024
"""Octets of a password: above any pass phrase, below what makes hashing it a burden."""


class SaslError(PeerError):
    """The other side's message is not what the mechanism allows here; the exchange is over."""


@dataclass(frozen=True, slots=True)
class Say:
    """Send this to the client, then `step` with its answer."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NeedPassword:
    """The exchange ends here: accept whoever this name and password are right for (RFC 4616 §2)."""

    authzid: str
    """Empty: the user acts as themselves."""
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NeedIdentity:
    """The exchange ends here: accept the identity that the layer below proved (RFC 4422 Appendix A)."""

    authzid: str


@dataclass(frozen=True, slots=True)
class NeedSalt:
    """Call `answer` with the user's SCRAM salt; for a user that does not exist too, with one that stays the same."""

    authzid: str
    username: str
    answer: Callable[[bytes], Say] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What a server keeps of a password (RFC 5802 §3)."""

    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verified:
    """The proof is right for one of the keys; send `say` only to those who may enter: it proves us to them."""

    index: int
    """Which of the keys."""
    say: Say


@dataclass(frozen=True, slots=True)
class NeedKeys:
    """Call `answer` with the keys of every credential of this user; it is None when the proof fits none of them.

    Every key costs the same, right or wrong.
    """

    username: str
    proof: bytes = field(repr=False)
    """As the client sent it; different each time, for the same password too."""
    answer: Callable[[Sequence[ScramKeys]], Verified | None] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """The client took the server's last message: what `NeedKeys.answer` found stands."""


Step: TypeAlias = Say | NeedPassword | NeedIdentity | NeedSalt | NeedKeys | Finished


class Server(Protocol):
    """The server's side of one exchange. Make a new one for each attempt."""

    username: str
    """As the client wrote it, from when it did; for a log, also if the exchange fails later."""

    def step(self, data: bytes | None) -> Step:
        """Takes the client's message; None, at the beginning only, when it sent no initial response.

        Raises SaslError, and then is over.
        """


class Client(Protocol):
    """The client's side of one exchange."""

    def step(self, challenge: bytes | None) -> bytes:
        """Answers the server's challenge; None asks for the initial response.

        Raises SaslError when the server breaks the mechanism or cannot prove who it is.
        """

    @property
    def complete(self) -> bool:
        """Whether the server's "yes" may be believed now: all messages exchanged, the server proven where it can."""
