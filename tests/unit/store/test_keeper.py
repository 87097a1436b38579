"""Keeper and remote store, in one loop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import struct

import pytest

from gatepost.errors import AlreadyExistsError, MisuseError, StoreUnavailableError
from gatepost.model import DeletePolicy
from gatepost.store import keeper as keeper_module
from gatepost.store import wire
from gatepost.store.api import Changed
from gatepost.store.commands import CreateDomain, DeleteMessages, Expire, TouchCredentials, TrustClock, UpdateAccount
from gatepost.store.keeper import Keeper, run_keeper
from gatepost.store.remote import ANYTHING, open_remote
from gatepost.store.socket_path import connected_socket
from gatepost.store.sqlite.local import open_local
from support.stores import Clock, count_commits, deliver, fail, new_account, put

CLOCK = Clock()
DAY = 86_400


async def started(directory):
    keeper = Keeper(directory, CLOCK, fatal=fail)
    await keeper.start()
    return keeper


def test_many_waiting_writes_share_few_commits(tmp_path):
    async def main():
        keeper = await started(tmp_path)
        store = open_remote(tmp_path)
        account = await new_account(store)
        commits = count_commits(keeper)
        await asyncio.gather(*(store.execute(deliver(account, b"%d" % n)) for n in range(64)))
        assert len(commits) <= 8
        await store.close()
        await keeper.stop()

    asyncio.run(main())


def test_a_write_waits_for_a_keeper_that_comes_back(tmp_path):
    async def main():
        keeper = await started(tmp_path)
        store = open_remote(tmp_path)
        await store.execute(CreateDomain("a.org"))
        before = store.directory_generation()
        await keeper.stop()
        waiting = asyncio.create_task(store.execute(CreateDomain("b.org")))
        await asyncio.sleep(0)
        keeper = await started(tmp_path)
        await waiting
        assert [domain.name for domain in await store.domains()] == ["a.org", "b.org"]
        assert store.directory_generation() > before
        await store.close()
        await keeper.stop()

    asyncio.run(main())


def test_what_a_keeper_committed_before_it_died_over_it_is_seen_by_all_from_then_on(tmp_path):
    async def main():
        keeper = await started(tmp_path)
        one, other = open_remote(tmp_path), open_remote(tmp_path)
        account = await new_account(one)
        assert not one.maildrop_at_hand(account.account_id, "INBOX").uids
        died = asyncio.Event()
        keeper._committer._tell = lambda *_: died.set()
        unanswered = asyncio.create_task(put(one, account))
        await died.wait()
        for _ in range(2):
            assert len(one.maildrop_at_hand(account.account_id, "INBOX").uids) == 1
            assert len(other.maildrop_at_hand(account.account_id, "INBOX").uids) == 1
        unanswered.cancel()
        await asyncio.wait([unanswered])
        before = one._generation.of_commits()
        await keeper.stop()
        keeper = await started(tmp_path)
        assert one._generation.of_commits() > before
        assert one._generation.of_commits() % 2 == 0
        for store in (one, other):
            await store.close()
        await keeper.stop()

    asyncio.run(main())


def test_what_a_command_writes_while_there_is_no_keeper_is_seen_at_once(tmp_path):
    async def main():
        keeper = await started(tmp_path)
        worker = open_remote(tmp_path)
        account = await new_account(worker)
        assert not worker.maildrop_at_hand(account.account_id, "INBOX").uids
        await keeper.stop()
        command = open_local(tmp_path, CLOCK)
        await put(command, account)
        assert len(worker.maildrop_at_hand(account.account_id, "INBOX").uids) == 1
        before = worker.directory_generation()
        await command.execute(UpdateAccount(account.account_id, quota=5))
        assert worker.directory_generation() > before
        await command.close()
        await worker.close()

    asyncio.run(main())


def test_without_a_keeper_reads_go_on_and_writes_say_so(tmp_path):
    async def main():
        keeper = await started(tmp_path)
        await keeper.stop()
        store = open_remote(tmp_path, patience=0.1)
        with pytest.raises(StoreUnavailableError, match="gatepost serve"):
            await store.execute(CreateDomain("a.org"))
        assert await store.domains() == []
        waiting = asyncio.create_task(store.execute(CreateDomain("a.org")))
        await asyncio.sleep(0)
        await store.close()
        await store.close()
        with pytest.raises(StoreUnavailableError, match="closed"):
            await waiting

    asyncio.run(main())


def test_subscribers_are_told_that_they_missed_something(tmp_path):
    async def main():
        keeper = await started(tmp_path)
        store = open_remote(tmp_path)
        account = await new_account(store)
        heard: asyncio.Queue[Changed] = asyncio.Queue()
        store.subscribe(heard.put_nowait)
        store.subscribe(lambda _: None)
        await put(store, account)
        assert (await heard.get()).account_id == account.account_id
        await keeper.stop()
        keeper = await started(tmp_path)
        assert await heard.get() == ANYTHING
        await put(store, account)
        assert (await heard.get()).account_id == account.account_id
        await store.close()
        await keeper.stop()

    asyncio.run(main())


def test_a_worker_that_talks_nonsense_is_cut_off(tmp_path, caplog):
    async def main():
        keeper = await started(tmp_path)
        reader, writer = await asyncio.open_unix_connection(sock=connected_socket(tmp_path))
        writer.write(struct.pack(">I", 3) + b"abc")
        assert await reader.read() == b""
        writer.close()
        await keeper.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert "cut off" in caplog.text


def test_a_worker_that_does_not_read_is_cut_off(tmp_path, caplog):
    """At the limit: what the system takes for a socket is less than that again."""
    frame = bytes(65_536)

    async def main():
        keeper = await started(tmp_path)
        deaf = connected_socket(tmp_path)
        deaf.setblocking(True)
        deaf.sendall(wire.encode(wire.Subscribe()))
        while not any(connection.subscribed for connection in keeper.connections):  # noqa: ASYNC110 -- a few turns
            await asyncio.sleep(0)
        (connection,) = keeper.connections
        sent = 0
        while "cut off" not in caplog.text:
            connection.push(frame)
            sent += len(frame)
            assert sent < 2 * keeper_module.UNREAD_OCTETS
        assert sent > keeper_module.UNREAD_OCTETS
        await connection.closed
        assert keeper.connections == set()
        deaf.close()
        await keeper.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert "does not read" in caplog.text


def test_what_is_under_way_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper_module, "UNANSWERED_OCTETS", 2000)

    async def main():
        keeper = await started(tmp_path)
        store = open_remote(tmp_path)
        account = await new_account(store)
        bodies = [os.urandom(1500) for _ in range(30)]
        await asyncio.gather(*(store.execute(deliver(account, body)) for body in bodies))
        assert (await store.mailbox(account.account_id, "INBOX")).messages == 30
        await store.close()
        await keeper.stop()

    asyncio.run(main())


def test_an_answer_from_another_release_is_no_answer(tmp_path, caplog):
    async def main():
        open_local_store = open_local(tmp_path, CLOCK)
        await open_local_store.close()

        async def talk(reader, writer):
            await reader.read(10)
            writer.write(struct.pack(">I", 1) + b"\xc1")
            await reader.read()
            writer.close()
            await writer.wait_closed()

        (tmp_path / "keeper.sock").unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(tmp_path / "keeper.sock"))
        server = await asyncio.start_unix_server(talk, sock=sock)
        store = open_remote(tmp_path, patience=0.2)
        with pytest.raises(StoreUnavailableError):
            await store.execute(CreateDomain("a.org"))
        await store.close()
        server.close()
        await server.wait_closed()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert "release" in caplog.text


def test_an_answer_of_the_wrong_kind_is_a_misuse(tmp_path):
    async def main():
        local = open_local(tmp_path, CLOCK)
        await local.close()
        framer = wire.Framer(wire.ToKeeper)

        async def talk(reader, writer):
            while data := await reader.read(1000):
                for request, _ in framer.feed(data):
                    writer.write(wire.encode_result(request.number + 5, None))
                    writer.write(wire.encode(wire.Failed(request.number + 5, "OverQuotaError", "late")))
                    writer.write(wire.encode_result(request.number, 5))
            writer.close()
            await writer.wait_closed()

        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(tmp_path / "keeper.sock"))
        server = await asyncio.start_unix_server(talk, sock=sock)
        store = open_remote(tmp_path)
        with pytest.raises(MisuseError, match="CreateDomain"):
            await store.execute(CreateDomain("a.org"))
        await store.close()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)

    asyncio.run(main())


def test_the_socket_is_private_and_its_directory_may_have_a_long_name(tmp_path):
    directory = tmp_path / ("long" * 30)

    async def main():
        keeper = await started(directory)
        assert (directory / "keeper.sock").stat().st_mode & 0o777 == 0o600
        store = open_remote(directory)
        await store.execute(CreateDomain("a.org"))
        with pytest.raises(AlreadyExistsError):
            await store.execute(CreateDomain("a.org"))
        await store.close()
        await keeper.stop()

    asyncio.run(main())


def test_one_writer_at_a_time(tmp_path):
    async def main():
        keeper = await started(tmp_path)
        for again in (lambda: Keeper(tmp_path, CLOCK, fatal=fail), lambda: open_local(tmp_path)):
            with pytest.raises(StoreUnavailableError, match=f"process {os.getpid()}"):
                again()
        await keeper.stop()
        store = open_local(tmp_path)
        await store.close()
        await store.close()

    asyncio.run(main())


def test_housekeeping_goes_on_in_slices_until_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper_module, "SLICE", 2)
    clock = Clock()

    async def main():
        keeper = Keeper(tmp_path, clock, fatal=fail, steady=clock)
        await keeper.start()
        store = open_remote(tmp_path)
        await store.execute(TrustClock())
        account = await new_account(store)
        await store.execute(UpdateAccount(account.account_id, expire_days=1))
        for n in range(5):
            await put(store, account, b"%d" % n)
        clock.now += 90_000
        changed = asyncio.Event()
        store.subscribe(lambda _: changed.set())
        keeper.housekeep()
        while (await store.mailbox(account.account_id, "INBOX")).messages:
            await changed.wait()
            changed.clear()
        await store.close()
        await keeper.stop()
        keeper._housekept(0, None)
        keeper._housekept(None, RuntimeError("x"))

    asyncio.run(main())


def test_housekeeping_waits_while_nobody_knows_what_time_it_is(tmp_path, caplog):
    """A machine that starts 400 days ahead for two minutes: nothing is gone, neither old mail nor what is on hold."""
    clock, steady = Clock(), Clock(5.0)

    async def main():
        keeper = Keeper(tmp_path, clock, fatal=fail, steady=steady)
        await keeper.start()
        store = open_remote(tmp_path)
        await store.execute(TrustClock())
        account = await new_account(store)
        await store.execute(UpdateAccount(account.account_id, expire_days=30))
        place = await put(store, account, b"held")
        held = DeleteMessages(account.account_id, place.mailbox_id, (place.uid,), DeletePolicy.HOLD, DAY)
        await store.execute(held)
        await put(store, account, b"old")
        clock.now += 400 * DAY
        for _ in range(2):
            keeper.housekeep()
            steady.now += 60
        await store.execute(TouchCredentials(()))
        assert len(await store.held(account.account_id)) == 1
        assert (await store.mailbox(account.account_id, "INBOX")).messages == 1
        assert "No mail expires" in caplog.text
        await store.execute(TrustClock())
        with caplog.at_level(logging.INFO):
            keeper.housekeep()
            await store.execute(TouchCredentials(()))
        assert not await store.held(account.account_id)
        assert (
            "messages older than EXPIRE allows: 1, messages whose hold ended: 1, old lines of the journal: 1 "
            "(mail of alice@example.com: 2)" in caplog.text
        )
        await store.close()
        await keeper.stop()

    asyncio.run(main())


def test_a_store_that_is_none_is_not_opened(tmp_path):
    (tmp_path / "store.db").write_bytes(b"x" * 5000)
    for _ in range(2):
        with pytest.raises(Exception, match="damaged"):
            Keeper(tmp_path, CLOCK, fatal=fail)
    with pytest.raises(StoreUnavailableError, match="gatepost init"):
        open_remote(tmp_path / "nowhere")


def test_run_keeper_serves_until_sigterm(tmp_path):
    seen = []

    def ready():
        seen.append((tmp_path / "keeper.sock").exists())
        os.kill(os.getpid(), signal.SIGTERM)

    assert run_keeper(tmp_path, ready) == 0
    assert seen == [True]


def test_workers_may_ask_for_little(tmp_path, caplog):
    """This process is in the family that the keeper was told of: whoever took over a worker asks in vain."""

    async def main():
        keeper = Keeper(tmp_path, CLOCK, fatal=fail, family=os.getpid())
        await keeper.start()
        store = open_remote(tmp_path)
        for command in (Expire(1 << 62), CreateDomain("a.org"), UpdateAccount(1, enabled=False), TrustClock()):
            with pytest.raises(MisuseError, match="not for workers"):
                await store.execute(command)
        await store.execute(TouchCredentials(()))
        assert not await store.domains()
        await store.close()
        await keeper.stop()

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert "a worker asked for Expire" in caplog.text
