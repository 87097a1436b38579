"""A wire over a pair of sockets, on our own loop and on others."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import uvloop

from gatepost.net.loop import Loop, watch_of
from gatepost.net.wire import HIGH, LARGE, LOW, SMALL, Wire

Run = Callable[[Awaitable[None]], None]


@pytest.fixture(params=[Loop, uvloop.new_event_loop, asyncio.SelectorEventLoop], ids=["ours", "uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a story on this loop."""

    return partial(run_on, request.param)


def run_on(make_loop: Callable[[], asyncio.AbstractEventLoop], work: Awaitable[None]) -> None:
    """Bounded in time."""

    async def story() -> None:
        async with asyncio.timeout(20):
            await work

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(story())


on_ours: Run = partial(run_on, Loop)


class Recorder:
    """Lives on a wire, and writes down what it is told; nobody may tell it anything after the end."""

    wire: Wire

    def __init__(self) -> None:
        self.told: list[str] = []
        self.pieces: list[bytes] = []
        self.error: OSError | None = None
        self.lost = False
        self.descriptor = -1
        self.answer: Callable[[str], None] = lambda _: None
        """What it does when it is told something."""
        self._news = asyncio.Event()

    def _tell(self, what: str) -> None:
        self.told.append(what)
        assert not self.lost, f"{what} after the end"
        self.lost = what == "lost"
        self._news.set()
        self.answer(what)

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)
        self._tell("data")

    def eof_received(self) -> None:
        self._tell("eof")

    def pause_writing(self) -> None:
        self._tell("pause")

    def resume_writing(self) -> None:
        assert self.wire.unsent <= LOW
        self._tell("resume")

    def connection_lost(self, error: OSError | None) -> None:
        self.error = error
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(self.descriptor)
        self._tell("lost")

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._news.clear()
            await self._news.wait()

    async def end(self) -> None:
        await self.until(lambda: self.lost)


@contextmanager
def pair(*, full: bool = False, tcp: bool = False) -> Iterator[tuple[Recorder, Wire, socket.socket]]:
    """A driver, its wire and the peer's socket. `full`: the kernel takes nothing more until the peer reads."""
    ours, peer = tcp_pair() if tcp else socket.socketpair()
    peer.setblocking(False)
    if full:
        fill(ours)
    driver, loop = Recorder(), asyncio.get_running_loop()
    driver.descriptor = ours.detach()
    driver.wire = Wire(loop, watch_of(loop), driver.descriptor, driver)
    try:
        yield driver, driver.wire, peer
    finally:
        peer.close()
        driver.answer = lambda _: None
        driver.wire.abort()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        return server.accept()[0], peer


def fill(ours: socket.socket) -> None:
    ours.setblocking(False)
    try:
        while True:
            ours.send(b"f" * 1000)
    except BlockingIOError:
        return


def drained(peer: socket.socket) -> bytes:
    """What is there now; it ends with the peer's end of stream, or where nothing waits."""
    parts = []
    try:
        while part := peer.recv(1 << 20):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts)


def waiting(peer: socket.socket) -> bytes:
    """What `drained` would take."""
    try:
        return peer.recv(1 << 24, socket.MSG_PEEK)
    except BlockingIOError:
        return b""


async def read_on(peer: socket.socket, octets: int) -> bytes:
    """At least so many."""
    data = b""
    while len(data) < octets:
        data += await asyncio.get_running_loop().sock_recv(peer, 1 << 20)
    return data


async def read_to_end(peer: socket.socket) -> bytes:
    parts = []
    while part := await asyncio.get_running_loop().sock_recv(peer, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def own(data: bytes) -> bytes:
    """Without what filled the kernel."""
    return data.lstrip(b"f")


async def turns() -> None:
    """Whatever is ready happens."""
    for _ in range(10):
        await asyncio.sleep(0)


class TestReading:
    def test_octets_are_told_as_they_come(self, run: Run) -> None:
        async def work() -> None:
            with pair() as (driver, wire, peer):
                assert wire.reading
                for octet in (b"a", b"b", b"c"):
                    peer.send(octet)
                    await driver.until(lambda octet=octet: driver.data.endswith(octet))
                assert driver.pieces == [b"a", b"b", b"c"]

        run(work())

    def test_pieces_grow_once_a_peer_fills_them(self, run: Run) -> None:
        async def work() -> None:
            with pair() as (driver, _, peer):
                peer.send(b"a" * (SMALL - 1))
                await driver.until(lambda: len(driver.data) == SMALL - 1)
                said = bytes(range(256)) * 400
                assert peer.send(said) == len(said) > LARGE
                await driver.until(lambda: len(driver.data) == SMALL - 1 + len(said))
                assert driver.data[SMALL - 1 :] == said
                _, small, large, *others = map(len, driver.pieces)
                assert small == SMALL < large
                assert max(large, *others) <= LARGE

        run(work())

    def test_a_pause_leaves_octets_and_the_end_to_the_kernel(self, run: Run) -> None:
        async def work() -> None:
            with pair() as (driver, wire, peer):
                wire.pause_reading()
                wire.pause_reading()
                assert not wire.reading
                peer.send(b"later")
                peer.close()
                await turns()
                assert driver.told == []
                wire.resume_reading()
                wire.resume_reading()
                assert wire.reading
                await driver.until(lambda: "eof" in driver.told)
                assert (driver.told, driver.data) == (["data", "eof"], b"later")

        run(work())

    def test_the_end_is_told_once_and_we_may_still_write(self, run: Run) -> None:
        async def work() -> None:
            with pair() as (driver, wire, peer):
                peer.shutdown(socket.SHUT_WR)
                await driver.until(lambda: bool(driver.told))
                wire.resume_reading()
                await turns()
                assert driver.told == ["eof"]
                assert not wire.reading
                wire.write(b"bye")
                assert drained(peer) == b"bye"
                wire.close()
                assert driver.told == ["eof", "lost"]

        run(work())

    def test_a_driver_may_stop_another_whose_octets_are_there_too(self, run: Run) -> None:
        async def work() -> None:
            with pair() as (one, first, peer), pair() as (other, second, rival):
                one.answer = lambda _: second.pause_reading()
                other.answer = lambda _: first.pause_reading()
                peer.send(b"x")
                rival.send(b"x")
                await turns()
                assert len(one.told + other.told) == 1
                first.resume_reading()
                second.resume_reading()
                await one.until(lambda: one.told == ["data"])
                await other.until(lambda: other.told == ["data"])

        run(work())

    @pytest.mark.parametrize("how", ["close", "abort"])
    @pytest.mark.parametrize("at", ["data", "eof"])
    def test_a_driver_may_leave_while_it_is_told_something(self, run: Run, how: str, at: str) -> None:
        async def work() -> None:
            with pair(full=True) as (driver, wire, peer):
                driver.answer = lambda what: getattr(wire, how)() if what == at else None
                peer.send(b"x")
                peer.shutdown(socket.SHUT_WR)
                await driver.end()
                assert driver.told == (["data", "lost"] if at == "data" else ["data", "eof", "lost"])
                assert driver.error is None

        run(work())

    def test_octets_that_somebody_else_took_are_not_missed(self, run: Run) -> None:
        """Two wires on one socket: a descriptor that is said to be ready need not be so any more."""

        async def work() -> None:
            with pair() as (one, first, peer):
                loop, other = asyncio.get_running_loop(), Recorder()
                other.descriptor = os.dup(one.descriptor)
                second = other.wire = Wire(loop, watch_of(loop), other.descriptor, other)
                for count in range(1, 4):
                    peer.send(b"x")
                    await turns()
                    assert one.data + other.data == b"x" * count
                assert first.reading
                assert second.reading
                second.pause_reading()
                second.close()

        run(work())

    @pytest.mark.parametrize("at", ["data", "eof", "resume"])
    def test_a_driver_that_fails_ends_its_own_connection_only(self, run: Run, at: str) -> None:
        def fail(what: str) -> None:
            if what == at:
                raise ZeroDivisionError

        async def work() -> None:
            errors: list[dict[str, object]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
            with pair(full=True) as (driver, wire, peer), pair() as (other, _, rival):
                driver.answer = fail
                wire.write(b"x" * (HIGH + 1))
                if at == "resume":
                    await read_on(peer, drained_size(peer) + HIGH + 1)
                else:
                    peer.send(b"x")
                    peer.shutdown(socket.SHUT_WR)
                await driver.end()
                rival.send(b"still here")
                await other.until(lambda: other.data == b"still here")
                assert [type(each["exception"]) for each in errors] == [ZeroDivisionError]

        run(work())

    def test_a_connection_that_breaks_is_told_with_its_error(self, run: Run) -> None:
        async def work() -> None:
            with pair() as (driver, wire, peer):
                wire.write(b"what the peer never reads")
                peer.close()
                await driver.end()
                assert driver.told == ["lost"]
                assert isinstance(driver.error, ConnectionResetError)
                assert wire.closing

        run(work())


class TestWriting:
    def test_what_the_kernel_takes_goes_out_at_once(self, run: Run) -> None:
        async def work() -> None:
            with pair() as (_, wire, peer):
                wire.write(b"one ")
                wire.write(b"")
                wire.write(b"two")
                assert drained(peer) == b"one two"
                assert wire.unsent == 0

        run(work())

    def test_the_rest_follows_in_order(self, run: Run) -> None:
        async def work() -> None:
            with pair() as (driver, wire, peer):
                said = b"".join(b"%d " % number for number in range(300_000))
                for start in range(0, len(said), 70_001):
                    wire.write(said[start : start + 70_001])
                assert 0 < wire.unsent < len(said)
                assert await read_on(peer, len(said)) == said
                assert wire.unsent == 0
                assert driver.told == ["pause", "resume"]

        run(work())

    def test_nothing_overtakes_what_waits_although_there_is_room(self, run: Run) -> None:
        async def work() -> None:
            with pair(full=True) as (_, wire, peer):
                wire.write(b"one ")
                assert own(drained(peer)) == b""
                wire.write(b"two")
                assert await read_on(peer, len(b"one two")) == b"one two"

        run(work())

    def test_only_above_the_high_mark_the_driver_is_told_to_wait(self, run: Run) -> None:
        async def work() -> None:
            with pair(full=True) as (driver, wire, peer):
                wire.write(b"a" * HIGH)
                assert wire.unsent == HIGH
                await turns()
                assert driver.told == []
                assert own(await read_on(peer, HIGH + drained_size(peer))) == b"a" * HIGH
                assert driver.told == []

        run(work())

    def test_and_only_below_the_low_one_to_go_on(self, run: Run) -> None:
        async def work() -> None:
            with pair(full=True) as (driver, wire, peer):
                wire.write(b"a" * HIGH)
                wire.write(b"b")
                wire.write(b"c" * HIGH)
                assert driver.told == ["pause"]
                while wire.unsent > LOW:
                    assert driver.told == ["pause"]
                    await read_on(peer, 1)
                    await turns()
                assert driver.told == ["pause", "resume"]
                wire.write(b"d" * (1 << 20))
                assert driver.told == ["pause", "resume", "pause"]

        run(work())

    def test_both_ways_at_once(self, run: Run) -> None:
        async def work() -> None:
            with pair(full=True) as (driver, wire, peer):
                wire.write(b"a" * 1000)
                peer.send(b"question")
                assert own(drained(peer)) == b""
                await driver.until(lambda: driver.data == b"question")
                await turns()
                assert drained(peer) == b"a" * 1000

        run(work())

    def test_room_that_somebody_else_filled_is_waited_for_again(self, run: Run) -> None:
        async def work() -> None:
            with pair(full=True) as (one, first, peer):
                loop, other = asyncio.get_running_loop(), Recorder()
                other.descriptor = os.dup(one.descriptor)
                second = other.wire = Wire(loop, watch_of(loop), other.descriptor, other)
                first.write(b"a" * 1_000_000)
                second.write(b"b" * 1_000_000)
                data = b""
                while data.count(b"a") + data.count(b"b") < 2_000_000:
                    data += drained(peer)
                    await turns()
                assert (data.count(b"a"), data.count(b"b")) == (1_000_000, 1_000_000)
                second.pause_reading()
                second.close()

        run(work())

    def test_an_error_is_told_later_not_while_the_driver_writes(self, run: Run) -> None:
        async def work() -> None:
            with pair() as (driver, wire, peer):
                peer.close()
                wire.write(b"x")
                assert driver.told == []
                assert wire.closing
                wire.write(b"y")
                await driver.end()
                assert driver.told == ["lost"]
                assert isinstance(driver.error, BrokenPipeError)

        run(work())

    @pytest.mark.parametrize("reading", [True, False])
    @pytest.mark.parametrize("last", ["", "close", "write_eof"])
    def test_a_peer_that_goes_while_octets_wait(self, run: Run, reading: bool, last: str) -> None:
        async def work() -> None:
            with pair(full=True) as (driver, wire, peer):
                wire.write(b"a" * 1000)
                if not reading:
                    wire.pause_reading()
                if last:
                    getattr(wire, last)()
                peer.close()
                await driver.end()
                assert driver.told == ["lost"]
                assert isinstance(driver.error, ConnectionError)

        run(work())


def drained_size(peer: socket.socket) -> int:
    """Octets that wait for the peer."""
    return len(waiting(peer))


class TestTheEnd:
    def test_close_with_nothing_unsent_is_told_at_once(self, run: Run) -> None:
        async def work() -> None:
            with pair() as (driver, wire, peer):
                wire.write(b"last")
                wire.close()
                assert (driver.told, driver.error) == (["lost"], None)
                assert wire.closing
                assert await read_to_end(peer) == b"last"

        run(work())

    def test_close_sends_what_waits_and_reads_nothing(self, run: Run) -> None:
        async def work() -> None:
            with pair(full=True) as (driver, wire, peer):
                wire.write(b"last")
                wire.close()
                peer.send(b"more")
                await turns()
                assert driver.told == []
                wire.resume_reading()
                wire.pause_reading()
                assert not wire.reading
                said = b""
                while not said.endswith(b"last"):
                    said += await read_on(peer, 1)
                await driver.end()
                assert (driver.told, driver.error) == (["lost"], None)

        run(work())

    def test_a_driver_that_was_told_to_wait_hears_nothing_after_the_end(self, run: Run) -> None:
        """Neither when the kernel takes all that waited in one piece."""

        async def work() -> None:
            with pair(full=True) as (driver, wire, peer):
                wire.write(b"a" * (HIGH + 1))
                wire.close()
                drained(peer)
                await driver.end()
                await turns()
                assert driver.told in (["pause", "lost"], ["pause", "resume", "lost"])
                assert await read_to_end(peer) == b"a" * (HIGH + 1)

        run(work())

    @pytest.mark.parametrize("full", [False, True])
    def test_our_side_closes_behind_what_waits_and_the_peers_is_read_on(self, run: Run, full: bool) -> None:
        async def work() -> None:
            with pair(full=full) as (driver, wire, peer):
                wire.write(b"last")
                wire.write_eof()
                wire.write(b"never")
                assert not wire.closing
                assert own(await read_to_end(peer)) == b"last"
                peer.send(b"still")
                await driver.until(lambda: driver.data == b"still")
                peer.close()
                await driver.until(lambda: "eof" in driver.told)
                wire.close()
                assert driver.told == ["data", "eof", "lost"]

        run(work())

    @pytest.mark.parametrize("full", [False, True])
    @pytest.mark.parametrize("how", ["close", "write_eof", "abort"])
    def test_nothing_is_sent_after_it(self, run: Run, how: str, full: bool) -> None:
        async def work() -> None:
            with pair(full=full) as (driver, wire, peer):
                if full:
                    wire.write(b"last")
                getattr(wire, how)()
                wire.write(b"never" * HIGH)
                assert wire.unsent == (4 if full and how != "abort" else wire.unsent)
                await turns()
                said = own(await read_to_end(peer))
                assert said == (b"last" if full and how != "abort" else b"")
                assert "pause" not in driver.told

        run(work())

    @pytest.mark.parametrize("full", [False, True])
    def test_abort_is_told_once_and_in_the_next_turn(self, run: Run, full: bool) -> None:
        async def work() -> None:
            with pair(full=full) as (driver, wire, peer):
                wire.write(b"x")
                peer.send(b"more")
                wire.abort()
                wire.abort()
                assert driver.told == []
                assert wire.closing
                assert not wire.reading
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert (driver.told, driver.error) == (["lost"], None)
                assert wire.unsent == 0
                wire.abort()
                await turns()
                assert driver.told == ["lost"]

        run(work())

    @pytest.mark.parametrize("second", ["close", "write_eof", "abort"])
    @pytest.mark.parametrize("first", ["close", "write_eof", "abort"])
    @pytest.mark.parametrize("full", [False, True])
    def test_whatever_comes_together_the_end_comes_once(self, run: Run, full: bool, first: str, second: str) -> None:
        async def work() -> None:
            with pair(full=full) as (driver, wire, peer):
                wire.write(b"x")
                getattr(wire, first)()
                getattr(wire, second)()
                await turns()
                peer.close()
                await turns()
                wire.close()
                await driver.end()
                await turns()
                assert driver.told.count("lost") == 1

        run(work())

    def test_our_side_cannot_be_closed_on_a_connection_that_is_gone(self, run: Run) -> None:
        async def work() -> None:
            with pair(tcp=True) as (driver, wire, peer):
                wire.pause_reading()
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                peer.close()
                wire.write_eof()
                assert driver.told == []
                await driver.end()
                assert driver.told == ["lost"]
                assert isinstance(driver.error, OSError)

        run(work())


class TestARound:
    """What is written while sockets are served goes out once all have been, on our loop only."""

    def in_one_round(
        self,
        act: Callable[[Recorder, Wire, socket.socket], object],
        after: Callable[[Recorder, Wire, socket.socket], Awaitable[None]],
        *,
        full: bool = False,
    ) -> None:
        """The driver acts when it is told of data. Nothing has gone out when another one is served behind it, nor is
        anybody told of what became of it.
        """

        async def work() -> None:
            with pair(full=full) as (driver, wire, peer), pair() as (other, _, rival):
                seen: list[object] = []
                driver.answer = lambda what: act(driver, wire, peer) if what == "data" else None
                other.answer = lambda _: seen.extend((own(waiting(peer)), tuple(driver.told)))
                peer.send(b"x")
                rival.send(b"x")
                await other.until(lambda: other.data == b"x")
                assert (driver.data, seen) == (b"x", [b"", ("data",)])
                await after(driver, wire, peer)

        on_ours(work())

    def test_a_reply_waits_for_its_end(self) -> None:
        async def after(_driver: Recorder, wire: Wire, peer: socket.socket) -> None:
            assert drained(peer) == b"reply"
            assert wire.unsent == 0

        self.in_one_round(lambda _d, wire, _p: wire.write(b"reply"), after)

    def test_two_keep_their_order(self) -> None:
        async def after(_driver: Recorder, _wire: Wire, peer: socket.socket) -> None:
            assert drained(peer) == b"one two three"

        async def story() -> None:
            with pair() as (driver, wire, peer):

                def answer(_: str) -> None:
                    wire.write(b"one ")
                    assert wire.unsent == 4
                    wire.write(b"two ")
                    wire.write(b"three")

                driver.answer = answer
                peer.send(b"x")
                await driver.until(lambda: driver.data == b"x")
                await after(driver, wire, peer)

        on_ours(story())

    def test_who_closes_behind_it_is_told_when_it_is_out(self) -> None:
        def act(driver: Recorder, wire: Wire, _peer: socket.socket) -> None:
            wire.write(b"last")
            wire.close()
            wire.write(b"never")
            wire.close()
            assert wire.closing
            assert driver.told == ["data"]

        async def after(driver: Recorder, _wire: Wire, peer: socket.socket) -> None:
            assert (driver.told, driver.error) == (["data", "lost"], None)
            assert await read_to_end(peer) == b"last"

        self.in_one_round(act, after)

    def test_also_when_the_kernel_takes_it_only_later(self) -> None:
        def act(_driver: Recorder, wire: Wire, _peer: socket.socket) -> None:
            wire.write(b"a" * (HIGH + 1))
            wire.close()

        async def after(driver: Recorder, wire: Wire, peer: socket.socket) -> None:
            await turns()
            assert driver.told == ["data"]
            assert wire.unsent == HIGH + 1
            assert own(await read_to_end(peer)) == b"a" * (HIGH + 1)
            await driver.end()
            assert driver.told in (["data", "lost"], ["data", "resume", "lost"])

        self.in_one_round(act, after, full=True)

    def test_what_the_kernel_does_not_take_then_follows(self) -> None:
        async def after(driver: Recorder, wire: Wire, peer: socket.socket) -> None:
            assert wire.unsent == HIGH + 1
            assert driver.told == ["data", "pause"]
            assert own(await read_on(peer, drained_size(peer) + HIGH + 1)) == b"a" * (HIGH + 1)
            await driver.until(lambda: driver.told == ["data", "pause", "resume"])

        self.in_one_round(lambda _d, wire, _p: wire.write(b"a" * (HIGH + 1)), after, full=True)

    def test_our_side_closes_behind_it(self) -> None:
        def act(_driver: Recorder, wire: Wire, _peer: socket.socket) -> None:
            wire.write(b"last")
            wire.write_eof()
            wire.write(b"never")

        async def story() -> None:
            with pair() as (driver, wire, peer):
                driver.answer = lambda what: act(driver, wire, peer) if what == "data" else None
                peer.send(b"x")
                assert await read_to_end(peer) == b"last"
                assert driver.told == ["data"]

        on_ours(story())

    def test_an_abort_behind_it_sends_what_the_kernel_takes(self) -> None:
        """An alert of TLS, say."""

        async def story() -> None:
            with pair() as (driver, wire, peer):

                def act(what: str) -> None:
                    if what == "data":
                        wire.write(b"last")
                        wire.abort()

                driver.answer = act
                peer.send(b"x")
                assert await read_to_end(peer) == b"last"
                await driver.end()
                assert (driver.told, driver.error) == (["data", "lost"], None)

        on_ours(story())

    @pytest.mark.parametrize("last", ["", "close", "write_eof", "abort"])
    def test_a_peer_that_is_gone_by_then(self, last: str) -> None:
        def act(_driver: Recorder, wire: Wire, peer: socket.socket) -> None:
            peer.close()
            wire.write(b"never")
            if last:
                getattr(wire, last)()

        async def story() -> None:
            with pair() as (driver, wire, peer):
                driver.answer = lambda what: act(driver, wire, peer) if what == "data" else None
                peer.send(b"x")
                await driver.end()
                await turns()
                assert driver.told == ["data", "lost"]
                assert isinstance(driver.error, BrokenPipeError)
                assert wire.closing

        on_ours(story())

    @pytest.mark.parametrize("how", ["close", "write_eof"])
    def test_last_words_at_the_moment_when_there_is_room_again(self, how: str) -> None:
        """There was something to read at the same moment; behind a close it is not read."""

        async def story() -> None:
            with pair(full=True) as (driver, wire, peer):

                def act(what: str) -> None:
                    if what == "resume":
                        wire.write(b"last")
                        getattr(wire, how)()

                driver.answer = act
                wire.pause_reading()
                wire.write(b"a" * (HIGH + 1))
                peer.send(b"more")
                said = drained(peer)
                wire.resume_reading()
                while not said.endswith(b"last"):
                    said += await read_on(peer, 1)
                assert own(said) == b"a" * (HIGH + 1) + b"last"
                if how == "close":
                    await driver.end()
                    assert driver.told == ["pause", "resume", "lost"]
                else:
                    await driver.until(lambda: driver.data == b"more")
                    assert await read_to_end(peer) == b""

        on_ours(story())

    def test_a_driver_that_fails_when_it_is_told_to_wait_ends_its_own_connection(self) -> None:
        async def story() -> None:
            errors: list[object] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
            with pair(full=True) as (driver, wire, peer):

                def act(what: str) -> None:
                    if what == "data":
                        wire.write(b"a" * (HIGH + 1))
                    if what == "pause":
                        raise ZeroDivisionError

                driver.answer = act
                peer.send(b"x")
                await driver.end()
                assert driver.told == ["data", "pause", "lost"]
                assert list(map(type, errors)) == [ZeroDivisionError]

        on_ours(story())


def test_a_descriptor_that_cannot_be_watched_stays_the_callers(run: Run) -> None:
    class Full:
        def watch(self, *_: object) -> None:
            raise OSError(28, "No space left on device")

    async def work() -> None:
        ours, peer = socket.socketpair()
        with ours, peer:
            with pytest.raises(OSError, match="No space"):
                Wire(asyncio.get_running_loop(), Full(), ours.fileno(), Recorder())  # type: ignore[arg-type]
            ours.send(b"still open")
            assert peer.recv(100) == b"still open"

    run(work())
