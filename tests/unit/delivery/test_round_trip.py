"""Import and export: what went in comes out, octet for octet, and never twice."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.archive.formats import Format, read, writer
from gatepost.archive.item import Bad, Item
from gatepost.delivery.exporter import Exported, export, octets
from gatepost.delivery.importer import IN_FLIGHT, LATEST, Importer, Report
from gatepost.errors import (
    NoSuchAccountError,
    NoSuchMessageError,
    StoreFullError,
    StoreUnavailableError,
)
from gatepost.model import CHUNK, Flag
from gatepost.store.commands import CreateAccount, CreateDomain, UpdateAccount
from gatepost.store.memory import MemoryStore

ODD = [
    b"A: b\r\n\r\ncrlf\r\n",
    b"A: b\n\nlf\n",
    b"A: b\r\n\nmixed\n",
    b"A: b\r\rbare\r",
    b"no header",
    b"\n",
    b"A: b\n\nno end",
    b"A: b\n\nFrom x\n>From y\n\n\n",
    "Subject: Grüße\n\n\xff".encode("latin-1"),
    b"A: b\n\n" + b"large\n" * CHUNK,
    b"A: b\r\n\n" + b"large\r\n" * CHUNK,
    b"A: b\r\n\r\n" + b"x" * (CHUNK - 9) + b"\r\n" * 5,
]


class Refusing(MemoryStore):
    """Fails at the nth write."""

    after = -1
    error: Exception = StoreUnavailableError("gone")

    async def execute(self, command):
        self.after -= 1
        if self.after == 0:
            raise self.error
        return await super().execute(command)


def run(work: Callable[[Refusing, int], Awaitable[None]]) -> None:
    async def inside() -> None:
        store = Refusing()
        await store.execute(CreateDomain("example.com"))
        account = await store.execute(CreateAccount("alice@example.com", b""))
        await work(store, account.account_id)

    asyncio.run(inside())


async def take(store: MemoryStore, account: int, path: Path, form: Format, **options) -> Report:
    options.setdefault("most", 10**9)
    return await Importer(store, account, **options).run(read(path, form))


async def give(store: MemoryStore, account: int, path: Path, form: Format) -> Exported:
    return await export(store, account, writer(path, form))


def maildir(root: Path, messages: list[bytes], folder: str = ".") -> None:
    cur = root / folder / "cur"
    cur.mkdir(parents=True)
    for number, data in enumerate(messages):
        (cur / f"{number}.m:2,{'S' * (number % 2)}").write_bytes(data)


def seen(path: Path, form: Format) -> list[tuple[str, bytes, Flag, tuple[str, ...], int]]:
    found = []
    for one in read(path, form):
        assert isinstance(one, Item)
        with one.open() as data:
            found.append((one.folder, data[:], one.flags, one.keywords, one.received))
    return found


@pytest.mark.parametrize("form", [Format.MAILDIR, Format.EML])
def test_any_octets_come_back(tmp_path: Path, form: Format) -> None:
    maildir(tmp_path / "in", ODD)
    maildir(tmp_path / "in", ODD[:3], ".Archive.Größe")

    async def work(store: Refusing, account: int) -> None:
        report = await take(store, account, tmp_path / "in", Format.MAILDIR)
        assert (report.imported, report.skipped) == (len(ODD) + 3, [])
        done = await give(store, account, tmp_path / "out", form)
        assert (done.messages, done.inexact) == (len(ODD) + 3, [])

    run(work)
    before, after = seen(tmp_path / "in", Format.MAILDIR), seen(tmp_path / "out", form)
    key = [slice(None), slice(2)][form is Format.EML]
    assert sorted(one[key] for one in after) == sorted(one[key] for one in before)


def test_mbox_comes_back(tmp_path: Path) -> None:
    separator = b"From a@x Thu Jan  1 00:01:40 1970\n"
    texts = [b"Status: RO\n\nFrom x\n", b"A: b\n\n>From y\n", b"A: b\r\n\r\nz\r\n"]
    (tmp_path / "in").write_bytes(b"".join(separator + text.replace(b"\nFrom", b"\n>From") + b"\n" for text in texts))

    async def work(store: Refusing, account: int) -> None:
        await take(store, account, tmp_path / "in", Format.MBOX, mailbox="Old")
        await give(store, account, tmp_path / "out", Format.MBOX)

    run(work)
    before, after = seen(tmp_path / "in", Format.MBOX), seen(tmp_path / "out", Format.MBOX)
    assert [one[1] for one in after] == [one[1] for one in before] == [texts[0], b"A: b\n\nFrom y\n", texts[2]]
    assert [one[4] for one in after] == [100, 100, 100]
    assert after[0][0] == "Old"


def test_what_mbox_cannot_hold_exactly_is_told(tmp_path: Path) -> None:
    maildir(tmp_path / "in", [b"A: b\n\nno end"])

    async def work(store: Refusing, account: int) -> None:
        await take(store, account, tmp_path / "in", Format.MAILDIR)
        assert (await give(store, account, tmp_path / "out", Format.MBOX)).inexact == ["INBOX/1"]

    run(work)


def test_unique_ids_come_along(tmp_path: Path) -> None:
    maildir(tmp_path / "in", [b"A: b\n\n1", b"X-UIDL: from-header\n\n2", b"A: b\n\n3"])
    (tmp_path / "in" / "dovecot-uidlist").write_text("3 V100 N9\n1 Pkept :0.m\n")

    async def work(store: Refusing, account: int) -> None:
        await take(store, account, tmp_path / "in", Format.MAILDIR)
        box = await store.mailbox(account, "INBOX")
        assert [one.uidl for one in await store.messages(account, box.mailbox_id)] == ["kept", "from-header", None]
        drop = await store.maildrop(account, "INBOX")
        await give(store, account, tmp_path / "out", Format.MAILDIR)
        items = [one for one in read(tmp_path / "out", Format.MAILDIR) if isinstance(one, Item)]
        assert [one.uidl for one in items] == [drop.uidl(0), drop.uidl(1), drop.uidl(2)]

    run(work)


def test_a_second_import_adds_nothing_and_equal_messages_stay_equal_in_number(tmp_path: Path) -> None:
    maildir(tmp_path / "in", [b"same\n", b"same\n", b"other\n"])

    async def work(store: Refusing, account: int) -> None:
        assert (await take(store, account, tmp_path / "in", Format.MAILDIR)).imported == 3
        (tmp_path / "in").rename(tmp_path / "moved")
        for file in (tmp_path / "moved" / "cur").iterdir():
            file.rename(file.with_name(file.name + "F"))
        report = await take(store, account, tmp_path / "moved", Format.MAILDIR)
        assert (report.imported, report.repeated, report.done) == (0, 3, 3)
        assert (await take(store, account, tmp_path / "moved", Format.MAILDIR, salt="again")).imported == 3
        assert (await store.mailbox(account, "INBOX")).messages == 6

    run(work)


@pytest.mark.parametrize("after", [1, 2, 40, 99])
def test_an_interrupted_import_goes_on_where_it_was(tmp_path: Path, after: int) -> None:
    messages = [b"A: b\n\n%d\n" % number for number in range(100)]
    maildir(tmp_path / "in", messages)

    async def work(store: Refusing, account: int) -> None:
        store.after = after
        with pytest.raises(StoreUnavailableError):
            await take(store, account, tmp_path / "in", Format.MAILDIR)
        before = (await store.mailbox(account, "INBOX")).messages
        assert before < 100
        report = await take(store, account, tmp_path / "in", Format.MAILDIR)
        assert report.imported + report.repeated == 100
        assert report.repeated == before
        await give(store, account, tmp_path / "out", Format.MAILDIR)

    run(work)
    assert sorted(one[1] for one in seen(tmp_path / "out", Format.MAILDIR)) == sorted(messages)


def test_a_full_store_stops_the_import_while_it_stages(tmp_path: Path) -> None:
    maildir(tmp_path / "in", [b"x" * (CHUNK + 1)])

    async def work(store: Refusing, account: int) -> None:
        store.after, store.error = 1, StoreFullError("full")
        with pytest.raises(StoreFullError):
            await take(store, account, tmp_path / "in", Format.MAILDIR)

    run(work)


def test_bad_messages_are_skipped_with_their_reasons(tmp_path: Path) -> None:
    @contextmanager
    def broken() -> Iterator[bytes]:
        raise PermissionError(13, "Permission denied")
        yield b""

    @contextmanager
    def fine() -> Iterator[bytes]:
        yield b"fine\n"

    @contextmanager
    def long() -> Iterator[bytes]:
        yield b"x" * 200

    def item(key: str, opener, folder: str = "", size: int = 5) -> Item:
        return Item(key, folder, 0, size, opener)

    source = [
        Bad("link", "no link"),
        item("broken", broken),
        item("huge", fine, size=10**6),
        item("long", long),
        item("folder", fine, folder="/"),
        item("good", fine, folder="ok"),
    ]

    async def work(store: Refusing, account: int) -> None:
        importer = Importer(store, account, most=100)
        steps: list[int] = []
        report = await importer.run(source, lambda so_far: steps.append(so_far.done))
        assert [bad.key for bad in report.skipped] == ["link", "broken", "huge", "long", "folder"]
        assert report.skipped[1].reason == "Permission denied"
        assert "message_size" in report.skipped[2].reason
        assert report.imported == 1
        assert steps[-1] == len(source)

    run(work)


def test_a_full_quota_skips(tmp_path: Path) -> None:
    maildir(tmp_path / "in", [b"a\n" * 10, b"b\n" * 100])

    async def work(store: Refusing, account: int) -> None:
        await store.execute(UpdateAccount(account, quota=100))
        report = await take(store, account, tmp_path / "in", Format.MAILDIR)
        assert (report.imported, len(report.skipped)) == (1, 1)

    run(work)


def test_folders_go_below_the_chosen_mailbox(tmp_path: Path) -> None:
    maildir(tmp_path / "in", [b"a\n"])
    maildir(tmp_path / "in", [b"b\n"], ".Sent")

    async def work(store: Refusing, account: int) -> None:
        await take(store, account, tmp_path / "in", Format.MAILDIR, mailbox="Old")
        assert {box.name for box in await store.mailboxes(account) if box.messages} == {"Old", "Old/Sent"}

    run(work)


def test_several_deliveries_are_under_way_at_a_time(tmp_path: Path) -> None:
    maildir(tmp_path / "in", [b"%d\n" % number for number in range(3 * IN_FLIGHT)])
    most = 0

    class Slow(MemoryStore):
        waiting = 0

        async def execute(self, command):
            nonlocal most
            self.waiting += 1
            most = max(most, self.waiting)
            for _ in range(5):
                await asyncio.sleep(0)
            self.waiting -= 1
            return await super().execute(command)

    async def work() -> None:
        store = Slow()
        await store.execute(CreateDomain("example.com"))
        account = (await store.execute(CreateAccount("alice@example.com", b""))).account_id
        await take(store, account, tmp_path / "in", Format.MAILDIR)
        box = await store.mailbox(account, "INBOX")
        sizes = [one.size for one in await store.messages(account, box.mailbox_id)]
        assert len(sizes) == 3 * IN_FLIGHT

    asyncio.run(work())
    assert 1 < most <= IN_FLIGHT


def test_an_account_that_is_not_there(tmp_path: Path) -> None:
    maildir(tmp_path / "in", [b"a\n"])

    async def work(store: Refusing, account: int) -> None:
        with pytest.raises(NoSuchAccountError):
            await take(store, account + 1, tmp_path / "in", Format.MAILDIR)

    run(work)


def test_a_message_that_is_deleted_during_an_export_is_passed_over(tmp_path: Path) -> None:
    maildir(tmp_path / "in", [b"a\n", b"b\n"])

    async def work(store: Refusing, account: int) -> None:
        await take(store, account, tmp_path / "in", Format.MAILDIR)
        box = await store.mailbox(account, "INBOX")
        first, _ = await store.messages(account, box.mailbox_id)
        email = store.email

        async def gone(account_id: int, email_id: int):
            if email_id == first.email_id:
                raise NoSuchMessageError("gone")
            return await email(account_id, email_id)

        store.email = gone  # type: ignore[method-assign]
        assert (await give(store, account, tmp_path / "out", Format.MAILDIR)).messages == 1

    run(work)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.text("a\r\n", max_size=12).map(str.encode)), max_size=6))
def test_random_octets_come_back(messages: list[bytes]) -> None:
    async def work(store: Refusing, account: int) -> None:
        @contextmanager
        def opened(data: bytes) -> Iterator[bytes]:
            yield data

        items = [
            Item(str(number), "", 0, len(data), lambda data=data: opened(data)) for number, data in enumerate(messages)
        ]
        report = await Importer(store, account, most=1000).run(items)
        assert len(report.skipped) == messages.count(b"")
        box = await store.mailbox(account, "INBOX")
        listed = await store.messages(account, box.mailbox_id)
        back = [b"".join([chunk async for chunk in octets(store, account, message)]) for message in listed]
        assert back == [data for data in messages if data]

    run(work)


@pytest.mark.parametrize(("year", "received"), [(b"0000", 0), (b"9999", LATEST)])
def test_a_date_that_cannot_be_right_stops_nothing(tmp_path: Path, year: bytes, received: int) -> None:
    (tmp_path / "box").write_bytes(b"From a@x Fri Dec 31 23:59:59 " + year + b"\nA: b\n\nx\n")

    async def work(store: MemoryStore, account: int) -> None:
        assert (await take(store, account, tmp_path / "box", Format.MBOX)).imported == 1
        inbox = await store.mailbox(account, "INBOX")
        (message,) = await store.messages(account, inbox.mailbox_id)
        assert message.received == received
        assert (await give(store, account, tmp_path / "out", Format.MBOX)).messages == 1

    run(work)


def test_a_bug_in_reading_one_message_stops_no_other(tmp_path: Path) -> None:
    @contextmanager
    def buggy() -> Iterator[bytes]:
        raise ValueError("no number")
        yield b""

    @contextmanager
    def fine() -> Iterator[bytes]:
        yield b"fine\n"

    def source() -> Iterator[Item]:
        yield Item("buggy", "", 0, 5, buggy)
        yield Item("good", "", 0, 5, fine)
        raise KeyError("a bug of the source")

    async def work(store: Refusing, account: int) -> None:
        report = await Importer(store, account, most=100).run(source())
        assert report.imported == 1
        assert [bad.key for bad in report.skipped] == ["buggy", "whatever follows good"]
        assert "please report this bug (ValueError: no number)" in report.skipped[0].reason

    run(work)


def test_a_bug_in_the_store_stops_no_other(tmp_path: Path) -> None:
    maildir(tmp_path / "in", [b"one\n", b"two\n"])

    async def work(store: Refusing, account: int) -> None:
        store.after, store.error = 1, TypeError("bug")
        report = await take(store, account, tmp_path / "in", Format.MAILDIR)
        assert (report.imported, len(report.skipped)) == (1, 1)

    run(work)


def test_what_is_compressed_counts_as_what_it_holds(tmp_path: Path) -> None:
    mail = b"Subject: a\n\n" + b"x" * 3000 + b"\n"
    maildir(tmp_path / "in", [gzip.compress(mail), gzip.compress(mail * 9)])

    async def work(store: Refusing, account: int) -> None:
        report = await take(store, account, tmp_path / "in", Format.MAILDIR, most=10_000)
        assert (report.imported, report.octets) == (1, len(mail))
        assert "27,1" in report.skipped[0].reason

    run(work)
