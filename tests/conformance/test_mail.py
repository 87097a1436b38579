from __future__ import annotations

import asyncio
import hashlib
import os

import pytest

from gatepost.errors import (
    AlreadyExistsError,
    InvalidValueError,
    MisuseError,
    NoSuchAccountError,
    NoSuchMailboxError,
    NoSuchMessageError,
    OverQuotaError,
)
from gatepost.model import CHUNK, DeletePolicy, Flag, derived_uidl
from gatepost.store.api import Changed
from gatepost.store.commands import (
    Admit,
    CreateMailbox,
    DeleteMessages,
    Deliver,
    DropUploads,
    Expire,
    Inline,
    NewEmail,
    SetFlags,
    StageChunk,
    Staged,
    Target,
    UpdateAccount,
)
from gatepost.store.rules import DAY
from support.stores import deliver, mail, new_account, put, read_body, stage


async def test_a_delivered_message_reads_back(bench):
    account = await new_account(bench.store)
    body = b"Subject: x\r\n\r\nbody\r\n"
    new = NewEmail(
        Inline(body), 1234, 14, b"parsed", ascii_size=21, line_ends="lf", original=Inline(b"raw"), preview="body"
    )
    target = Target(account.account_id, "inbox", int(Flag.SEEN | Flag.FLAGGED), ("$Work", "later"), "imported-1")
    (delivered,) = await bench.store.execute(Deliver(new, (target,)))
    inbox = await bench.store.mailbox(account.account_id, "iNbOx")
    assert (delivered.account_id, delivered.mailbox_id, delivered.uid) == (account.account_id, inbox.mailbox_id, 1)
    (message,) = await bench.store.messages(account.account_id, inbox.mailbox_id)
    assert (message.flags, message.keywords, message.size, message.received) == (5, ("$Work", "later"), len(body), 1234)
    assert (message.uidl, message.email_id, message.modseq) == ("imported-1", delivered.email_id, inbox.highestmodseq)
    email = await bench.store.email(account.account_id, delivered.email_id)
    assert (email.sha256, email.size, email.received) == (hashlib.sha256(body).digest(), len(body), 1234)
    assert (email.header_octets, email.structure, email.line_ends, email.ascii_size) == (14, b"parsed", "lf", 21)
    assert email.account_id == account.account_id
    assert await read_body(bench.store, email.blob_id) == body
    assert await read_body(bench.store, email.original_blob_id) == b"raw"
    assert message.blob_id == email.blob_id


async def test_counters_follow(bench):
    account = await new_account(bench.store)
    await put(bench.store, account, b"12345")
    await put(bench.store, account, b"678", flags=int(Flag.SEEN))
    inbox = await bench.store.mailbox(account.account_id, "INBOX")
    assert (inbox.messages, inbox.octets, inbox.unseen, inbox.uidnext) == (2, 8, 1, 3)
    assert (await bench.store.account(account.account_id)).used == 8


async def test_missing_mailboxes_are_made_with_rising_uidvalidity(bench):
    account = await new_account(bench.store)
    for name in ("Archive", "Work/Now", "Archive"):
        await put(bench.store, account, mailbox=name)
    boxes = await bench.store.mailboxes(account.account_id)
    assert [box.name for box in boxes] == ["Archive", "INBOX", "Work/Now"]
    by_id = sorted(boxes, key=lambda box: box.mailbox_id)
    validities = [box.uidvalidity for box in by_id]
    assert validities == sorted(set(validities))


async def test_mailboxes_are_made_once(bench):
    account = await new_account(bench.store)
    mailbox_id = await bench.store.execute(CreateMailbox(account.account_id, "Work"))
    assert (await bench.store.mailbox(account.account_id, "Work")).mailbox_id == mailbox_id
    assert await bench.store.messages(account.account_id, mailbox_id) == []
    for name in ("Work", "Inbox"):
        with pytest.raises(AlreadyExistsError):
            await bench.store.execute(CreateMailbox(account.account_id, name))
    with pytest.raises(NoSuchAccountError):
        await bench.store.execute(CreateMailbox(5, "Work"))


@pytest.mark.parametrize("name", ["", "/x", "x/"])
async def test_names_that_are_none(bench, name):
    account = await new_account(bench.store)
    with pytest.raises(InvalidValueError):
        await put(bench.store, account, mailbox=name)
    with pytest.raises(InvalidValueError):
        await bench.store.execute(CreateMailbox(account.account_id, name))


async def test_what_is_not_there(bench):
    account = await new_account(bench.store)
    for call in (bench.store.mailbox(account.account_id, "No"), bench.store.maildrop(account.account_id, "No")):
        with pytest.raises(NoSuchMailboxError):
            await call
    for account_id in (account.account_id, 5):
        with pytest.raises(NoSuchMailboxError):
            await bench.store.messages(account_id, 9)
        with pytest.raises(NoSuchMailboxError):
            await bench.store.execute(SetFlags(account_id, 9, (1,), Flag.SEEN))
        with pytest.raises(NoSuchMessageError):
            await bench.store.email(account_id, 9)
    with pytest.raises(NoSuchAccountError):
        await bench.store.mailboxes(5)
    for number in (0, 1):
        with pytest.raises(NoSuchMessageError):
            await bench.store.chunk(9, number)


async def test_another_accounts_mail_is_not_there(bench):
    alice = await new_account(bench.store)
    bob = await new_account(bench.store, "bob@example.com")
    delivered = await put(bench.store, alice)
    with pytest.raises(NoSuchMailboxError):
        await bench.store.messages(bob.account_id, delivered.mailbox_id)
    with pytest.raises(NoSuchMessageError):
        await bench.store.email(bob.account_id, delivered.email_id)


async def test_all_targets_or_none(bench):
    alice = await new_account(bench.store)
    bob = await new_account(bench.store, "bob@example.com", quota=10)
    both = tuple(Target(account.account_id, "INBOX") for account in (alice, bob))
    with pytest.raises(OverQuotaError, match=r"bob@example\.com"):
        await bench.store.execute(Deliver(mail(b"x" * 11), both))
    with pytest.raises(NoSuchAccountError):
        await bench.store.execute(Deliver(mail(), (Target(alice.account_id, "New"), Target(5, "INBOX"))))
    assert [box.name for box in await bench.store.mailboxes(alice.account_id)] == ["INBOX"]
    assert (await bench.store.mailbox(alice.account_id, "INBOX")).uidnext == 1
    assert (await bench.store.account(alice.account_id)).used == 0
    first, second = await bench.store.execute(Deliver(mail(b"x" * 10), both))
    assert (first.account_id, second.account_id) == (alice.account_id, bob.account_id)


async def test_quota_counts_every_copy(bench):
    account = await new_account(bench.store, quota=25)
    twice = (Target(account.account_id, "INBOX"), Target(account.account_id, "Archive"))
    with pytest.raises(OverQuotaError):
        await bench.store.execute(Deliver(mail(b"x" * 13), twice))
    first, second = await bench.store.execute(Deliver(mail(b"x" * 12), twice))
    assert first.email_id == second.email_id
    assert (await bench.store.account(account.account_id)).used == 24
    await bench.store.execute(UpdateAccount(account.account_id, quota=0))
    await put(bench.store, account, b"x" * 100)


async def test_the_same_octets_are_stored_once(bench):
    alice = await new_account(bench.store)
    bob = await new_account(bench.store, "bob@example.com")
    blobs = set()
    for account in (alice, bob, alice):
        delivered = await put(bench.store, account, b"same")
        blobs.add((await bench.store.email(account.account_id, delivered.email_id)).blob_id)
    assert len(blobs) == 1


async def test_once_means_once(bench):
    account = await new_account(bench.store, quota=10)
    first = await put(bench.store, account, b"x" * 10, once="key")
    again = await put(bench.store, account, b"x" * 10, once="key", mailbox="Elsewhere")
    assert not first.repeated
    assert again.repeated
    assert (again.mailbox_id, again.uid, again.email_id) == (first.mailbox_id, first.uid, first.email_id)
    assert (await bench.store.mailbox(account.account_id, "INBOX")).messages == 1
    bob = await new_account(bench.store, "bob@example.com")
    assert not (await put(bench.store, bob, once="key")).repeated


async def test_a_key_that_is_remembered_for_a_time_is_not_renewed(bench):
    account = await new_account(bench.store)
    asked = {"once": "key", "once_for": 7 * DAY}
    await put(bench.store, account, **asked)
    for _ in range(6):
        bench.clock.now += DAY
        assert (await put(bench.store, account, **asked)).repeated
    bench.clock.now += DAY - 1
    assert (await put(bench.store, account, **asked)).repeated
    bench.clock.now += 1
    assert not (await put(bench.store, account, **asked)).repeated
    assert (await put(bench.store, account, **asked)).repeated
    assert (await bench.store.mailbox(account.account_id, "INBOX")).messages == 2
    bench.clock.now += 7 * DAY
    assert await bench.store.execute(Expire(int(bench.clock.now))) == 1


async def test_a_delivery_can_be_asked_about(bench):
    account = await new_account(bench.store, quota=10)
    target = Target(account.account_id, "INBOX", once="key")
    await bench.store.execute(Admit(target, 10))
    with pytest.raises(OverQuotaError, match="0 of 10 octets are used, this message has 11"):
        await bench.store.execute(Admit(target, 11))
    with pytest.raises(InvalidValueError):
        await bench.store.execute(Admit(Target(account.account_id, "/", once="key"), 1))
    with pytest.raises(NoSuchAccountError):
        await bench.store.execute(Admit(Target(account.account_id + 1, "INBOX"), 1))
    await put(bench.store, account, b"x" * 10, once="key")
    await bench.store.execute(Admit(target, 11))
    assert (await bench.store.mailbox(account.account_id, "INBOX")).messages == 1


async def test_staged_bodies_can_be_dropped(bench):
    account = await new_account(bench.store)
    staged = await stage(bench.store, os.urandom(CHUNK + 5))
    for _ in range(2):
        await bench.store.execute(DropUploads((staged.upload_id, 99)))
    with pytest.raises(InvalidValueError, match="not there"):
        await bench.store.execute(Deliver(NewEmail(staged, 1, 10, b""), (Target(account.account_id, "INBOX"),)))
    bench.clock.now += 2 * DAY
    assert await bench.store.execute(Expire(int(bench.clock.now))) == 0


@pytest.mark.parametrize("ahead", [0, 1, 2])
async def test_an_imported_uidl_that_is_one_yet_to_be_derived_is_not_taken(bench, ahead):
    """A mail program that saw it would never fetch the message that gets it later."""
    account = await new_account(bench.store)
    validity = (await bench.store.mailbox(account.account_id, "INBOX")).uidvalidity
    await put(bench.store, account, b"before")
    await put(bench.store, account, b"imported", uidl=derived_uidl(validity, 2 + ahead))
    for number in range(3):
        await put(bench.store, account, b"later %d" % number)
    drop = await bench.store.maildrop(account.account_id, "INBOX")
    assert [drop.uidl(number) for number in range(5)] == [derived_uidl(validity, uid) for uid in range(1, 6)]


async def test_once_within_one_delivery(bench):
    account = await new_account(bench.store)
    targets = (Target(account.account_id, "INBOX", once="k"), Target(account.account_id, "Copy", once="k"))
    first, second = await bench.store.execute(Deliver(mail(), targets))
    assert (first.repeated, second.repeated, second.uid) == (False, True, first.uid)


async def test_imported_uidls_stay_unless_taken_or_unusable(bench):
    account = await new_account(bench.store)
    wanted = ["abc", "abc", "", "x" * 71, "with space", "ünicode"]
    for uidl in wanted:
        await put(bench.store, account, uidl=uidl)
    inbox = await bench.store.mailbox(account.account_id, "INBOX")
    drop = await bench.store.maildrop(account.account_id, "INBOX")
    assert drop.uidls == {0: "abc"}
    assert [drop.uidl(n) for n in range(6)] == ["abc", *(derived_uidl(inbox.uidvalidity, uid) for uid in range(2, 7))]


async def test_an_imported_uidl_never_is_a_derived_one(bench):
    account = await new_account(bench.store)
    inbox = await bench.store.mailbox(account.account_id, "INBOX")
    await put(bench.store, account)
    for uid in (1, 2, 3, 4, 5):
        await put(bench.store, account, uidl=derived_uidl(inbox.uidvalidity, uid))
    drop = await bench.store.maildrop(account.account_id, "INBOX")
    uidls = [drop.uidl(n) for n in range(6)]
    assert len(set(uidls)) == 6
    assert drop.uidls == {}


async def test_messages_come_in_pages(bench):
    account = await new_account(bench.store)
    places = [await put(bench.store, account, b"%d" % n) for n in range(5)]
    page = await bench.store.messages(account.account_id, places[0].mailbox_id, after_uid=1, limit=3)
    assert [message.uid for message in page] == [2, 3, 4]
    assert [message.modseq for message in page] == sorted({message.modseq for message in page})


async def test_a_maildrop_is_packed(bench):
    account = await new_account(bench.store)
    for n in range(4):
        new = mail(b"x" * (n + 1), ascii_size=90 if n == 2 else 0)
        await bench.store.execute(Deliver(new, (Target(account.account_id, "INBOX"),)))
    inbox = await bench.store.mailbox(account.account_id, "INBOX")
    drop = await bench.store.maildrop(account.account_id, "inbox")
    assert (drop.mailbox_id, drop.uidvalidity, drop.uidnext) == (inbox.mailbox_id, inbox.uidvalidity, 5)
    assert (list(drop.uids), list(drop.sizes), drop.ascii_sizes) == ([1, 2, 3, 4], [1, 2, 3, 4], {2: 90})
    assert [await bench.store.chunk(blob, 0) for blob in drop.blobs] == [b"x" * (n + 1) for n in range(4)]
    early = await bench.store.maildrop(account.account_id, "INBOX", below_uid=3)
    assert list(early.uids) == [1, 2]


async def test_a_maildrop_at_hand_is_all_of_it_as_it_is_now(bench):
    alice, bob = await new_account(bench.store), await new_account(bench.store, "bob@example.com")
    account_id = alice.account_id
    assert bench.store.maildrop_at_hand(account_id, "INBOX") == await bench.store.maildrop(account_id, "INBOX")
    for body, uidl in ((b"a", None), (b"bb", "old"), (b"ccc", None)):
        await put(bench.store, alice, body, uidl=uidl)
        await bench.store.maildrop(account_id, "INBOX", below_uid=2)
        drop = bench.store.maildrop_at_hand(account_id, "inbox")
        assert drop == await bench.store.maildrop(account_id, "INBOX")
    assert (list(drop.sizes), drop.uidls, drop.uidnext) == ([1, 2, 3], {1: "old"}, 4)
    await bench.store.execute(DeleteMessages(account_id, drop.mailbox_id, (1,), DeletePolicy.PURGE))
    assert list(bench.store.maildrop_at_hand(account_id, "INBOX").uids) == [2, 3]
    assert not bench.store.maildrop_at_hand(bob.account_id, "INBOX").uids


async def test_no_maildrop_is_at_hand_where_there_is_none(bench):
    account = await new_account(bench.store)
    for account_id, name in ((account.account_id, "No"), (5, "INBOX")):
        with pytest.raises(NoSuchMailboxError):
            bench.store.maildrop_at_hand(account_id, name)
    with pytest.raises(InvalidValueError):
        bench.store.maildrop_at_hand(account.account_id, "x/")
    assert not bench.store.maildrop_at_hand(account.account_id, "INBOX").uids


async def test_a_large_maildrop_is_not_at_hand(bench):
    account = await new_account(bench.store)
    await bench.store.execute(Deliver(mail(b"x"), (Target(account.account_id, "INBOX"),) * 2001))
    assert bench.store.maildrop_at_hand(account.account_id, "INBOX") is None
    assert len((await bench.store.maildrop(account.account_id, "INBOX")).uids) == 2001


async def test_a_large_maildrop_is_one_snapshot_and_lets_others_run(bench):
    account = await new_account(bench.store)
    count = 4500
    targets = tuple(Target(account.account_id, "INBOX", uidl=f"u{n}" if n % 1000 == 0 else None) for n in range(count))
    await bench.store.execute(Deliver(mail(b"x"), targets))
    loading = asyncio.create_task(bench.store.maildrop(account.account_id, "INBOX"))
    turns = 0
    while not loading.done():
        if turns == 1:
            await put(bench.store, account, b"late")
        turns += 1
        await asyncio.sleep(0)
    drop = await loading
    assert list(drop.uids) == list(range(1, count + 1))
    assert drop.uidnext == count + 1
    assert turns > 1
    assert drop.uidls == {n: f"u{n}" for n in range(0, count, 1000)}


async def test_flags_replace_and_count(bench):
    account = await new_account(bench.store)
    places = [await put(bench.store, account, b"%d" % n) for n in range(3)]
    mailbox_id = places[0].mailbox_id
    before = await bench.store.mailbox(account.account_id, "INBOX")
    modseq = await bench.store.execute(SetFlags(account.account_id, mailbox_id, (1, 3, 9), Flag.SEEN))
    assert modseq == before.highestmodseq + 1
    again = await bench.store.execute(SetFlags(account.account_id, mailbox_id, (1, 3, 9), Flag.SEEN))
    assert again == modseq
    inbox = await bench.store.mailbox(account.account_id, "INBOX")
    assert (inbox.unseen, inbox.highestmodseq) == (1, modseq)
    messages = await bench.store.messages(account.account_id, mailbox_id)
    assert [message.flags for message in messages] == [1, 0, 1]
    assert [message.modseq == modseq for message in messages] == [True, False, True]


@pytest.mark.parametrize("before", [Flag(0), Flag.SEEN, Flag.SEEN | Flag.FLAGGED])
@pytest.mark.parametrize("after", [Flag(0), Flag.SEEN, Flag.FLAGGED])
async def test_the_count_of_unseen_follows_the_flags(bench, before, after):
    account = await new_account(bench.store)
    for n, flags in enumerate((before, Flag(0), Flag.SEEN)):
        await put(bench.store, account, b"%d" % n, flags=flags)
    inbox = await bench.store.mailbox(account.account_id, "INBOX")
    await bench.store.execute(SetFlags(account.account_id, inbox.mailbox_id, (1, 2, 3, 3, 9), after))
    messages = await bench.store.messages(account.account_id, inbox.mailbox_id)
    inbox = await bench.store.mailbox(account.account_id, "INBOX")
    assert inbox.unseen == sum(not message.flags & Flag.SEEN for message in messages) == 3 * (not after & Flag.SEEN)


async def test_replies_share_a_thread(bench):
    account = await new_account(bench.store)

    async def thread_of(message_id, *references):
        new = mail(os.urandom(9), message_id=message_id, references=references)
        (delivered,) = await bench.store.execute(Deliver(new, (Target(account.account_id, "INBOX"),)))
        return (await bench.store.email(account.account_id, delivered.email_id)).thread_id

    first = await thread_of("<1@x>")
    assert await thread_of("<2@x>", "<1@x>") == first
    assert await thread_of("<3@x>", "<0@x>", "<2@x>") == first
    assert await thread_of("<0@x>") == first
    assert await thread_of("<9@x>", "<8@x>") != first
    assert await thread_of("") != await thread_of("")


# -- Large bodies


async def test_a_large_body_comes_in_chunks(bench):
    account = await new_account(bench.store)
    body = os.urandom(2 * CHUNK + 77)
    staged = await stage(bench.store, body)
    (delivered,) = await bench.store.execute(
        Deliver(NewEmail(staged, 1, 10, b""), (Target(account.account_id, "INBOX"),))
    )
    email = await bench.store.email(account.account_id, delivered.email_id)
    assert (email.size, email.sha256) == (len(body), staged.sha256)
    assert [len(await bench.store.chunk(email.blob_id, n)) for n in range(5)] == [CHUNK, CHUNK, 77, 0, 0]
    assert await read_body(bench.store, email.blob_id) == body
    assert bench.store.at_hand(email.blob_id) in (body[:CHUNK], None)
    assert bench.store.at_hand(email.blob_id + 1) is None


async def test_a_repeated_chunk_replaces_and_a_repeated_delivery_needs_no_chunks(bench):
    account = await new_account(bench.store)
    body = os.urandom(CHUNK + 5)
    await bench.store.execute(StageChunk(7, 0, b"wrong"))
    staged = await stage(bench.store, body)
    command = Deliver(NewEmail(staged, 1, 10, b""), (Target(account.account_id, "INBOX", once="k"),))
    (first,) = await bench.store.execute(command)
    (again,) = await bench.store.execute(command)
    assert (again.uid, again.repeated) == (first.uid, True)
    (third,) = await bench.store.execute(Deliver(NewEmail(staged, 1, 10, b""), (Target(account.account_id, "INBOX"),)))
    email = await bench.store.email(account.account_id, third.email_id)
    assert await read_body(bench.store, email.blob_id) == body


@pytest.mark.parametrize("wrong", ["size", "hash", "upload", "gap", "short"])
async def test_a_staged_body_must_be_what_it_claims(bench, wrong):
    account = await new_account(bench.store)
    body = os.urandom(2 * CHUNK + 5)
    good = await stage(bench.store, body)
    staged = {
        "size": Staged(7, good.sha256, good.size - 1),
        "hash": Staged(7, b"x" * 32, good.size),
        "upload": Staged(8, good.sha256, good.size),
        "gap": Staged(9, hashlib.sha256(b"ac").digest(), 2),
        "short": Staged(9, hashlib.sha256(b"ab").digest(), 2),
    }[wrong]
    await bench.store.execute(StageChunk(9, 0, b"a"))
    await bench.store.execute(StageChunk(9, 2 if wrong == "gap" else 1, b"c" if wrong == "gap" else b"b"))
    deliver_it = Deliver(NewEmail(staged, 1, 10, b""), (Target(account.account_id, "INBOX"),))
    with pytest.raises(InvalidValueError):
        await bench.store.execute(deliver_it)
    assert (await bench.store.mailbox(account.account_id, "INBOX")).messages == 0
    await bench.store.execute(Deliver(NewEmail(good, 1, 10, b""), (Target(account.account_id, "INBOX"),)))


async def test_chunks_and_inline_bodies_have_a_limit(bench):
    account = await new_account(bench.store)
    for chunk in (StageChunk(1, 0, b"x" * (CHUNK + 1)), StageChunk(1, -1, b""), StageChunk(1, 1 << 20, b"")):
        with pytest.raises(InvalidValueError):
            await bench.store.execute(chunk)
    with pytest.raises(InvalidValueError):
        await put(bench.store, account, b"x" * (CHUNK + 1))
    await put(bench.store, account, b"x" * CHUNK)


async def test_an_empty_body_is_a_body(bench):
    account = await new_account(bench.store)
    delivered = await put(bench.store, account, b"")
    email = await bench.store.email(account.account_id, delivered.email_id)
    assert await bench.store.chunk(email.blob_id, 0) == b""
    assert bench.store.at_hand(email.blob_id) in (b"", None)


# -- Subscribers


async def test_subscribers_hear_after_it_is_readable(bench):
    account = await new_account(bench.store)
    inbox = await bench.store.mailbox(account.account_id, "INBOX")
    heard: asyncio.Queue[Changed] = asyncio.Queue()
    end = bench.store.subscribe(heard.put_nowait)
    await put(bench.store, account)
    changed = await heard.get()
    while changed.account_id != account.account_id:
        changed = await heard.get()
    now = await bench.store.mailbox(account.account_id, "INBOX")
    assert changed == Changed(account.account_id, inbox.mailbox_id, now.highestmodseq)
    assert now.messages == 1
    end()
    end()
    await put(bench.store, account)
    assert heard.empty()


async def test_a_failed_write_is_not_heard(bench):
    account = await new_account(bench.store, quota=5)
    heard: asyncio.Queue[Changed] = asyncio.Queue()
    bench.store.subscribe(heard.put_nowait)
    with pytest.raises(OverQuotaError):
        await put(bench.store, account, b"x" * 9)
    await put(bench.store, account, b"x")
    await heard.get()
    assert heard.empty()


async def test_many_at_once_get_distinct_rising_uids(bench):
    account = await new_account(bench.store)
    results = await asyncio.gather(*(bench.store.execute(deliver(account, b"%d" % n)) for n in range(40)))
    assert sorted(result[0].uid for result in results) == list(range(1, 41))


async def test_one_failure_in_a_group_hurts_nobody_else(bench):
    account = await new_account(bench.store)
    poor = await new_account(bench.store, "poor@example.com", quota=1)
    commands = [deliver(poor if n % 2 else account, b"message %d" % n) for n in range(20)]
    results = await asyncio.gather(*map(bench.store.execute, commands), return_exceptions=True)
    assert [isinstance(result, OverQuotaError) for result in results] == [n % 2 == 1 for n in range(20)]
    assert (await bench.store.mailbox(account.account_id, "INBOX")).messages == 10
    assert (await bench.store.mailbox(poor.account_id, "INBOX")).uidnext == 1


async def test_a_value_that_cannot_be_stored_is_our_misuse(bench):
    if bench.name == "memory":
        return  # it keeps any value
    account = await new_account(bench.store)
    with pytest.raises(MisuseError):
        await put(bench.store, account, received=1 << 70)
    with pytest.raises(MisuseError):
        await put(bench.store, account, mailbox="\ud800")
    await put(bench.store, account)
