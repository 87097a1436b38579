from __future__ import annotations

import pytest

from gatepost.errors import NoSuchMailboxError, NoSuchMessageError
from gatepost.model import DeletePolicy, Deletion, Flag, Held
from gatepost.store.commands import (
    DeleteMessages,
    Deliver,
    Expire,
    RemoveAccount,
    RestoreMessage,
    Target,
    UpdateAccount,
)
from support.stores import mail, new_account, put, read_body, stage

HOUR, DAY = 3600, 86400


def delete(place, policy, *uids, **fields):
    return DeleteMessages(place.account_id, place.mailbox_id, uids or (place.uid,), policy, **fields)


async def uidls(store, account, name="INBOX"):
    drop = await store.maildrop(account.account_id, name)
    return [drop.uidl(n) for n in range(len(drop.uids))]


async def expire_all(bench):
    total = 0
    while removed := await bench.store.execute(Expire(int(bench.clock.now), 3)):
        total += removed
    return total


async def test_purge_removes_counts_and_writes_the_journal(bench):
    account = await new_account(bench.store)
    places = [await put(bench.store, account, b"x" * n, uidl=f"u{n}", flags=n % 2) for n in range(1, 5)]
    before = await bench.store.mailbox(account.account_id, "INBOX")
    command = delete(places[0], DeletePolicy.PURGE, 2, 3, 2, 77, credential="phone", address="192.0.2.1")
    assert await bench.store.execute(command) == 2
    assert await bench.store.execute(command) == 0
    inbox = await bench.store.mailbox(account.account_id, "INBOX")
    assert (inbox.messages, inbox.octets, inbox.unseen, inbox.uidnext) == (2, 5, 1, 5)
    assert inbox.highestmodseq == before.highestmodseq + 1
    assert (await bench.store.account(account.account_id)).used == 5
    assert await uidls(bench.store, account) == ["u1", "u4"]
    at = int(bench.clock.now)
    assert list(await bench.store.deletions(account.account_id)) == [
        Deletion(at, account.account_id, "INBOX", n, f"u{n}", places[n - 1].email_id, "purge", "phone", "192.0.2.1")
        for n in (3, 2)
    ]
    assert len(await bench.store.deletions(account.account_id, limit=1)) == 1
    with pytest.raises(NoSuchMessageError):
        await bench.store.email(account.account_id, places[1].email_id)
    with pytest.raises(NoSuchMessageError):
        await bench.store.execute(RestoreMessage(account.account_id, places[1].email_id))


async def test_uids_are_never_given_again(bench):
    account = await new_account(bench.store)
    place = await put(bench.store, account)
    await bench.store.execute(delete(place, DeletePolicy.PURGE))
    assert (await put(bench.store, account)).uid == 2


async def test_trash_moves_with_uidl_flags_and_counters(bench):
    account = await new_account(bench.store, quota=100)
    first = await put(bench.store, account, b"abc", flags=int(Flag.FLAGGED), keywords=("k",))
    second = await put(bench.store, account, b"defg", uidl="mine")
    known = await uidls(bench.store, account)
    assert await bench.store.execute(delete(first, DeletePolicy.TRASH, 1, 2)) == 2
    trash = await bench.store.mailbox(account.account_id, "Trash")
    assert (trash.messages, trash.octets, trash.unseen, trash.uidnext) == (2, 7, 2, 3)
    assert await uidls(bench.store, account, "Trash") == known
    assert (await bench.store.account(account.account_id)).used == 7
    moved = await bench.store.messages(account.account_id, trash.mailbox_id)
    assert [(m.flags, m.keywords, m.email_id) for m in moved] == [
        (4, ("k",), first.email_id),
        (0, (), second.email_id),
    ]
    assert all(m.modseq <= trash.highestmodseq for m in moved)
    assert [line.action for line in await bench.store.deletions(account.account_id)] == ["trash", "trash"]


async def test_from_trash_it_is_gone(bench):
    account = await new_account(bench.store)
    place = await put(bench.store, account, mailbox="Trash")
    assert await bench.store.execute(delete(place, DeletePolicy.TRASH)) == 1
    assert (await bench.store.mailbox(account.account_id, "Trash")).messages == 0
    assert (await bench.store.deletions(account.account_id))[0].action == "purge"


async def test_a_uidl_that_trash_has_already_is_derived_anew(bench):
    account = await new_account(bench.store)
    await put(bench.store, account, b"1", mailbox="Trash", uidl="same")
    place = await put(bench.store, account, b"2", uidl="same")
    await bench.store.execute(delete(place, DeletePolicy.TRASH))
    found = await uidls(bench.store, account, "Trash")
    assert found[0] == "same"
    assert len(set(found)) == 2


async def test_restore_from_trash(bench):
    account = await new_account(bench.store)
    place = await put(bench.store, account, flags=int(Flag.DELETED | Flag.SEEN))
    known = await uidls(bench.store, account)
    await bench.store.execute(delete(place, DeletePolicy.TRASH))
    back = await bench.store.execute(RestoreMessage(account.account_id, place.email_id))
    assert (back.mailbox_id, back.uid, back.email_id) == (place.mailbox_id, 2, place.email_id)
    assert await uidls(bench.store, account) == known
    assert (await bench.store.messages(account.account_id, place.mailbox_id))[0].flags == Flag.SEEN
    assert (await bench.store.mailbox(account.account_id, "Trash")).messages == 0
    again = await bench.store.execute(RestoreMessage(account.account_id, place.email_id))
    assert (again.uid, again.mailbox_id, again.repeated) == (back.uid, back.mailbox_id, True)


async def test_hold_keeps_outside_every_mailbox_and_restores(bench):
    account = await new_account(bench.store)
    new = mail(b"precious", preview="prec")
    (place,) = await bench.store.execute(Deliver(new, (Target(account.account_id, "Work", uidl="w1"),)))
    until = int(bench.clock.now) + DAY
    await bench.store.execute(delete(place, DeletePolicy.HOLD, hold_seconds=DAY))
    assert (await bench.store.mailbox(account.account_id, "Work")).messages == 0
    assert (await bench.store.account(account.account_id)).used == 8
    assert list(await bench.store.held(account.account_id)) == [
        Held(place.email_id, "Work", "w1", int(bench.clock.now), until, 8, "prec")
    ]
    email = await bench.store.email(account.account_id, place.email_id)
    assert await read_body(bench.store, email.blob_id) == b"precious"
    back = await bench.store.execute(RestoreMessage(account.account_id, place.email_id))
    assert (back.mailbox_id, back.uid) == (place.mailbox_id, 2)
    assert await uidls(bench.store, account, "Work") == ["w1"]
    assert await bench.store.held(account.account_id) == []
    assert (await bench.store.account(account.account_id)).used == 8


async def test_an_email_in_two_places_is_held_twice(bench):
    account = await new_account(bench.store)
    targets = (Target(account.account_id, "INBOX"), Target(account.account_id, "Copy"))
    first, second = await bench.store.execute(Deliver(mail(b"xy"), targets))
    await bench.store.execute(delete(first, DeletePolicy.HOLD, hold_seconds=10**9))
    bench.clock.now += 5
    await bench.store.execute(delete(second, DeletePolicy.HOLD, hold_seconds=10**9))
    assert [held.mailbox for held in await bench.store.held(account.account_id)] == ["Copy", "INBOX"]
    assert (await bench.store.account(account.account_id)).used == 4
    for mailbox_id in (second.mailbox_id, first.mailbox_id):
        back = await bench.store.execute(RestoreMessage(account.account_id, first.email_id))
        assert back.mailbox_id == mailbox_id


async def test_purging_one_of_two_places_keeps_the_email(bench):
    account = await new_account(bench.store)
    targets = (Target(account.account_id, "INBOX"), Target(account.account_id, "Copy"))
    first, second = await bench.store.execute(Deliver(mail(b"xy"), targets))
    await bench.store.execute(delete(first, DeletePolicy.PURGE))
    await bench.store.email(account.account_id, second.email_id)
    await bench.store.execute(delete(second, DeletePolicy.PURGE))
    with pytest.raises(NoSuchMessageError):
        await bench.store.email(account.account_id, second.email_id)


async def test_purging_the_other_place_keeps_what_is_held(bench):
    account = await new_account(bench.store)
    targets = (Target(account.account_id, "INBOX"), Target(account.account_id, "Copy"))
    first, second = await bench.store.execute(Deliver(mail(b"xy"), targets))
    await bench.store.execute(delete(first, DeletePolicy.HOLD, hold_seconds=10**9))
    await bench.store.execute(delete(second, DeletePolicy.PURGE))
    back = await bench.store.execute(RestoreMessage(account.account_id, first.email_id))
    assert back.mailbox_id == first.mailbox_id
    await bench.store.email(account.account_id, first.email_id)


async def test_deleting_needs_the_mailbox(bench):
    account = await new_account(bench.store)
    for account_id in (account.account_id, 5):
        with pytest.raises(NoSuchMailboxError):
            await bench.store.execute(DeleteMessages(account_id, 9, (1,), DeletePolicy.PURGE))
    with pytest.raises(NoSuchMessageError):
        await bench.store.execute(RestoreMessage(5, 9))


async def test_many_go_at_once(bench):
    account = await new_account(bench.store)
    targets = tuple(Target(account.account_id, "INBOX") for _ in range(1500))
    places = await bench.store.execute(Deliver(mail(b"x"), targets))
    gone = tuple(place.uid for place in places[::2])
    assert await bench.store.execute(delete(places[0], DeletePolicy.TRASH, *gone)) == 750
    assert await bench.store.execute(delete(places[1], DeletePolicy.PURGE, *range(1, 1401))) == 700
    assert (await bench.store.mailbox(account.account_id, "INBOX")).messages == 50
    assert (await bench.store.account(account.account_id)).used == 800


# -- Time


async def test_a_body_outlives_its_last_message_by_an_hour(bench):
    account = await new_account(bench.store)
    place = await put(bench.store, account, b"gone soon")
    blob_id = (await bench.store.email(account.account_id, place.email_id)).blob_id
    await bench.store.execute(delete(place, DeletePolicy.PURGE))
    bench.clock.now += HOUR - 1
    assert await expire_all(bench) == 0
    assert await bench.store.chunk(blob_id, 0) == b"gone soon"
    bench.clock.now += 1
    assert await expire_all(bench) == 1
    with pytest.raises(NoSuchMessageError):
        await bench.store.chunk(blob_id, 0)


async def test_a_body_that_came_back_stays(bench):
    account = await new_account(bench.store)
    place = await put(bench.store, account, b"again")
    blob_id = (await bench.store.email(account.account_id, place.email_id)).blob_id
    await bench.store.execute(delete(place, DeletePolicy.PURGE))
    await put(bench.store, account, b"again")
    bench.clock.now += 2 * HOUR
    await expire_all(bench)
    assert await bench.store.chunk(blob_id, 0) == b"again"


async def test_bodies_of_a_removed_account_go_unless_shared(bench):
    alice = await new_account(bench.store)
    bob = await new_account(bench.store, "bob@example.com")
    blobs = []
    for body in (b"own", b"shared"):
        place = await put(bench.store, alice, body)
        blobs.append((await bench.store.email(alice.account_id, place.email_id)).blob_id)
    await put(bench.store, bob, b"shared")
    new = mail(b"other", original=mail(b"raw").body)
    (place,) = await bench.store.execute(Deliver(new, (Target(alice.account_id, "INBOX"),)))
    raw = (await bench.store.email(alice.account_id, place.email_id)).original_blob_id
    await bench.store.execute(RemoveAccount(alice.account_id))
    bench.clock.now += HOUR
    await expire_all(bench)
    for blob_id in (blobs[0], raw):
        with pytest.raises(NoSuchMessageError):
            await bench.store.chunk(blob_id, 0)
    assert await bench.store.chunk(blobs[1], 0) == b"shared"


async def test_holds_end(bench):
    account = await new_account(bench.store)
    place = await put(bench.store, account, b"held")
    await bench.store.execute(delete(place, DeletePolicy.HOLD, hold_seconds=10))
    assert await expire_all(bench) == 0
    bench.clock.now += 10
    assert await expire_all(bench) == 1
    assert await bench.store.held(account.account_id) == []
    assert (await bench.store.account(account.account_id)).used == 0
    with pytest.raises(NoSuchMessageError):
        await bench.store.execute(RestoreMessage(account.account_id, place.email_id))


async def test_inbox_expires_by_account_and_in_slices(bench):
    account = await new_account(bench.store)
    other = await new_account(bench.store, "bob@example.com")
    await bench.store.execute(UpdateAccount(account.account_id, expire_days=10))
    for n in range(7):
        await put(bench.store, account, b"%d" % n)
    await put(bench.store, account, b"elsewhere", mailbox="Archive")
    await put(bench.store, other, b"other")
    bench.clock.now += 2 * DAY
    kept = await put(bench.store, account, b"new")
    bench.clock.now += 8 * DAY
    assert await expire_all(bench) == 0
    bench.clock.now += 1
    assert await bench.store.execute(Expire(int(bench.clock.now), 3)) == 3
    assert await expire_all(bench) == 4
    drop = await bench.store.maildrop(account.account_id, "INBOX")
    assert list(drop.uids) == [kept.uid]
    assert (await bench.store.mailbox(account.account_id, "Archive")).messages == 1
    assert (await bench.store.mailbox(other.account_id, "INBOX")).messages == 1
    assert {line.action for line in await bench.store.deletions(account.account_id)} == {"expire"}


async def test_what_is_imported_with_an_old_date_stays_its_full_time(bench):
    """RFC 2449 §6.7 promises days on this server; the date that a message brings along says nothing about them."""
    account = await new_account(bench.store)
    await bench.store.execute(UpdateAccount(account.account_id, expire_days=30))
    await put(bench.store, account, b"imported", received=int(bench.clock.now) - 200 * DAY)
    bench.clock.now += 30 * DAY
    assert await expire_all(bench) == 0
    bench.clock.now += 1
    assert await expire_all(bench) == 1


@pytest.mark.parametrize("policy", [DeletePolicy.HOLD, DeletePolicy.TRASH])
async def test_what_is_restored_stays_its_full_time(bench, policy):
    account = await new_account(bench.store)
    await bench.store.execute(UpdateAccount(account.account_id, expire_days=30))
    place = await put(bench.store, account, b"deleted by mistake")
    bench.clock.now += 10 * DAY
    await bench.store.execute(delete(place, policy, hold_seconds=10**9))
    bench.clock.now += 40 * DAY
    assert await expire_all(bench) == 0
    back = await bench.store.execute(RestoreMessage(account.account_id, place.email_id))
    assert back.mailbox_id == place.mailbox_id
    bench.clock.now += 30 * DAY
    assert await expire_all(bench) == 0
    bench.clock.now += 1
    assert await expire_all(bench) == 1


async def test_keys_are_forgotten_when_nobody_asked_for_them_long_enough(bench):
    account = await new_account(bench.store)
    first = await put(bench.store, account, b"one", once="asked")
    await put(bench.store, account, b"two", once="never asked")
    bench.clock.now += 300 * DAY
    again = await put(bench.store, account, b"one", once="asked")
    assert again.repeated
    assert (again.mailbox_id, again.uid) == (first.mailbox_id, first.uid)
    bench.clock.now += 100 * DAY
    assert await expire_all(bench) == 1
    assert (await put(bench.store, account, b"one", once="asked")).repeated
    assert not (await put(bench.store, account, b"two", once="never asked")).repeated
    bench.clock.now += 400 * DAY
    assert await expire_all(bench) == 2


async def test_staged_leftovers_go_after_a_day_and_the_journal_after_its_time(bench):
    account = await new_account(bench.store)
    place = await put(bench.store, account)
    await bench.store.execute(delete(place, DeletePolicy.PURGE))
    body = b"x" * 300_000
    staged = await stage(bench.store, body)
    bench.clock.now += DAY - 1
    await expire_all(bench)
    bench.clock.now += 1
    assert await expire_all(bench) == 1
    new = mail()
    with pytest.raises(Exception, match="not there"):
        await bench.store.execute(Deliver(type(new)(staged, 1, 1, b""), (Target(account.account_id, "INBOX"),)))
    assert len(await bench.store.deletions(account.account_id)) == 1
    bench.clock.now += 400 * DAY
    assert await expire_all(bench) == 1
    assert await bench.store.deletions(account.account_id) == []
