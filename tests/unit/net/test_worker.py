"""A worker's obedience, with a hub that only keeps a diary."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gatepost.errors import StoreUnavailableError
from gatepost.net import worker
from gatepost.net.child import DRAIN, RETIRE, Channel
from gatepost.net.worker import Site, run_worker


class Diary:
    """Hub and acceptor at once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.last_session_ends = asyncio.Event()

    def start(self) -> None:
        self.lines.append("start")

    def stop(self) -> None:
        self.lines.append("stop accepting")

    def close(self) -> None:
        self.lines.append("close")

    async def retire(self) -> None:
        self.lines.append("retire")
        await self.last_session_ends.wait()

    async def drain(self, seconds: float) -> None:
        self.lines.append(f"drain {seconds:g}")


def life(act: Callable[[socket.socket, Diary], None], *, again: Callable[[socket.socket, Diary], None] | None = None):
    """Runs a worker; `act` happens once it is ready, `again` when it has begun to retire."""
    ours, theirs = socket.socketpair()
    diaries: list[Diary] = []

    @asynccontextmanager
    async def open_site() -> AsyncIterator[Site]:
        diary = Diary()
        diaries.append(diary)
        loop = asyncio.get_running_loop()

        def on_ready() -> None:
            assert ours.recv(10) == b"+"
            loop.remove_reader(ours)
            act(ours, diary)

        loop.add_reader(ours, on_ready)
        if again:
            retire = diary.retire

            async def watched() -> None:
                loop.call_soon(again, ours, diary)
                await retire()

            diary.retire = watched  # type: ignore[method-assign]

        async def chores() -> None:
            diary.lines.append("chores")

        yield Site(diary, [diary], 7.0, chores)  # type: ignore[arg-type, list-item]
        diary.lines.append("closed site")

    code = run_worker(Channel(theirs, os.getppid()), open_site)
    ours.close()
    theirs.close()
    return code, diaries[0].lines


END = ["close", "closed site"]


def test_drains_when_told() -> None:
    code, lines = life(lambda ours, _: ours.send(DRAIN) and None)
    assert code == 0
    assert lines == ["start", "start", "stop accepting", "drain 7", *END]


def test_sigterm_means_drain() -> None:
    _, lines = life(lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    assert "drain 7" in lines


def test_ends_at_once_when_the_supervisor_is_gone() -> None:
    _, lines = life(lambda ours, _: ours.shutdown(socket.SHUT_RDWR))
    assert lines == ["start", "start", "stop accepting", "drain 0", *END]


def test_retires_until_the_last_session_has_ended() -> None:
    _, lines = life(lambda ours, _: ours.send(RETIRE) and None, again=lambda _, diary: diary.last_session_ends.set())
    assert lines == ["start", "start", "retire", "stop accepting", "drain 7", *END]


@pytest.mark.parametrize(("order", "drain"), [(DRAIN, "drain 7"), (b"", "drain 0")])
def test_another_order_ends_the_retirement(order: bytes, drain: str) -> None:
    def send(ours: socket.socket, _: Diary) -> None:
        if order:
            ours.send(order)
        else:
            ours.shutdown(socket.SHUT_RDWR)

    _, lines = life(lambda ours, _: ours.send(RETIRE) and None, again=send)
    assert lines == ["start", "start", "retire", "stop accepting", drain, *END]


def test_chores_are_done_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CHORES_EVERY", 0.0)

    def wait_for_chores(ours: socket.socket, diary: Diary) -> None:
        if "chores" in diary.lines:
            ours.send(DRAIN)
        else:
            asyncio.get_running_loop().call_soon(wait_for_chores, ours, diary)

    _, lines = life(wait_for_chores)
    assert "chores" in lines


def test_a_site_that_cannot_open_is_told_to_the_caller() -> None:
    @asynccontextmanager
    async def open_site() -> AsyncIterator[Site]:
        raise StoreUnavailableError("no store")
        yield

    ours, theirs = socket.socketpair()
    with pytest.raises(StoreUnavailableError):
        run_worker(Channel(theirs, os.getppid()), open_site)
    ours.close()
    theirs.close()


@pytest.mark.parametrize(("chosen", "becomes"), [(os.SCHED_OTHER, os.SCHED_BATCH), (os.SCHED_IDLE, os.SCHED_IDLE)])
def test_serving_in_batches_is_a_policy_unless_another_was_chosen(chosen: int, becomes: int) -> None:
    code = f"""if True:
        import os
        from gatepost.net.worker import serve_in_batches
        os.sched_setscheduler(0, {chosen}, os.sched_param(0))
        serve_in_batches()
        print(os.sched_getscheduler(0))
    """
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == f"{becomes}\n"


def test_a_sandbox_may_forbid_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    worker.serve_in_batches()
