"""What every engine decides in the same way: names, unique-ids, threads, times. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from gatepost.errors import InvalidValueError
from gatepost.model import CHUNK, INBOX, CredentialKind, Flag, derived_uidl, make_id
from gatepost.store.commands import (
    ANY_COMMAND,
    AddAddress,
    Command,
    CreateAccount,
    CreateDomain,
    RemoveAccount,
    RemoveAddress,
    RemoveCredential,
    RemoveDomain,
    SetCredential,
    StageChunk,
    Target,
    UpdateAccount,
)

ORPHAN_SECONDS: Final = 3600
"""How long a body outlives the last message that refers to it (`MailReader.chunk` promises an hour)."""
STAGED_SECONDS: Final = 86_400
"""How long a staged body waits for the delivery that claims it."""
JOURNAL_SECONDS: Final = 400 * 86_400
"""How long the journal of deletions is kept: the longest hold that people choose, and a year to ask about it."""
ONCE_SECONDS: Final = 400 * 86_400
"""How long the key of a delivery is remembered after it was last asked for. A retry comes within days; an import of
the same folder, run again now and then, renews its keys, and finds them even if a year passes in between."""
EXPUNGED_CHANGES: Final = 4000
"""For how many changes of a mailbox (a message that comes, changes or goes) its expunged UIDs are remembered. Who knew
HIGHESTMODSEQ - 4000 or later can be told exactly what is gone (RFC 7162 §3.2.5); others get all UIDs, as after a
failure. No more rows than this, and than messages that were there at once, are kept for a mailbox."""
DAY: Final = 86_400

ALL_FLAGS: Final = int(Flag.SEEN | Flag.ANSWERED | Flag.FLAGGED | Flag.DELETED | Flag.DRAFT)
FIRST_MODSEQ: Final = 1
"""HIGHESTMODSEQ of an empty mailbox; 0 would mean "none" (RFC 7162 §3.1.2.2)."""
MOST_CHUNKS: Final = 8192
"""2 GiB: far above any message that a server accepts, low enough that a runaway upload ends."""
MOST_REFERENCES: Final = 50
"""Hostile headers hold thousands; the newest ones decide the thread."""
LONGEST_UIDL: Final = 70

_DIRECTORY: Final = (
    CreateDomain, RemoveDomain, CreateAccount, UpdateAccount, RemoveAccount, AddAddress, RemoveAddress,
    SetCredential, RemoveCredential,
)  # fmt: skip


def moves_generation(command: Command[Any] | ANY_COMMAND) -> bool:
    """Whether the command changes what a login or a route depends on; `Account.used` is no part of that."""
    return isinstance(command, _DIRECTORY)


def mailbox_name(name: str) -> str:
    """The stored form: `INBOX` is one name in any case (RFC 9051 §5.1). Raises InvalidValueError."""
    if not name or name.startswith("/") or name.endswith("/"):
        raise InvalidValueError(f"{name!r} is no mailbox name: it needs at least one character, and no '/' at its ends")
    return INBOX if name.upper() == INBOX else name


def domain_of(address: str) -> str:
    """What follows the last `@`. Raises InvalidValueError."""
    _, at, domain = address.rpartition("@")
    if not at or not domain:
        raise InvalidValueError(f"{address!r} is no address: write name@domain, or @domain for all of a domain")
    return domain


def asked(now: int, target: Target) -> int:
    """When the target's key counts as asked for: so long ago, if it is remembered for less than `ONCE_SECONDS`."""
    return now - ONCE_SECONDS + target.once_for if target.once_for else now


def login_domain(login: str) -> str:
    """Domain of a new account's login. Raises InvalidValueError also for a catch-all, which nobody can be."""
    if login.startswith("@"):
        raise InvalidValueError(f"{login!r} is no login: write name@domain")
    return domain_of(login)


def credential_kind(kind: str) -> CredentialKind:
    """Raises InvalidValueError."""
    try:
        return CredentialKind(kind)
    except ValueError:
        raise InvalidValueError(f"{kind!r} is no kind of credential: use 'password' or 'app'") from None


def check_chunk(command: StageChunk) -> None:
    """Raises InvalidValueError for a part that no body can have."""
    if len(command.data) > CHUNK or not 0 <= command.number < MOST_CHUNKS:
        raise InvalidValueError(f"part {command.number} of {len(command.data)} octets: parts have {CHUNK} at most")


def usable_uidl(uidl: str) -> bool:
    """RFC 1939 §7: 1 to 70 characters of 0x21 to 0x7E."""
    return 0 < len(uidl) <= LONGEST_UIDL and all("\x21" <= c <= "\x7e" for c in uidl)


def derived_uid(uidl: str, uidvalidity: int) -> int:
    """The UID from which `uidl` could have been derived in a mailbox of this UIDVALIDITY; 0 if none could.

    An imported UIDL of this form may belong to a neighbour that brought none, now or later.
    """
    try:
        uid = int(uidl[8:], 16)
    except ValueError:
        return 0
    return uid if derived_uidl(uidvalidity, uid) == uidl else 0


def next_uidvalidity(now: int, last: int) -> int:
    """Rises for each mailbox that an account ever gets, whatever the clock does (RFC 9051 §2.3.1.1)."""
    return max(now, last + 1)


def thread_keys(message_id: str, references: Sequence[str]) -> list[int]:
    """63-bit hashes of the Message-IDs that place a message in a thread: its own, then the newest reference first."""
    names = [message_id, *reversed(references[-MOST_REFERENCES:])]
    return list(dict.fromkeys(_hash63(name) for name in names if name))


def _hash63(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class Ids:
    """Makes ids that never repeat and always rise, even when the clock stands still or goes back."""

    __slots__ = ("_clock", "_entropy", "_last")

    def __init__(self, clock: Callable[[], float], entropy: Callable[[int], int], last: int = 0) -> None:
        """`entropy(bits)` gives random bits; `last` is the highest id that is in use."""
        self._clock = clock
        self._entropy = entropy
        self._last = last

    def make(self) -> int:
        """The next id; see `gatepost.model.make_id`."""
        self._last = max(self._last + 1, make_id(int(self._clock() * 1000), self._entropy(22)))
        return self._last
