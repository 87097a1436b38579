"""Mail writes of the memory engine."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from gatepost.errors import AlreadyExistsError, NoSuchMessageError, OverQuotaError
from gatepost.model import INBOX, TRASH, DeletePolicy, Deletion, Email, Flag, Message
from gatepost.store import rules
from gatepost.store.commands import (
    Admit,
    CreateMailbox,
    DeleteMessages,
    Deliver,
    Delivered,
    Expire,
    NewEmail,
    RestoreMessage,
    SetFlags,
    Staged,
    Target,
)
from gatepost.store.memory.tables import Box, HeldMessage, Once, Person, StoredEmail, Tables


class MemoryMail:
    """Each command checks everything before it changes anything."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def create_mailbox(self, command: CreateMailbox, now: int) -> int:
        """See the command."""
        name = rules.mailbox_name(command.name)
        person = self._tables.person(command.account_id)
        if name in person.boxes:
            raise AlreadyExistsError(f"the mailbox {name!r} is there already")
        return self._tables.add_box(person, name, now).mailbox_id

    # -- In

    def bring(self, command: Deliver | Admit | RestoreMessage, now: int) -> tuple[Delivered, ...] | Delivered | None:
        """See the commands."""
        match command:
            case Deliver():
                return self.deliver(command, now)
            case Admit():
                self.admit(command, now)
                return None
            case RestoreMessage():
                return self.restore(command, now)
            case _:
                assert_never(command)

    def deliver(self, command: Deliver, now: int) -> tuple[Delivered, ...]:
        """See the command."""
        fresh = self._check_targets(command, now)
        bodies = [body for body in (command.email.body, command.email.original) if body is not None]
        if not fresh:
            for body in bodies:
                if isinstance(body, Staged):
                    self._tables.uploads.pop(body.upload_id, None)
        emails: dict[int, StoredEmail] = {}
        return tuple(self._deliver_to(target, command.email, emails, now) for target in command.targets)

    def _check_targets(self, command: Deliver, now: int) -> bool:
        """Whether anything is new. Raises whatever forbids any of the targets."""
        room: dict[int, int] = {}
        seen: set[tuple[int, str]] = set()
        for target in command.targets:
            key = (target.account_id, target.once)
            if target.once and (key in seen or self._known(target, now)):
                continue
            seen.add(key)
            rules.mailbox_name(target.mailbox)
            size = self._tables.check_body(command.email.body) + command.email.missing_end
            if command.email.original is not None:
                self._tables.check_body(command.email.original)
            person = self._tables.person(target.account_id)
            taken = room.get(target.account_id, 0)
            _check_room(person, taken, size)
            room[target.account_id] = taken + size
        return bool(room)

    def _known(self, target: Target, now: int) -> Once | None:
        """The delivery that the account took with this key before."""
        person = self._tables.people.get(target.account_id)
        known = person.once.get(target.once) if person and target.once else None
        return known if known and known.asked > now - rules.ONCE_SECONDS else None

    def admit(self, command: Admit, now: int) -> None:
        """See the command."""
        target = command.target
        if self._known(target, now) is None:
            rules.mailbox_name(target.mailbox)
            _check_room(self._tables.person(target.account_id), 0, command.size)

    def _deliver_to(self, target: Target, new: NewEmail, emails: dict[int, StoredEmail], now: int) -> Delivered:
        person = self._tables.person(target.account_id)
        known = self._known(target, now)
        if known is not None:
            known.asked = known.asked if target.once_for else now
            return Delivered(target.account_id, known.mailbox_id, known.uid, known.email_id, repeated=True)
        stored = emails.get(target.account_id)
        if stored is None:
            stored = emails[target.account_id] = self._add_email(person, new)
        name = rules.mailbox_name(target.mailbox)
        flags = target.flags & rules.ALL_FLAGS
        box, uid = self._place(person, name, stored.email, flags, target.keywords, target.uidl, now)
        if target.once:
            person.once[target.once] = Once(box.mailbox_id, uid, stored.email.email_id, rules.asked(now, target))
        return Delivered(target.account_id, box.mailbox_id, uid, stored.email.email_id)

    def _add_email(self, person: Person, new: NewEmail) -> StoredEmail:
        blob_id = self._tables.store_body(new.body)
        original = 0 if new.original is None else self._tables.store_body(new.original)
        email_id = self._tables.make_id()
        keys = rules.thread_keys(new.message_id, new.references)
        thread_id = next((person.threads[key] for key in keys if key in person.threads), email_id)
        for key in keys:
            person.threads.setdefault(key, thread_id)
        size = len(self._tables.bodies[blob_id]) + new.missing_end
        email = Email(
            email_id, person.account.account_id, blob_id, self._tables.sha256_of(blob_id), size, new.received,
            new.header_octets, new.structure, thread_id,
            new.ascii_size, new.line_ends, original,
        )  # fmt: skip
        person.emails[email_id] = StoredEmail(email, new.preview)
        return person.emails[email_id]

    def _place(
        self, person: Person, name: str, email: Email, flags: int, keywords: tuple[str, ...], uidl: str | None, now: int
    ) -> tuple[Box, int]:
        box = person.boxes.get(name) or self._tables.add_box(person, name, now)
        uid = box.uidnext
        box.modseq += 1
        uidl = box.free_uidl(uidl)
        message = Message(
            uid, box.modseq, flags, keywords, email.email_id, email.blob_id, email.size, email.received, uidl
        )
        box.put(message, now)
        self._tables.changed(box)
        return box, uid

    # -- Out

    def delete(self, command: DeleteMessages, now: int) -> int:
        """See the command."""
        box = self._tables.box_by_id(command.account_id, command.mailbox_id)
        person = self._tables.person(command.account_id)
        gone = [box.messages[uid] for uid in sorted(set(command.uids)) if uid in box.messages]
        if not gone:
            return 0
        policy = command.policy
        if policy is DeletePolicy.TRASH and box.name == TRASH:
            policy = DeletePolicy.PURGE
        action = "expire" if command.expired else policy.value
        for message in gone:
            uidl = box.uidl_of(message)
            person.journal.append(
                Deletion(
                    now,
                    command.account_id,
                    box.name,
                    message.uid,
                    uidl,
                    message.email_id,
                    action,
                    command.credential,
                    command.address,
                )
            )
            box.take(message.uid)
            if policy is DeletePolicy.HOLD:
                person.held.append(HeldMessage(message, box.name, uidl, now, now + command.hold_seconds))
        if policy is DeletePolicy.TRASH:
            self._copy_to_trash(person, box, gone, now)
        box.modseq += 1
        self._tables.changed(box)
        self._release_emails(person, {message.email_id for message in gone}, now)
        return len(gone)

    def _copy_to_trash(self, person: Person, box: Box, gone: list[Message], now: int) -> None:
        trash = person.boxes.get(TRASH) or self._tables.add_box(person, TRASH, now)
        trash.modseq += 1
        for message in gone:
            uidl = trash.free_uidl(box.uidl_of(message))
            trash.put(replace(message, uid=trash.uidnext, modseq=trash.modseq, uidl=uidl), now)
        self._tables.changed(trash)

    def _release_emails(self, person: Person, email_ids: set[int], now: int) -> None:
        needed = {message.email_id for box in person.boxes.values() for message in box.messages.values()}
        needed |= {held.message.email_id for held in person.held}
        for email_id in email_ids - needed:
            email = person.emails.pop(email_id).email
            for blob_id in filter(None, (email.blob_id, email.original_blob_id)):
                self._tables.orphans[blob_id] = now
        threads = {stored.email.thread_id for stored in person.emails.values()}
        person.threads = {key: thread for key, thread in person.threads.items() if thread in threads}

    def restore(self, command: RestoreMessage, now: int) -> Delivered:
        """See the command."""
        person = self._tables.people.get(command.account_id)
        if person is None or command.email_id not in person.emails:
            raise NoSuchMessageError("this message is neither in hold nor in Trash")
        email = person.emails[command.email_id].email
        held = [h for h in person.held if h.message.email_id == command.email_id]
        if held:
            newest = max(held, key=lambda h: (h.deleted, h.message.uid))
            person.held.remove(newest)
            return self._put_back(person, newest.mailbox, email, newest.message, newest.uidl, now)
        trash = person.boxes.get(TRASH)
        copies = [m for m in trash.messages.values() if m.email_id == command.email_id] if trash is not None else []
        if trash is not None and copies:
            copy = trash.take(copies[-1].uid)
            trash.modseq += 1
            self._tables.changed(trash)
            return self._put_back(person, INBOX, email, copy, trash.uidl_of(copy), now)
        return self._in_place(person, command.email_id)

    def _put_back(self, person: Person, name: str, email: Email, old: Message, uidl: str, now: int) -> Delivered:
        flags = old.flags & ~int(Flag.DELETED)
        box, uid = self._place(person, name, email, flags, old.keywords, uidl, now)
        return Delivered(person.account.account_id, box.mailbox_id, uid, email.email_id)

    @staticmethod
    def _in_place(person: Person, email_id: int) -> Delivered:
        """Where the email is: an email that exists and is not held is in some mailbox."""
        box, message = next(
            (box, message)
            for box in sorted(person.boxes.values(), key=lambda box: box.mailbox_id)
            for message in reversed(box.messages.values())
            if message.email_id == email_id
        )
        return Delivered(person.account.account_id, box.mailbox_id, message.uid, email_id, repeated=True)

    def set_flags(self, command: SetFlags) -> int:
        """See the command."""
        box = self._tables.box_by_id(command.account_id, command.mailbox_id)
        flags = int(command.flags) & rules.ALL_FLAGS
        changing = [uid for uid in set(command.uids) if uid in box.messages and box.messages[uid].flags != flags]
        if changing:
            box.modseq += 1
            for uid in changing:
                box.messages[uid] = replace(box.messages[uid], flags=flags, modseq=box.modseq)
            self._tables.changed(box)
        return box.modseq

    # -- Time

    def expire(self, command: Expire, now: int) -> int:
        """See the command."""
        done = 0
        for work in (self._expire_messages, self._expire_holds, self._expire_bodies, self._expire_rest):
            if done < command.most:
                done += work(command.now, command.most - done, now)
        return done

    def _expire_messages(self, at: int, most: int, now: int) -> int:
        done = 0
        for account_id, person in self._tables.people.items():
            days, inbox = person.account.expire_days, person.boxes[INBOX]
            old = [uid for uid, placed in inbox.placed.items() if days and placed < at - days * rules.DAY]
            uids = tuple(old[: most - done])
            done += self.delete(
                DeleteMessages(account_id, inbox.mailbox_id, uids, DeletePolicy.PURGE, expired=True), now
            )
        return done

    def _expire_holds(self, at: int, most: int, now: int) -> int:
        done = 0
        for person in self._tables.people.values():
            ended = [held for held in person.held if held.until <= at][: most - done]
            person.held = [held for held in person.held if held not in ended]
            self._release_emails(person, {held.message.email_id for held in ended}, now)
            done += len(ended)
        return done

    def _expire_bodies(self, at: int, most: int, _now: int) -> int:
        old = [b for b, since in self._tables.orphans.items() if since <= at - rules.ORPHAN_SECONDS][:most]
        emails = [stored.email for person in self._tables.people.values() for stored in person.emails.values()]
        needed = {email.blob_id for email in emails} | {email.original_blob_id for email in emails}
        for blob_id in old:
            del self._tables.orphans[blob_id]
            if blob_id not in needed:
                self._tables.remove_body(blob_id)
        return len(old)

    def _expire_rest(self, at: int, most: int, _now: int) -> int:
        uploads = self._tables.uploads
        old = [upload_id for upload_id, upload in uploads.items() if upload.at <= at - rules.STAGED_SECONDS][:most]
        for upload_id in old:
            del uploads[upload_id]
        done = len(old)
        for person in self._tables.people.values():
            once = {key: known for key, known in person.once.items() if known.asked > at - rules.ONCE_SECONDS}
            done += len(person.once) - len(once)
            person.once = once
            kept = [line for line in person.journal if line.at > at - rules.JOURNAL_SECONDS]
            done += len(person.journal) - len(kept)
            person.journal = kept
        return done


def _check_room(person: Person, taken: int, size: int) -> None:
    """`taken`: octets that the same command has put there already. Raises OverQuotaError."""
    used, quota = person.used(), person.account.quota
    if 0 < quota < used + taken + size:
        raise OverQuotaError(
            f"{person.account.login} has no room: {used} of {quota} octets are used, this message has {size}"
        )
