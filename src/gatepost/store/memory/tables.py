"""What the memory engine holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from gatepost.errors import InvalidValueError, NoSuchAccountError, NoSuchMailboxError
from gatepost.model import CHUNK, Account, Credential, Deletion, Email, Flag, Held, Mailbox, Message, derived_uidl
from gatepost.store import rules
from gatepost.store.api import Changed
from gatepost.store.commands import DropUploads, Inline, StageChunk, Staged


@dataclass(slots=True)
class Box:
    """A mailbox."""

    mailbox_id: int
    account_id: int
    name: str
    uidvalidity: int
    uidnext: int = 1
    modseq: int = rules.FIRST_MODSEQ
    messages: dict[int, Message] = field(default_factory=dict)
    placed: dict[int, int] = field(default_factory=dict)
    """uid -> when the message came to this mailbox."""

    def put(self, message: Message, now: int) -> None:
        """Adds a message, which has the next UID."""
        self.uidnext = message.uid + 1
        self.messages[message.uid] = message
        self.placed[message.uid] = now

    def take(self, uid: int) -> Message:
        """Removes a message that is there."""
        del self.placed[uid]
        return self.messages.pop(uid)

    def view(self) -> Mailbox:
        """As the contract shows it."""
        messages = self.messages.values()
        octets = sum(message.size for message in messages)
        unseen = sum(not message.flags & Flag.SEEN for message in messages)
        return Mailbox(
            self.mailbox_id, self.account_id, self.name, self.uidvalidity, self.uidnext, self.modseq,
            len(messages), octets, unseen,
        )  # fmt: skip

    def uidl_of(self, message: Message) -> str:
        """Its own, or the derived one."""
        return message.uidl or derived_uidl(self.uidvalidity, message.uid)

    def free_uidl(self, wanted: str | None) -> str | None:
        """`wanted` if the next message may have it, else None: derive it."""
        if (
            wanted is None
            or not rules.usable_uidl(wanted)
            or rules.derived_uid(wanted, self.uidvalidity) >= self.uidnext
        ):
            return None
        return None if any(self.uidl_of(message) == wanted for message in self.messages.values()) else wanted


@dataclass(slots=True)
class StoredEmail:
    """An email, with what only `Held` shows."""

    email: Email
    preview: str


@dataclass(slots=True)
class HeldMessage:
    """A message in hold."""

    message: Message
    mailbox: str
    uidl: str
    deleted: int
    until: int

    def view(self, preview: str) -> Held:
        """As the contract shows it."""
        message = self.message
        return Held(message.email_id, self.mailbox, self.uidl, self.deleted, self.until, message.size, preview)


@dataclass(slots=True)
class Once:
    """Where the delivery with some key went, and when somebody last asked."""

    mailbox_id: int
    uid: int
    email_id: int
    asked: int


@dataclass(slots=True)
class Person:
    """An account and all that is its own."""

    account: Account
    last_uidvalidity: int = 0
    boxes: dict[str, Box] = field(default_factory=dict)
    credentials: dict[str, Credential] = field(default_factory=dict)
    emails: dict[int, StoredEmail] = field(default_factory=dict)
    held: list[HeldMessage] = field(default_factory=list)
    journal: list[Deletion] = field(default_factory=list)
    once: dict[str, Once] = field(default_factory=dict)
    threads: dict[int, int] = field(default_factory=dict)

    def used(self) -> int:
        """Octets in all mailboxes and in hold."""
        placed = sum(message.size for box in self.boxes.values() for message in box.messages.values())
        return placed + sum(held.message.size for held in self.held)

    def view(self) -> Account:
        """As the contract shows it."""
        return msgspec.structs.replace(self.account, used=self.used())


@dataclass(slots=True)
class Upload:
    """A staged body."""

    at: int
    chunks: dict[int, bytes] = field(default_factory=dict)

    def matches(self, staged: Staged) -> bool:
        """Whether the chunks are what the delivery says."""
        parts = [self.chunks[number] for number in sorted(self.chunks)]
        whole = b"".join(parts)
        gapless = sorted(self.chunks) == list(range(len(parts))) and all(len(part) == CHUNK for part in parts[:-1])
        return gapless and len(whole) == staged.size and hashlib.sha256(whole).digest() == staged.sha256


class Tables:
    """Everything, and the bodies."""

    def __init__(self, make_id: Callable[[], int]) -> None:
        self.make_id = make_id
        self.domains: set[str] = set()
        self.addresses: set[tuple[str, int]] = set()
        self.people: dict[int, Person] = {}
        self.bodies: dict[int, bytes] = {}
        self.by_hash: dict[bytes, int] = {}
        self.orphans: dict[int, int] = {}
        self.uploads: dict[int, Upload] = {}
        self.changes: dict[int, Changed] = {}

    def person(self, account_id: int) -> Person:
        """Raises NoSuchAccountError."""
        if account_id not in self.people:
            raise NoSuchAccountError(f"there is no account with id {account_id}")
        return self.people[account_id]

    def box(self, account_id: int, name: str) -> Box:
        """Raises NoSuchMailboxError."""
        name = rules.mailbox_name(name)
        person = self.people.get(account_id)
        if person is None or name not in person.boxes:
            raise NoSuchMailboxError(f"there is no mailbox {name!r}")
        return person.boxes[name]

    def box_by_id(self, account_id: int, mailbox_id: int) -> Box:
        """Raises NoSuchMailboxError."""
        person = self.people.get(account_id)
        for box in person.boxes.values() if person is not None else ():
            if box.mailbox_id == mailbox_id:
                return box
        raise NoSuchMailboxError("this mailbox is not there")

    def add_box(self, person: Person, name: str, now: int) -> Box:
        """Makes an empty mailbox."""
        person.last_uidvalidity = rules.next_uidvalidity(now, person.last_uidvalidity)
        box = Box(self.make_id(), person.account.account_id, name, person.last_uidvalidity)
        person.boxes[name] = box
        return box

    def changed(self, box: Box) -> None:
        """Notes what subscribers will hear."""
        self.changes[box.mailbox_id] = Changed(box.account_id, box.mailbox_id, box.modseq)

    # -- Bodies

    def apply(self, command: StageChunk | DropUploads, now: int) -> None:
        """See the commands."""
        if isinstance(command, DropUploads):
            for upload_id in command.upload_ids:
                self.uploads.pop(upload_id, None)
            return
        rules.check_chunk(command)
        self.uploads.setdefault(command.upload_id, Upload(now)).chunks[command.number] = command.data

    def check_body(self, body: Inline | Staged) -> int:
        """Returns its size. Raises InvalidValueError if it cannot be stored."""
        match body:
            case Inline(data):
                if len(data) > CHUNK:
                    raise InvalidValueError(f"a body of {len(data)} octets must be staged")
                return len(data)
            case Staged(upload_id, sha256, size):
                upload, known = self.uploads.get(upload_id), self.by_hash.get(sha256)
                if upload is None and (known is None or len(self.bodies[known]) != size):
                    raise InvalidValueError("the staged body is not there: stage its chunks again")
                if upload is not None and not upload.matches(body):
                    raise InvalidValueError("the staged body does not match its size or hash")
                return size

    def store_body(self, body: Inline | Staged) -> int:
        """Keeps a body that was checked; returns its id."""
        if isinstance(body, Staged):
            upload = self.uploads.pop(body.upload_id, None)
            data = b"" if upload is None else b"".join(upload.chunks[number] for number in sorted(upload.chunks))
            sha256 = body.sha256
        else:
            data, sha256 = body.data, hashlib.sha256(body.data).digest()
        if sha256 not in self.by_hash:
            blob_id = self.by_hash[sha256] = self.make_id()
            self.bodies[blob_id] = data
        return self.by_hash[sha256]

    def sha256_of(self, blob_id: int) -> bytes:
        """The body's hash."""
        return hashlib.sha256(self.bodies[blob_id]).digest()

    def remove_body(self, blob_id: int) -> None:
        """Forgets it."""
        data = self.bodies.pop(blob_id, None)
        if data is not None:
            self.by_hash.pop(hashlib.sha256(data).digest(), None)
