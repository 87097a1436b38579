from __future__ import annotations

import asyncio
import os

import apsw
import pytest

from gatepost.model import CHUNK, DeletePolicy
from gatepost.store.commands import DeleteMessages, Deliver, NewEmail, Target
from gatepost.store.sqlite.local import open_local
from support.stores import Clock, mail, new_account, put, stage

DAMAGE = {
    "UPDATE blob SET data = zeroblob(length(data))": ("INBOX UID 1", "hash does not match"),
    "UPDATE blob SET data = substr(data, 2)": ("INBOX UID 1", "octets instead of"),
    "DELETE FROM blob_chunk": ("Large UID 1", "octets instead of"),
    "DELETE FROM blob": ("INBOX UID 1", "octets instead of"),
    "DELETE FROM body WHERE size < 1000": ("email", "its body is missing"),
    "UPDATE body SET size = size + 1": ("email", "another size"),
    "UPDATE email SET original_blob_id = 5": ("email", "as received is missing"),
    "UPDATE mailbox SET messages = messages + 1": ("INBOX", "counters say 2 messages"),
    "UPDATE mailbox SET octets = 0": ("INBOX", "0 octets"),
    "UPDATE mailbox SET unseen = 7": ("INBOX", "7 unseen"),
    "UPDATE mailbox SET uidnext = 1": ("INBOX", "UIDNEXT 1"),
    "UPDATE mailbox SET highestmodseq = 1": ("INBOX", "HIGHESTMODSEQ 1"),
    "UPDATE account SET used = 1": ("quota", "1 octets are noted"),
    "DELETE FROM email": ("INBOX UID 1", "content record is missing"),
    "DELETE FROM email WHERE email_id IN (SELECT email_id FROM held)": ("held from INBOX", "content record"),
    "UPDATE message SET size = size + 1": ("INBOX UID 1", "differ"),
    "DELETE FROM message": ("email", "no message and no hold"),
    "DELETE FROM mailbox WHERE name = 'Large'": ("mailbox", "its mailbox is missing"),
    "DELETE FROM mailbox": ("account", "INBOX or its own address"),
    "DELETE FROM address": ("account", "INBOX or its own address"),
    "DELETE FROM account": ("mailbox INBOX", "not there"),
    "INSERT INTO body VALUES (5, x'00', 1)": ("body 5", "no message refers"),
    "INSERT INTO blob VALUES (5, x'00')": ("body 5", "without a body record"),
}


async def filled(directory):
    store = open_local(directory, Clock())
    account = await new_account(store)
    await put(store, account, b"kept")
    held = await put(store, account, b"held one")
    await store.execute(
        DeleteMessages(account.account_id, held.mailbox_id, (held.uid,), DeletePolicy.HOLD, hold_seconds=10**9)
    )
    body = await stage(store, os.urandom(CHUNK + 9))
    await store.execute(Deliver(NewEmail(body, 1, 1, b""), (Target(account.account_id, "Large"),)))
    return store


async def findings(directory):
    store = open_local(directory, Clock())
    found = await store.verify(lambda done, total: None)
    await store.close()
    return found


def test_a_sound_store_has_no_findings(tmp_path):
    async def main():
        await (await filled(tmp_path)).close()
        assert await findings(tmp_path) == []

    asyncio.run(main())


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_with_place_and_fix(tmp_path, damage):
    place, problem = DAMAGE[damage]

    async def main():
        await (await filled(tmp_path)).close()
        connection = apsw.Connection(str(tmp_path / "store.db"))
        connection.execute(damage).fetchall()
        connection.close()
        found = await findings(tmp_path)
        assert any(finding.place.startswith(place) and problem in finding.problem for finding in found), found
        assert all(finding.fix for finding in found)
        assert all("mends every copy" in finding.fix for finding in found if "hash" in finding.problem)

    asyncio.run(main())


def test_a_broken_file_is_found(tmp_path):
    async def main():
        await (await filled(tmp_path)).close()
        connection = apsw.Connection(str(tmp_path / "store.db"))
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'held_until'")
        connection.close()
        found = await findings(tmp_path)
        assert "database file" in {finding.place for finding in found}

    asyncio.run(main())


def test_a_body_that_goes_while_it_is_checked_is_no_finding(tmp_path):
    async def main():
        store = await filled(tmp_path)
        other = apsw.Connection(str(tmp_path / "store.db"))
        account = await store.account_by_login("alice@example.com")
        for n in range(40):
            await store.execute(Deliver(mail(b"%d" % n), (Target(account.account_id, "INBOX"),)))

        def progress(done, total):
            other.execute("DELETE FROM blob WHERE blob_id IN (SELECT max(blob_id) FROM body)")
            other.execute("DELETE FROM body WHERE blob_id IN (SELECT max(blob_id) FROM body)")

        found = await store.verify(progress)
        assert not [finding for finding in found if "octets instead" in finding.problem]
        other.close()
        await store.close()

    asyncio.run(main())
