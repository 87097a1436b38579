"""The nouns of the house: domains, accounts, credentials, mailboxes, messages.

Values only: frozen, no behaviour beyond what derives from their own fields, no I/O, no clock.
The model serves IMAP from the first day (UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ: RFC 9051 §2.3.1, RFC 7162);
POP3 sees one mailbox of it as a maildrop.

All times are seconds since the epoch as `int`; all sizes are octets.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from typing import Final

from msgspec import Struct

INBOX: Final = "INBOX"
TRASH: Final = "Trash"

CHUNK: Final = 256 * 1024
"""Octets of a body that are read, written or held at once; a message up to this size is one piece."""


def make_id(milliseconds: int, entropy: int) -> int:
    """A 63-bit id: 41 bits of time since 2020 (good until 2089), then 22 of `entropy`; sorts by time of making.

    Ids are made by the application, never by the database, so that any engine and any node can make them.
    """
    since_2020 = milliseconds - 1_577_836_800_000
    return (since_2020 & (1 << 41) - 1) << 22 | entropy & (1 << 22) - 1


class Scope(StrEnum):
    """What a credential opens."""

    POP3 = "pop3"
    IMAP = "imap"
    SMTP = "smtp"


class CredentialKind(StrEnum):
    PASSWORD = "password"  # noqa: S105 -- a kind, not a secret
    """Chosen by a person: verified with argon2id."""
    APP = "app"
    """Made by us with 120 random bits: a salted SHA-256 is as safe as argon2id and costs nothing."""


class DeletePolicy(StrEnum):
    """What a POP3 DELE means for an account, once QUIT makes it true."""

    PURGE = "purge"
    TRASH = "trash"
    HOLD = "hold"


class Flag(IntFlag):
    """System flags of RFC 9051 §2.3.2, as stored; keywords are kept beside them by name."""

    SEEN = 1
    ANSWERED = 2
    FLAGGED = 4
    DELETED = 8
    DRAFT = 16


class Domain(Struct, frozen=True):
    name: str
    """Lower case; internationalised names as U-labels."""


class Account(Struct, frozen=True):
    """One person's (or role's) mail: the unit of quota, of policy and of sharding."""

    account_id: int
    login: str
    """The primary address, e.g. `alice@example.com`: case-folded, NFC."""
    enabled: bool = True
    quota: int = 0
    """Octets; 0 means no limit."""
    used: int = 0
    """Octets in all mailboxes and in hold."""
    delete_policy: DeletePolicy = DeletePolicy.PURGE
    hold_days: int = 30
    """How long `DeletePolicy.HOLD` keeps what was deleted."""
    expire_days: int = 0
    """Messages that came to INBOX longer ago than this are removed (RFC 2449 §6.7 EXPIRE); 0 means never."""
    login_delay: int = 0
    """Seconds between POP3 logins (RFC 2449 §6.5); 0 means none."""
    soft_login_delay: bool = False
    """Inside the delay let the login succeed, with the maildrop as it was at the last one."""
    scram_salt: bytes = b""
    """One salt for all credentials of the account: SCRAM tells the salt before it knows which is used."""


class Strictest(Struct, frozen=True):
    """The strictest policies of any account: what is said before anybody has logged in (RFC 2449 §6.5, §6.7)."""

    login_delay: int = 0
    """The longest, in seconds; 0 if there is none anywhere."""
    expire_days: int = 0
    """The shortest; 0 if nothing expires anywhere."""


class Verifier(Struct, frozen=True, repr_omit_defaults=True):
    """What is kept of a secret. None of it is the secret, all of it is confidential."""

    hash: str
    """argon2id in PHC form for a password; `sha256$salt$digest` (hex) for an app password."""
    stored_key: bytes
    """SCRAM-SHA-256 StoredKey (RFC 5802 §3), with the account's salt and `SCRAM_ITERATIONS`."""
    server_key: bytes

    def __repr__(self) -> str:
        return "Verifier(***)"


class Credential(Struct, frozen=True):
    """One way into an account: its main password, or a named app password ("Alice's phone")."""

    credential_id: int
    account_id: int
    name: str
    kind: CredentialKind
    scope: frozenset[Scope]
    verifier: Verifier
    created: int
    last_used: int = 0
    """0 means never; kept to the minute."""


class Mailbox(Struct, frozen=True):
    mailbox_id: int
    account_id: int
    name: str
    """`INBOX`, or a hierarchical name with `/`; NFC."""
    uidvalidity: int
    uidnext: int
    highestmodseq: int
    messages: int
    octets: int
    unseen: int


class Message(Struct, frozen=True):
    """A message's place in one mailbox."""

    uid: int
    modseq: int
    flags: int
    keywords: tuple[str, ...]
    email_id: int
    blob_id: int
    size: int
    received: int
    """When it arrived here (INTERNALDATE)."""
    uidl: str | None
    """Set only where it differs from the derived one: imported, or kept through a restore."""


class Email(Struct, frozen=True):
    """What never changes about a message, parsed once at ingest."""

    email_id: int
    account_id: int
    blob_id: int
    sha256: bytes
    size: int
    """Octets that are handed out, before dot-stuffing: the body, and 2 where its last line has no end (RFC 1939 §5)."""
    received: int
    header_octets: int
    """Length of the header with its closing empty line."""
    structure: bytes
    """msgpack of `gatepost.mime.structure.Parsed`: envelope, body structure, part offsets, preview."""
    thread_id: int
    ascii_size: int
    """As `size`, with the RFC 6858 surrogate of the header for clients without UTF8; 0 if the header needs none."""
    line_ends: str
    """`crlf`: stored as received. `lf`: received with bare LF throughout. Otherwise see `original_blob_id`."""
    original_blob_id: int
    """Blob with the octets as received where the wire form cannot be turned back; else 0."""


class Held(Struct, frozen=True):
    """A message that was deleted under `DeletePolicy.HOLD` and can still be restored."""

    email_id: int
    mailbox: str
    uidl: str
    deleted: int
    until: int
    size: int
    preview: str


class Deletion(Struct, frozen=True):
    """A line of the journal: who deleted what."""

    at: int
    account_id: int
    mailbox: str
    uid: int
    uidl: str
    email_id: int
    action: str
    """`purge`, `trash`, `hold` or `expire`."""
    credential: str
    """Name of the credential that did it; empty for the server itself."""
    address: str
    """IP address of the client; empty for the server itself."""


@dataclass(slots=True)
class Maildrop:
    """A mailbox as one POP3 session sees it, packed: about 20 octets a message, so that 100,000 stay cheap.

    Position i of each array belongs to message number i + 1 (RFC 1939 §3).
    """

    mailbox_id: int
    uidvalidity: int
    uidnext: int
    uids: array[int] = field(default_factory=lambda: array("I"))
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    blobs: array[int] = field(default_factory=lambda: array("q"))
    uidls: dict[int, str] = field(default_factory=dict)
    """position -> UIDL, only where it is not the derived one."""
    ascii_sizes: dict[int, int] = field(default_factory=dict)
    """position -> size of the RFC 6858 surrogate, only for messages with 8-bit headers."""
    octets: int = 0
    """Of all messages: the sum of `sizes`. Kept as they come, because to add up a million takes 20 ms."""
    ascii_octets: int = 0
    """The same with `ascii_sizes` where there are any."""
    uidl_lines: bytes = field(default=b"", compare=False)
    """What UIDL lists, once a session has made it for all that hold this maildrop; empty until then."""

    def extend(self, rows: Sequence[tuple[int, int, int, str | None, int]]) -> None:
        """Adds messages: UID, size, body, UIDL (None: the derived one), size of the surrogate (0: it needs none)."""
        if not rows:
            return
        first = len(self.uids)
        uids, sizes, blobs, uidls, ascii_sizes = zip(*rows, strict=True)
        self.uids.extend(array("I", uids))
        self.sizes.extend(array("Q", sizes))
        self.blobs.extend(array("q", blobs))
        self.uidls.update((first + i, uidl) for i, uidl in enumerate(uidls) if uidl is not None)
        self.ascii_sizes.update((first + i, size) for i, size in enumerate(ascii_sizes) if size)
        octets = sum(sizes)
        self.octets += octets
        self.ascii_octets += octets + sum(other - size for other, size in zip(ascii_sizes, sizes, strict=True) if other)

    def uidl(self, position: int) -> str:
        """The unique-id of RFC 1939 §7: never changes, 1 to 70 characters of 0x21 to 0x7E."""
        return self.uidls.get(position) or derived_uidl(self.uidvalidity, self.uids[position])

    def uidls_from(self, position: int, most: int) -> list[str]:
        """`uidl` of up to `most` messages, at a fifth of the cost for each."""
        uidvalidity = self.uidvalidity
        derived = [_DERIVED % (uidvalidity, uid) for uid in self.uids[position : position + most]]
        return [self.uidls.get(p, uidl) for p, uidl in enumerate(derived, position)] if self.uidls else derived


_DERIVED: Final = "%08x%08x"


def derived_uidl(uidvalidity: int, uid: int) -> str:
    """The UIDL of a message that brought none: 16 hexadecimal digits, UIDVALIDITY then UID."""
    return _DERIVED % (uidvalidity, uid)
