"""Pages of the database are not what was written: what is hurt is named, and nothing of it is handed out as sound."""

from __future__ import annotations

import asyncio
import shutil

import apsw
import pytest

from gatepost.archive.formats import Format, writer
from gatepost.delivery.exporter import export
from gatepost.errors import DomainError, StoreCorruptError
from gatepost.model import CHUNK
from gatepost.store.commands import Deliver, NewEmail, Target
from gatepost.store.sqlite import reader as module
from gatepost.store.sqlite.database import PAGE_SIZE
from gatepost.store.sqlite.local import open_local
from support.stores import Clock, new_account, put, read_body, stage

LOGINS = ("alice@example.com", "bob@example.com")
COUNT = 60


def body(login: str, number: int) -> bytes:
    return f"Subject: {login} {number}\r\n\r\n".encode() + b"text\r\n" * (1500 if number % 20 == 7 else 40)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sound") / "data"

    async def main():
        store = open_local(directory, Clock())
        for login in LOGINS:
            account = await new_account(store, login)
            for number in range(COUNT):
                await put(store, account, body(login, number))
        await store.close()

    asyncio.run(main())
    return directory


async def hurt(store):
    """(login, UID) of what cannot be had as it was stored."""
    found = set()
    for login in LOGINS:
        for number in range(COUNT):
            try:
                account = await store.account_by_login(login)
                inbox = await store.mailbox(account.account_id, "INBOX")
                (message,) = await store.messages(account.account_id, inbox.mailbox_id, after_uid=number, limit=1)
                email = await store.email(account.account_id, message.email_id)
                data = await read_body(store, email.blob_id)
            except (AttributeError, ValueError, DomainError):
                found.add((login, number + 1))
                continue
            assert data == body(login, number)  # never anything else
    return found


@pytest.mark.parametrize("part", range(4))
def test_whichever_page_is_lost_all_that_is_hurt_is_named(sound, tmp_path, part):
    """By message, or where that cannot be known, by mailbox or account."""
    content = (sound / "store.db").read_bytes()
    pages = len(content) // PAGE_SIZE
    named = 0

    async def look(directory):
        store = open_local(directory, Clock())
        try:
            return await store.verify(lambda done, total: None), await hurt(store)
        finally:
            await store.close()

    for page in range(2 + part, pages + 1, 4):
        directory = tmp_path / str(page)
        directory.mkdir()
        at = (page - 1) * PAGE_SIZE
        (directory / "store.db").write_bytes(content[:at] + bytes(PAGE_SIZE) + content[at + PAGE_SIZE :])
        try:
            findings, gone = asyncio.run(look(directory))
        except StoreCorruptError:
            continue  # it does not even open
        finally:
            shutil.rmtree(directory)
        assert findings or not gone
        places = {(finding.account, finding.place) for finding in findings}
        whole = {finding.account for finding in findings if "cannot be listed" in finding.problem}
        everybody = bool({("", "accounts")} & places)
        for login, uid in gone:
            assert (
                (login, f"INBOX UID {uid}") in places
                or login in whole
                or everybody
                or {(login, "mailboxes"), (login, "account")} & places
            )
            named += (login, f"INBOX UID {uid}") in places
    assert named


def deliver_staged(account, staged):
    return Deliver(NewEmail(staged, 1000, 10, b"parsed"), (Target(account.account_id, "INBOX"),))


def change(directory, statement, *values):
    connection = apsw.Connection(str(directory / "store.db"))
    connection.execute(statement, values)
    connection.close()


def test_a_body_that_changed_is_not_handed_out(sound, tmp_path, caplog):
    shutil.copytree(sound, tmp_path / "data")

    async def main():
        store = open_local(tmp_path / "data", Clock())
        account = await store.account_by_login(LOGINS[0])
        large = await stage(store, bytes(CHUNK) + b"the end")
        (place,) = await store.execute(deliver_staged(account, large))
        whole = await store.email(account.account_id, place.email_id)
        assert await store.chunk(whole.blob_id, 1) == b"the end"
        drop = await store.maildrop(account.account_id, "INBOX")
        change(tmp_path / "data", "UPDATE blob SET data = ? WHERE blob_id = ?", body("mallory", 3), drop.blobs[3])
        change(
            tmp_path / "data", "UPDATE blob_chunk SET data = CAST('The end' AS BLOB) WHERE blob_id = ?", whole.blob_id
        )
        for blob_id in (drop.blobs[3], whole.blob_id):
            with pytest.raises(StoreCorruptError, match="changed on the disk"):
                await store.chunk(blob_id, 0)
        with pytest.raises(StoreCorruptError):
            store.at_hand(drop.blobs[3])
        assert store.at_hand(whole.blob_id) is None
        assert caplog.text.count("is not handed out") == 3
        done = await export(store, account.account_id, writer(tmp_path / "out", Format.EML))
        assert (done.messages, done.damaged) == (COUNT - 1, ["INBOX/4", f"INBOX/{COUNT + 1}"])
        await store.close()

    asyncio.run(main())


def test_a_large_body_is_read_through_once(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 1)

    async def main():
        store = open_local(tmp_path, Clock())
        account = await new_account(store)
        blobs = []
        for number in (1, 2):
            large = await stage(store, bytes((number,)) * (CHUNK + 7))
            (place,) = await store.execute(deliver_staged(account, large))
            blobs.append((await store.email(account.account_id, place.email_id)).blob_id)
        for blob_id in (*blobs, *blobs):
            assert len(await store.chunk(blob_id, 0)) == CHUNK
            assert store._checked == {blob_id}
        monkeypatch.setattr(module, "sha256", None)
        await store.chunk(blobs[1], 0)
        await store.close()

    asyncio.run(main())
