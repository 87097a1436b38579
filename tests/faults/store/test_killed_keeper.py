"""A keeper in a process of its own that is killed, or whose disk fails: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gatepost.errors import StoreUnavailableError
from gatepost.store.commands import Deliver, Inline, NewEmail, Target
from gatepost.store.keeper import DISK_FAILED
from gatepost.store.remote import open_remote
from support.stores import new_account, read_body

CHILD = """
import os, sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {src!r}]
from gatepost.store import keeper
if {fault!r}:
    import apsw
    from support.fault_vfs import FaultVfs
    vfs = FaultVfs("fault")
    open_writer = keeper.open_writer
    keeper.open_writer = lambda directory, _: open_writer(directory, "fault")
def ready():
    if {fault!r}:
        vfs.arm("sync", apsw.IOError, 4)
    os.write(1, b"x")
sys.exit(keeper.run_keeper(Path(sys.argv[1]), ready))
"""
TESTS = Path(__file__).parents[2]
SRC = TESTS.parent / "src"


_children = []


@pytest.fixture(autouse=True)
def no_child_survives():
    yield
    for child in _children:
        if child.poll() is None:
            end(child, signal.SIGKILL)
    _children.clear()


def start_keeper(directory, *, fault=False):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(tests=str(TESTS), src=str(SRC), fault=fault), str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    _children.append(child)
    if child.stdout.read(1) != b"x":
        raise AssertionError(f"the keeper ended with {end(child)}")
    return child


def end(child, number=signal.SIGTERM):
    child.send_signal(number)
    code = child.wait()
    child.stdout.close()
    return code


def numbered(n: int) -> bytes:
    return b"message %d\r\n" % n * 200


async def send(store, account, n):
    new = NewEmail(Inline(numbered(n)), 1, 1, b"")
    await store.execute(Deliver(new, (Target(account.account_id, "INBOX", once=f"m{n}"),)))
    return n


async def check(store, account, acknowledged, sent):
    drop = await store.maildrop(account.account_id, "INBOX")
    found = [await read_body(store, blob) for blob in drop.blobs]
    assert len(found) == len(set(found)), "something came twice"
    assert {numbered(n) for n in acknowledged} <= set(found) <= {numbered(n) for n in sent}
    assert await store.verify(lambda done, total: None) == []


def test_kill_minus_nine_loses_nothing_acknowledged(tmp_path, long_run):
    async def main():
        child = start_keeper(tmp_path)
        store = open_remote(tmp_path)
        account = await new_account(store)
        acknowledged, sent = set(), set()
        for cycle in range(60 if long_run else 6):
            waiting = {asyncio.create_task(send(store, account, cycle * 100 + n)) for n in range(40)}
            sent |= {cycle * 100 + n for n in range(40)}
            # A different moment in each cycle: after the first, second, ... answer.
            for _ in range(1 + cycle % 5):
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                acknowledged |= {task.result() for task in done}
                if not waiting:
                    break
            assert end(child, signal.SIGKILL) == -signal.SIGKILL
            await check(store, account, acknowledged, sent)
            child = start_keeper(tmp_path)
            acknowledged |= set(await asyncio.gather(*waiting))
            await check(store, account, acknowledged, sent)
        assert acknowledged == sent
        await store.close()
        assert end(child) == 0

    asyncio.run(main())


def test_a_failed_sync_ends_the_keeper_and_answers_nobody(tmp_path):
    async def main():
        child = start_keeper(tmp_path)
        store = open_remote(tmp_path, patience=0.5)
        account = await new_account(store)
        assert end(child) == 0
        child = start_keeper(tmp_path, fault=True)
        acknowledged, sent = set(), set()

        async def until_it_fails():
            for n in range(10):
                sent.add(n)
                acknowledged.add(await send(store, account, n))

        with pytest.raises(StoreUnavailableError):
            await until_it_fails()
        assert child.wait() == DISK_FAILED
        child.stdout.close()
        child = start_keeper(tmp_path)
        await check(store, account, acknowledged, sent)
        await send(store, account, max(sent))
        await check(store, account, sent, sent)
        await store.close()
        assert end(child) == 0

    asyncio.run(main())


def test_sigterm_answers_what_arrived(tmp_path):
    async def main():
        child = start_keeper(tmp_path)
        store = open_remote(tmp_path)
        account = await new_account(store)
        waiting = [asyncio.create_task(send(store, account, n)) for n in range(20)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        os.kill(child.pid, signal.SIGTERM)
        child.wait()
        child.stdout.close()
        child = start_keeper(tmp_path)
        assert set(await asyncio.gather(*waiting)) == set(range(20))
        await check(store, account, range(20), range(20))
        await store.close()
        assert end(child) == 0

    asyncio.run(main())
