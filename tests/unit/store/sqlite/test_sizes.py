"""Stores of an older schema: sizes are measured again, and nothing else changes."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager

import apsw

from gatepost.mime.downgrade import ascii_size
from gatepost.model import CHUNK, DeletePolicy
from gatepost.store.commands import (
    CreateAccount,
    CreateDomain,
    DeleteMessages,
    Deliver,
    Inline,
    NewEmail,
    StageChunk,
    Staged,
    Target,
    UpdateAccount,
)
from gatepost.store.sqlite.database import FILE
from gatepost.store.sqlite.local import open_local

KOI8 = b"Subject: \xf0\xd2\xc9\r\n\r\n"
UTF8 = "Subject: Grüße\r\n\r\n".encode()
BODIES = [
    (b"", b"A: b\r\n\r\nended\r\n"), (b"", b"A: b\r\n\r\nno end"), (KOI8, KOI8 + b"no end"), (UTF8, UTF8 + b"no end"),
    (UTF8, UTF8 + b"ended\r\n"), (b"", b"x" * (CHUNK - 1) + b"\r\n"), (b"", b"x" * (CHUNK + 1)),
]  # fmt: skip
GROWN = [0, 2, 2, 2, 0, 0, 2]


def as_before(number: int, header: bytes, body: bytes) -> tuple[list[StageChunk], NewEmail]:
    """The message as releases before schema 4 stored it: raw octets guessed, no line end counted."""
    whole = Staged(number, hashlib.sha256(body).digest(), len(body))
    chunks = [StageChunk(number, n, body[at : at + CHUNK]) for n, at in enumerate(range(0, len(body), CHUNK))]
    surrogate = len(body) + 20 if header else 0
    place = whole if len(chunks) > 1 else Inline(body)
    return chunks if len(chunks) > 1 else [], NewEmail(place, 1, len(header), b"", ascii_size=surrogate)


@asynccontextmanager
async def opened(directory):
    store = open_local(directory)
    try:
        yield store
    finally:
        await store.close()


async def old_store(directory) -> tuple[int, list[int]]:
    async with opened(directory) as store:
        await store.execute(CreateDomain("example.com"))
        account = await store.execute(CreateAccount("alice@example.com", b"salt"))
        await store.execute(UpdateAccount(account.account_id, delete_policy=DeletePolicy.HOLD, hold_days=9))
        for number, (header, body) in enumerate(BODIES, 1):
            chunks, email = as_before(number, header, body)
            for chunk in chunks:
                await store.execute(chunk)
            targets = (Target(account.account_id, "INBOX"), Target(account.account_id, "Copy"))
            await store.execute(Deliver(email, targets))
        copy = await store.mailbox(account.account_id, "Copy")
        await store.execute(DeleteMessages(account.account_id, copy.mailbox_id, (2,), DeletePolicy.HOLD, 2**40))
        drop = await store.maildrop(account.account_id, "INBOX")
        uidls = [drop.uidl(position) for position in range(len(drop.uids))]
    connection = apsw.Connection(str(directory / FILE))
    connection.pragma("user_version", 3)
    connection.close()
    return account.account_id, uidls


def test_what_is_there_is_measured_again(tmp_path):
    asyncio.run(_measured_again(tmp_path))


async def _measured_again(tmp_path):
    account_id, uidls = await old_store(tmp_path)
    async with opened(tmp_path) as store:
        for name in ("INBOX", "Copy"):
            drop = await store.maildrop(account_id, name)
            grown = [(len(body) + more) for (_, body), more in zip(BODIES, GROWN, strict=True)]
            ascii_sizes = {
                position: ascii_size(header, len(body), ended=body.endswith(b"\r\n"))
                for position, (header, body) in enumerate(BODIES)
                if header == UTF8
            }
            if name == "INBOX":
                assert (list(drop.sizes), drop.ascii_sizes) == (grown, ascii_sizes)
                assert [drop.uidl(position) for position in range(len(drop.uids))] == uidls
            assert (await store.mailbox(account_id, name)).octets == sum(drop.sizes)
        (held,) = await store.held(account_id)
        assert held.size == len(BODIES[1][1]) + 2
        inbox, copy = [await store.mailbox(account_id, name) for name in ("INBOX", "Copy")]
        account = await store.account(account_id)
        assert account.used == inbox.octets + copy.octets + held.size
        assert not await store.verify(lambda *_: None)


def test_a_body_with_a_gap_keeps_what_it_has(tmp_path):
    asyncio.run(_gap(tmp_path))


async def _gap(tmp_path):
    account_id, _ = await old_store(tmp_path)
    connection = apsw.Connection(str(tmp_path / FILE))
    connection.execute("DELETE FROM blob WHERE length(data) < 1000").fetchall()
    connection.execute("DELETE FROM blob_chunk").fetchall()
    connection.close()
    async with opened(tmp_path) as store:
        assert (await store.maildrop(account_id, "INBOX")).ascii_sizes.keys() == {2, 3, 4}
