import asyncio
import os
import sys
import threading

import pytest

from gatepost.identity import hasher as hasher_module
from gatepost.identity.hasher import NICENESS, QUEUE_PER_THREAD, Hasher, HasherBusyError
from gatepost.identity.passwords import make_verifier
from gatepost.model import CredentialKind


def test_it_verifies_real_hashes() -> None:
    async def run() -> None:
        hasher = Hasher()
        verifier = make_verifier("password", CredentialKind.PASSWORD, b"salt")
        assert await hasher.verify(verifier.hash, "password")
        assert not await hasher.verify(verifier.hash, "other")
        hasher.close()
        hasher.close()

    asyncio.run(run())


def test_the_queue_is_bounded_and_the_loop_goes_on() -> None:
    gate = threading.Event()
    done = []

    def slow(hashed: str, password: str) -> bool:
        assert gate.wait(10)
        done.append(password)
        return True

    async def run() -> None:
        hasher = Hasher(threads=1, queue=3, verify=slow)
        waiting = [asyncio.create_task(hasher.verify("", str(n))) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(HasherBusyError):
            await hasher.verify("", "one too many")
        gate.set()
        assert await asyncio.gather(*waiting) == [True, True, True]
        assert await hasher.verify("", "again")
        hasher.close()

    asyncio.run(run())
    assert done == ["0", "1", "2", "again"]


def test_work_that_nobody_waits_for_still_counts() -> None:
    begun, gate = threading.Event(), threading.Event()

    def slow(hashed: str, password: str) -> bool:
        begun.set()
        return gate.wait(10)

    async def run() -> None:
        hasher = Hasher(threads=1, queue=2, verify=slow)
        running = asyncio.create_task(hasher.verify("", "running"))
        waiting = asyncio.create_task(hasher.verify("", "waiting"))
        await asyncio.to_thread(begun.wait, 10)
        running.cancel()
        waiting.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
        assert hasher._pending == {True: 0, False: 1}
        gate.set()
        assert await hasher.verify("", "next")
        hasher.close()

    asyncio.run(run())


def test_the_known_have_a_queue_of_their_own_which_goes_first() -> None:
    begun, gate, done = threading.Event(), threading.Event(), []

    def slow(hashed: str, password: str) -> bool:
        begun.set()
        assert gate.wait(10)
        done.append(password)
        return True

    async def run() -> None:
        hasher = Hasher(threads=1, queue=2, verify=slow)
        waiting = [asyncio.create_task(hasher.verify("", f"stranger {n}")) for n in range(2)]
        await asyncio.to_thread(begun.wait, 10)
        with pytest.raises(HasherBusyError):
            await hasher.verify("", "stranger 3")
        waiting += [asyncio.create_task(hasher.verify("", f"known {n}", known=True)) for n in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(HasherBusyError):
            await hasher.verify("", "known 3", known=True)
        gate.set()
        await asyncio.gather(*waiting)
        hasher.close()

    asyncio.run(run())
    assert done == ["stranger 0", "known 0", "known 1", "stranger 1"]


def test_an_error_is_told_and_what_waits_at_the_end_is_dropped() -> None:
    begun, gate = threading.Event(), threading.Event()

    def broken(hashed: str, password: str) -> bool:
        begun.set()
        gate.wait(10)
        raise MemoryError(password)

    async def run() -> None:
        hasher = Hasher(threads=1, queue=2, verify=broken)
        running = asyncio.create_task(hasher.verify("", "running"))
        await asyncio.to_thread(begun.wait, 10)
        waiting = asyncio.create_task(hasher.verify("", "waiting"))
        await asyncio.sleep(0)
        hasher.close()
        gate.set()
        with pytest.raises(MemoryError):
            await running
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert hasher._pending == {True: 0, False: 0}

    asyncio.run(run())


def test_the_default_bound_follows_the_threads() -> None:
    assert Hasher(threads=2)._bound == 2 * QUEUE_PER_THREAD


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_threads_yield_to_the_loop() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)

    async def run() -> int:
        hasher = Hasher(threads=1, verify=lambda _h, _p: bool(os.getpriority(os.PRIO_PROCESS, 0) == NICENESS))
        nice = await hasher.verify("", "")
        hasher.close()
        return nice

    assert asyncio.run(run())
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_elsewhere_priorities_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hasher_module.sys, "platform", "darwin")
    before = os.getpriority(os.PRIO_PROCESS, 0)
    hasher_module._be_nice()
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
