"""The writes, as values. An engine applies each one atomically: all of it, durably, or nothing.

`Store.execute(command)` returns after the commit is synced, and is safe to repeat after
`StoreUnavailableError`: every command is idempotent, or says by which field it becomes so.
Being values, they travel unchanged from a worker to the process that writes.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import UNSET, Struct, UnsetType

from gatepost.model import Account, Credential, DeletePolicy, Flag, Scope, Verifier

R = TypeVar("R")


class Command(Struct, Generic[R], frozen=True, tag=True):
    """A write whose `execute` returns an `R`. Domain errors are raised, and leave nothing behind."""


# -- Directory ----------------------------------------------------------------------------------------------


class CreateDomain(Command[None], frozen=True):
    """Raises AlreadyExistsError."""

    name: str


class RemoveDomain(Command[None], frozen=True):
    """Raises NoSuchDomainError, NotEmptyError while it has accounts or addresses."""

    name: str


class CreateAccount(Command[Account], frozen=True):
    """Makes the account, its primary address and an empty INBOX.

    Raises NoSuchDomainError, AlreadyExistsError (the login is somebody's address already).
    """

    login: str
    scram_salt: bytes
    quota: int = 0


class UpdateAccount(Command[Account], frozen=True):
    """Changes only what is set. Raises NoSuchAccountError."""

    account_id: int
    enabled: bool | UnsetType = UNSET
    quota: int | UnsetType = UNSET
    delete_policy: DeletePolicy | UnsetType = UNSET
    hold_days: int | UnsetType = UNSET
    expire_days: int | UnsetType = UNSET
    login_delay: int | UnsetType = UNSET
    soft_login_delay: bool | UnsetType = UNSET


class RemoveAccount(Command[None], frozen=True):
    """Removes account, addresses, credentials and mail. Raises NoSuchAccountError."""

    account_id: int


class AddAddress(Command[None], frozen=True):
    """Lets `address` (or `@domain`, the catch-all) deliver to the account; several accounts may share one.

    Adding what is there already changes nothing. Raises NoSuchDomainError, NoSuchAccountError.
    """

    address: str
    account_id: int


class RemoveAddress(Command[None], frozen=True):
    """Raises NoSuchAddressError, InvalidValueError for an account's primary address."""

    address: str
    account_id: int


class SetCredential(Command[Credential], frozen=True):
    """Makes or replaces the credential of this name. Raises NoSuchAccountError."""

    account_id: int
    name: str
    kind: str
    scope: frozenset[Scope]
    verifier: Verifier


class RemoveCredential(Command[None], frozen=True):
    """Raises NoSuchCredentialError."""

    account_id: int
    name: str


class TouchCredentials(Command[None], frozen=True):
    """Notes last use: (account_id, credential_id, time) each. Ids that are gone are passed over.

    Does not move `directory_generation`: nothing that a login depends on changes.
    """

    uses: tuple[tuple[int, int, int], ...]


# -- Mail ---------------------------------------------------------------------------------------------------


class StageChunk(Command[None], frozen=True):
    """Puts part `number` (0, 1, …; `CHUNK` octets each but the last) of a large body where `Staged` finds it.

    Repeating a number replaces it. Staged bodies that no delivery claims within a day are collected.
    """

    upload_id: int
    number: int
    data: bytes


class DropUploads(Command[None], frozen=True):
    """Forgets staged bodies that no delivery will claim. Those that are not (or no longer) there are passed over."""

    upload_ids: tuple[int, ...]


class Staged(Struct, frozen=True, tag=True):
    """A body that `StageChunk` put in place, for bodies longer than `CHUNK`."""

    upload_id: int
    sha256: bytes
    size: int


class Inline(Struct, frozen=True, tag=True):
    """A body of at most `CHUNK` octets, carried in the command; the engine hashes it."""

    data: bytes


class NewEmail(Struct, frozen=True):
    """The immutable half of a message, as ingest made it; see `gatepost.model.Email`."""

    body: Inline | Staged
    received: int
    header_octets: int
    structure: bytes
    message_id: str = ""
    """For threading: its own Message-ID, and those it refers to, oldest first."""
    references: tuple[str, ...] = ()
    ascii_size: int = 0
    line_ends: str = "crlf"
    original: Inline | Staged | None = None
    preview: str = ""
    missing_end: int = 0
    """2 where the last line has no end: readers put one there, so sizes count it."""


class Target(Struct, frozen=True):
    """One mailbox that gets the email. A mailbox that is missing is made."""

    account_id: int
    mailbox: str
    flags: int = 0
    keywords: tuple[str, ...] = ()
    uidl: str | None = None
    """An imported UIDL. If this mailbox holds it already the derived one is used instead."""
    once: str = ""
    """Idempotency key: if the account took this key before, nothing is added and the earlier place returned.
    Forgotten when nobody asked for it in 400 days."""
    once_for: int = 0
    """Seconds after the delivery at which the key is forgotten instead, however often it is asked for; 0: as above."""


class Delivered(Struct, frozen=True):
    account_id: int
    mailbox_id: int
    uid: int
    email_id: int
    repeated: bool = False
    """True when `Target.once` was seen before."""


class Deliver(Command[tuple[Delivered, ...]], frozen=True):
    """Adds one email to every target: all or none; UID, MODSEQ and counters in the same commit.

    The body is stored once, however many targets (and however often the same octets arrive).
    Repeating is safe for targets with `once`; others get the message again.
    Raises NoSuchAccountError, OverQuotaError, InvalidValueError (a mailbox name, a staged body that does not match).
    """

    email: NewEmail
    targets: tuple[Target, ...]


class Admit(Command[None], frozen=True):
    """Asks whether a Deliver of `size` octets to `target` would be refused, before its body is staged. Writes nothing.

    Raises what Deliver would: NoSuchAccountError, OverQuotaError, InvalidValueError for the mailbox's name.
    """

    target: Target
    size: int


class CreateMailbox(Command[int], frozen=True):
    """Returns its mailbox_id. Raises NoSuchAccountError, AlreadyExistsError."""

    account_id: int
    name: str


class DeleteMessages(Command[int], frozen=True):
    """Removes messages from a mailbox, as the policy says, and writes the journal; returns how many were there.

    PURGE removes them; TRASH moves them to `Trash` (from Trash itself: removes); HOLD keeps them for
    `hold_seconds`, outside every mailbox. UIDs that are gone already are passed over, so repeating is safe.
    UIDL of what is moved or held is kept with it. Raises NoSuchMailboxError.
    """

    account_id: int
    mailbox_id: int
    uids: tuple[int, ...]
    policy: DeletePolicy
    hold_seconds: int = 0
    credential: str = ""
    address: str = ""
    expired: bool = False
    """The server's own expiry: the journal's action is `expire`."""


class RestoreMessage(Command[Delivered], frozen=True):
    """Puts a held message back into the mailbox it came from (or its latest copy in Trash back into INBOX),
    with its UIDL. What is in neither stays where it is: the place is returned, `repeated`. Raises NoSuchMessageError.
    """

    account_id: int
    email_id: int


class SetFlags(Command[int], frozen=True):
    """Replaces the system flags of messages; returns the new HIGHESTMODSEQ. Raises NoSuchMailboxError."""

    account_id: int
    mailbox_id: int
    uids: tuple[int, ...]
    flags: Flag


class Expire(Command[int], frozen=True):
    """One slice of housekeeping: EXPIRE of what has been in INBOX too long (since it was delivered, imported or
    restored: RFC 2449 §6.7 promises so many days on this server), holds that ran out, bodies nobody refers to,
    staged bodies after a day, keys of deliveries that nobody asked for and journal lines after 400 days.

    Returns how many things it removed, or 1 where it has to look further; 0 means that nothing is left to do.
    """

    now: int
    most: int = 500


class Shrink(Command[int], frozen=True):
    """One slice of housekeeping: gives the file system pages that nothing uses, but for some that new mail soon takes.

    Returns how many it gave back; 0: no more. A store that an older release made keeps them all until it is compacted.
    """


class TrustClock(Command[None], frozen=True):
    """The administrator says that the wall clock is right, whatever it said before: see `gatepost.store.clock`."""


ANY_COMMAND = (
    CreateDomain | RemoveDomain | CreateAccount | UpdateAccount | RemoveAccount | AddAddress | RemoveAddress
    | SetCredential | RemoveCredential | TouchCredentials | StageChunk | DropUploads | Deliver | Admit | CreateMailbox
    | DeleteMessages | RestoreMessage | SetFlags | Expire | Shrink
    | TrustClock
)  # fmt: skip
"""For the codec: the closed set of writes."""
