"""Our event loop: clients' sockets on the short way, and everything that asyncio does beside them."""

from __future__ import annotations

import asyncio
import os
import select
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import uvloop

from gatepost.net import loop as net_loop
from gatepost.net.loop import READ, WRITE, Loop, LoopWatch, ShortWay, Watch, watch_of

Run = Callable[[Awaitable[None]], None]


async def bounded(work: Awaitable[None]) -> None:
    async with asyncio.timeout(20):
        await work


def run(work: Awaitable[None]) -> None:
    net_loop.run(bounded(work))


@pytest.fixture(params=[Loop, uvloop.new_event_loop, asyncio.SelectorEventLoop], ids=["ours", "uvloop", "asyncio"])
def run_on(request: pytest.FixtureRequest) -> Run:
    """Runs a story on this loop."""

    def run_it(work: Awaitable[None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(bounded(work))

    return run_it


async def forever() -> None:
    """Until it is cancelled."""
    await asyncio.Event().wait()


class Watched:
    """A watched socket, what its handler was called with, and its peer. It takes what comes unless told otherwise."""

    def __init__(self, watch: Watch) -> None:
        self.ours, self.peer = socket.socketpair()
        self.ours.setblocking(False)
        self.number = self.ours.fileno()
        self.events: list[int] = []
        self.called = asyncio.Event()
        self.handle: Callable[[int], object] = self.take
        self.watch = watch
        watch.watch(self.number, self._ready)

    def _ready(self, events: int) -> None:
        self.events.append(events)
        self.called.set()
        self.handle(events)

    def take(self, events: int) -> None:
        if events & READ:
            self.ours.recv(1000)

    def let_go(self) -> None:
        self.watch.forget(self.number)
        self.ours.close()


@contextmanager
def watched(count: int = 1) -> Iterator[list[Watched]]:
    watch = watch_of(asyncio.get_running_loop())
    made = [Watched(watch) for _ in range(count)]
    try:
        yield made
    finally:
        for each in made:
            each.peer.close()
            if each.ours.fileno() >= 0:
                each.let_go()


@contextmanager
def crowded() -> Iterator[None]:
    """Somebody is always ready, as clients of a busy server are."""
    with watched() as (somebody,):
        somebody.handle = lambda _: None
        somebody.peer.send(b"x")
        yield
        assert somebody.events


async def turns() -> None:
    """Whatever is ready happens."""
    for _ in range(10):
        await asyncio.sleep(0)


class TestBesideAsyncio:
    """Each of asyncio's own means, while watched sockets are busy."""

    def test_sockets(self) -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.read())
            writer.close()

        async def work() -> None:
            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            with crowded():
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                said = b"much" * 500_000
                writer.write(said)
                writer.write_eof()
                assert await reader.read() == said
                writer.close()
                await writer.wait_closed()
            server.close()

        run(work())

    def test_pipes_of_programs(self) -> None:
        async def work() -> None:
            with crowded():
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-c",
                    "print(input())",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                )
                assert await process.communicate(b"hello\n") == (b"hello\n", None)

        run(work())

    def test_timers_in_their_order(self) -> None:
        async def work() -> None:
            loop, came = asyncio.get_running_loop(), []
            done = asyncio.Event()
            loop.call_later(0.004, lambda: (came.append(3), done.set()))
            loop.call_later(0.002, came.append, 2)
            loop.call_at(loop.time() - 1, came.append, 1)
            loop.call_later(0.003, came.append, "never").cancel()
            with crowded():
                await done.wait()
            assert came == [1, 2, 3]

        run(work())

    def test_callbacks_and_other_threads(self) -> None:
        async def work() -> None:
            loop = asyncio.get_running_loop()
            with crowded():
                assert await loop.run_in_executor(None, threading.get_ident) != threading.get_ident()
                came = asyncio.Event()
                thread = threading.Thread(target=loop.call_soon_threadsafe, args=(came.set,))
                thread.start()
                await came.wait()
                thread.join()
                soon = loop.create_future()
                loop.call_soon(soon.set_result, 5)
                assert await soon == 5

        run(work())

    def test_signals(self) -> None:
        async def work() -> None:
            came = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, came.set)
            with crowded():
                os.kill(os.getpid(), signal.SIGUSR1)
                await came.wait()

        run(work())

    def test_a_signal_or_thread_wakes_a_loop_that_waits(self) -> None:
        async def work() -> None:
            loop, came = asyncio.get_running_loop(), asyncio.Event()
            loop.add_signal_handler(signal.SIGUSR1, came.set)
            with watched():
                thread = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1))
                thread.start()
                await came.wait()
                await asyncio.to_thread(thread.join)

        run(work())

    def test_readers_and_writers_by_object_and_by_number(self) -> None:
        async def work() -> None:
            loop = asyncio.get_running_loop()
            ours, peer = socket.socketpair()
            ours.setblocking(False)
            with ours, peer, crowded():
                for name in (ours, ours.fileno()):
                    readable, writable = asyncio.Event(), asyncio.Event()
                    loop.add_reader(name, readable.set)
                    loop.add_writer(name, writable.set)
                    await writable.wait()
                    assert not readable.is_set()
                    assert loop.remove_writer(name)
                    peer.send(b"x")
                    await readable.wait()
                    assert loop.remove_reader(name)
                    assert not loop.remove_reader(name)
                    assert not loop.remove_writer(name)
                    ours.recv(1)

        run(work())

    def test_a_writer_learns_that_the_connection_broke(self) -> None:
        async def work() -> None:
            loop, ours, peer = asyncio.get_running_loop(), *socket.socketpair()
            ours.setblocking(False)
            with ours, crowded():
                fill(ours)
                writing = asyncio.ensure_future(loop.sock_sendall(ours, b"y"))
                await turns()
                peer.close()
                with pytest.raises(ConnectionError):
                    await writing

        run(work())


class TestWhatAHandlerBegins:
    """asyncio learns of it before the next wait, although it believes that nothing happened."""

    def begun(self, begin: Callable[[asyncio.AbstractEventLoop, Callable[[], None]], object]) -> None:
        async def work() -> None:
            loop, came = asyncio.get_running_loop(), asyncio.Event()
            with watched() as (client,):
                client.handle = lambda events: (client.take(events), begin(loop, came.set))
                client.peer.send(b"x")
                await came.wait()
                assert client.events == [READ]

        run(work())

    def test_a_callback(self) -> None:
        self.begun(lambda loop, done: loop.call_soon(done))

    def test_a_callback_by_the_way_of_threads(self) -> None:
        self.begun(lambda loop, done: loop.call_soon_threadsafe(done))

    @pytest.mark.parametrize("delay", [-1, 0, 0.0001, 0.002])
    def test_a_timer(self, delay: float) -> None:
        self.begun(lambda loop, done: loop.call_later(delay, done))

    def test_a_timer_with_others_behind_it(self) -> None:
        def begin(loop: asyncio.AbstractEventLoop, done: Callable[[], None]) -> None:
            loop.call_at(loop.time() + 0.002, done)
            loop.call_later(0.001, lambda: None)
            loop.call_later(3600, done)

        self.begun(begin)

    def test_a_task(self) -> None:
        kept = []

        async def later(done: Callable[[], None]) -> None:
            await asyncio.sleep(0)
            done()

        self.begun(lambda loop, done: kept.append(loop.create_task(later(done))))

    def test_a_result(self) -> None:
        def begin(loop: asyncio.AbstractEventLoop, done: Callable[[], None]) -> None:
            future = loop.create_future()
            future.add_done_callback(lambda _: done())
            future.set_result(None)

        self.begun(begin)

    def test_the_end_of_a_task(self) -> None:
        async def work() -> None:
            with watched() as (client,):
                sleeper = asyncio.ensure_future(forever())
                client.handle = lambda _: sleeper.cancel()
                await asyncio.sleep(0)
                client.peer.send(b"x")
                with pytest.raises(asyncio.CancelledError):
                    await sleeper

        run(work())

    def test_a_timer_far_away_does_not_delay_an_earlier_one(self) -> None:
        async def work() -> None:
            loop, came = asyncio.get_running_loop(), asyncio.Event()
            with watched() as (client,):
                client.handle = lambda events: (client.take(events), loop.call_later(3600, came.set))
                client.peer.send(b"x")
                soon = loop.create_future()
                loop.call_later(0.002, soon.set_result, "soon")
                assert await soon == "soon"
                assert client.events
                assert not came.is_set()

        run(work())

    def test_what_it_causes_for_others_of_the_short_way(self) -> None:
        """Sockets that answer each other do not need asyncio at all, and do not keep it from its work."""

        async def work() -> None:
            with watched(2) as (one, other):
                came = asyncio.Event()

                def pass_on(to: Watched) -> Callable[[int], None]:
                    def handle(events: int) -> None:
                        (other if to is one else one).take(events)
                        to.peer.send(b"x")
                        if len(one.events) == 1000:
                            asyncio.get_running_loop().call_soon(came.set)

                    return handle

                one.handle, other.handle = pass_on(other), pass_on(one)
                one.peer.send(b"x")
                await came.wait()
                assert abs(len(one.events) - len(other.events)) < 2

        run(work())


class TestWatch:
    def test_a_handler_is_told_what_there_is_to_read(self, run_on: Run) -> None:
        async def work() -> None:
            with watched(3) as clients:
                for client in clients:
                    client.peer.send(b"x")
                for client in clients:
                    await client.called.wait()
                await turns()
                assert [client.events for client in clients] == [[READ]] * 3

        run_on(work())

    def test_it_is_told_again_until_it_is_read(self, run_on: Run) -> None:
        async def work() -> None:
            with watched() as (client,):
                client.handle = lambda _: client.ours.recv(1)
                client.peer.send(b"xyz")
                await client.called.wait()
                await turns()
                assert client.events == [READ] * 3

        run_on(work())

    def test_both_ways(self, run_on: Run) -> None:
        async def work() -> None:
            with watched() as (client,):
                client.peer.send(b"x")
                client.watch.change(client.number, READ, READ | WRITE)
                await client.called.wait()
                await turns()
                assert {READ, WRITE} == {each & bit for each in client.events for bit in (READ, WRITE)} - {0}
                client.watch.change(client.number, READ | WRITE, WRITE)
                client.events.clear()
                client.peer.send(b"x")
                await turns()
                assert set(client.events) == {WRITE}
                client.watch.change(client.number, WRITE, READ)
                client.events.clear()
                await turns()
                assert client.events == [READ]

        run_on(work())

    def test_nothing_is_told_while_nothing_is_wanted_not_even_the_end(self, run_on: Run) -> None:
        async def work() -> None:
            with watched() as (client,):
                client.watch.change(client.number, READ, 0)
                client.ours.send(b"never read")
                client.peer.send(b"x")
                client.peer.close()
                await turns()
                assert client.events == []
                client.watch.change(client.number, 0, READ)
                await client.called.wait()
                assert client.events[0] & ~WRITE

        run_on(work())

    @pytest.mark.parametrize("wanted", [READ, WRITE, READ | WRITE])
    def test_a_broken_connection_is_told_whatever_is_wanted(self, run_on: Run, wanted: int) -> None:
        async def work() -> None:
            with watched() as (client,):
                client.watch.change(client.number, READ, 0)
                fill(client.ours)
                client.peer.close()
                client.watch.change(client.number, 0, wanted)
                client.handle = lambda _: client.watch.change(client.number, wanted, 0)
                await client.called.wait()
                assert client.events[0] & ~(READ | WRITE) or client.events[0] & wanted

        run_on(work())

    def test_nobody_hears_of_what_is_forgotten(self, run_on: Run) -> None:
        """Nor of what is ready in the round in which it is forgotten."""

        async def work() -> None:
            with watched(2) as (one, other):
                one.handle = lambda events: (one.take(events), other.let_go())
                other.handle = lambda events: (other.take(events), one.let_go())
                one.peer.send(b"x")
                other.peer.send(b"x")
                await turns()
                assert len(one.events) + len(other.events) == 1

        run_on(work())

    def test_a_number_that_is_used_again_in_the_same_round(self, run_on: Run) -> None:
        """Whoever has it now may be told too much, as with any descriptor, but hears what comes."""

        async def work() -> None:
            with watched(2) as (one, other):
                fresh: list[Watched] = []

                def replace(old: Watched) -> None:
                    if not fresh:
                        old.let_go()
                        fresh.append(Watched(one.watch))
                        fresh[0].handle = lambda _: None

                one.handle = lambda events: (one.take(events), replace(other))
                other.handle = lambda events: (other.take(events), replace(one))
                one.peer.send(b"x")
                other.peer.send(b"x")
                await turns()
                (new,) = fresh
                assert new.number in (one.number, other.number)
                assert len(one.events) + len(other.events) == 1
                new.called.clear()
                new.peer.send(b"x")
                await new.called.wait()
                new.let_go()
                new.peer.close()

        run_on(work())

    def test_a_number_that_asyncio_uses_next(self, run_on: Run) -> None:
        async def work() -> None:
            loop = asyncio.get_running_loop()
            with watched(2) as (one, other):
                received: list[asyncio.Future[bytes]] = []
                new: list[socket.socket] = []

                def replace(old: Watched) -> None:
                    if not new:
                        old.let_go()
                        new.extend(socket.socketpair())
                        new[0].setblocking(False)
                        assert new[0].fileno() == old.number
                        received.append(loop.create_task(loop.sock_recv(new[0], 100)))

                one.handle = lambda events: (one.take(events), replace(other))
                other.handle = lambda events: (other.take(events), replace(one))
                one.peer.send(b"x")
                other.peer.send(b"x")
                await turns()
                new[1].send(b"for asyncio")
                assert await received[0] == b"for asyncio"
                for each in new:
                    each.close()

        run_on(work())

    def test_a_handler_that_fails_does_not_end_the_loop(self, run_on: Run) -> None:
        async def work() -> None:
            errors: list[dict[str, object]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))

            def fail(events: int) -> None:
                one.take(events)
                raise ZeroDivisionError

            with watched(2) as (one, other):
                one.handle = fail
                one.peer.send(b"x")
                await one.called.wait()
                other.peer.send(b"x")
                await other.called.wait()
                await turns()
                assert [type(each["exception"]) for each in errors] == [ZeroDivisionError]

        run_on(work())

    def test_what_cannot_be_watched(self, run_on: Run) -> None:
        async def work() -> None:
            ours, peer = socket.socketpair()
            peer.close()
            number = ours.detach()
            os.close(number)
            with pytest.raises(OSError, match="Bad file descriptor"):
                watch_of(asyncio.get_running_loop()).watch(number, lambda _: None)

        run_on(work())

    def test_each_loop_has_its_shortest_way(self, run_on: Run) -> None:
        async def work() -> None:
            loop = asyncio.get_running_loop()
            watch = watch_of(loop)
            if isinstance(loop, Loop):
                assert watch is loop.short_way is watch_of(loop)
            else:
                assert isinstance(watch, LoopWatch)

        run_on(work())


def fill(ours: socket.socket) -> None:
    try:
        while True:
            ours.send(b"f" * 1000)
    except BlockingIOError:
        return


@pytest.fixture
def way() -> Iterator[ShortWay]:
    made = ShortWay()
    yield made
    made.close()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


Ends = tuple[socket.socket, socket.socket]


class TestSelector:
    """What `selectors.BaseSelector` promises."""

    def test_what_is_registered_is_told_with_its_key(self, way: ShortWay, ends: Ends) -> None:
        one, other = ends
        key = way.register(one, selectors.EVENT_READ, "data")
        assert key == selectors.SelectorKey(one, one.fileno(), selectors.EVENT_READ, "data")
        assert way.select(0) == way.select(-1) == way.select(0.001) == []
        other.send(b"x")
        assert way.select() == way.select(100) == [(key, selectors.EVENT_READ)]
        assert way.get_key(one) is way.get_key(one.fileno()) is way.get_map()[one.fileno()] is way.get_map()[one] is key
        assert way.get_map().get(other) is None
        assert way.unregister(one) == key
        assert way.select(0) == []
        assert not way.get_map()

    def test_only_what_was_asked_for_is_told(self, way: ShortWay, ends: Ends) -> None:
        one, other = ends
        other.send(b"x")
        for events in (selectors.EVENT_WRITE, selectors.EVENT_READ, selectors.EVENT_READ | selectors.EVENT_WRITE):
            way.register(one, events)
            assert [told for _, told in way.select(0)] == [events]
            way.unregister(one)
        other.close()
        for events in (selectors.EVENT_WRITE, selectors.EVENT_READ):
            way.register(one, events)
            assert [told for _, told in way.select(0)] == [events]
            way.unregister(one)

    def test_modify(self, way: ShortWay, ends: Ends) -> None:
        one, _ = ends
        way.register(one, selectors.EVENT_READ, "first")
        assert way.select(0) == []
        other_data = way.modify(one, selectors.EVENT_READ, "second")
        assert (other_data.events, other_data.data) == (selectors.EVENT_READ, "second")
        assert way.select(0) == []
        other_events = way.modify(one.fileno(), selectors.EVENT_WRITE, "third")
        assert way.get_key(one) is other_events
        assert way.select(0) == [(other_events, selectors.EVENT_WRITE)]

    def test_what_is_not_registered(self, way: ShortWay, ends: Ends) -> None:
        one, _ = ends
        for call in (way.unregister, way.get_key, lambda each: way.modify(each, selectors.EVENT_READ)):
            for name in (one, one.fileno()):
                with pytest.raises(KeyError):
                    call(name)

    def test_what_cannot_be_registered(self, way: ShortWay, ends: Ends) -> None:
        one, _ = ends
        way.register(one, selectors.EVENT_READ)
        for name in (one, one.fileno()):
            with pytest.raises(KeyError):
                way.register(name, selectors.EVENT_WRITE)
        with pytest.raises(ValueError):
            way.register(-1, selectors.EVENT_READ)
        closed = os.dup(one.fileno())
        os.close(closed)
        with pytest.raises(OSError):
            way.register(closed, selectors.EVENT_READ)
        assert set(way.get_map()) == {one.fileno()}

    def test_a_descriptor_may_be_closed_before_it_is_unregistered(self, way: ShortWay, ends: Ends) -> None:
        number = os.dup(ends[0].fileno())
        key = way.register(number, selectors.EVENT_READ)
        os.close(number)
        assert way.unregister(number) is key
        assert not way.get_map()

    def test_close(self, ends: Ends) -> None:
        way = ShortWay()
        way.register(ends[0], selectors.EVENT_READ)
        way.watch(ends[1].fileno(), lambda _: None)
        way.close()
        assert not way.get_map()
        with pytest.raises(KeyError):
            way.get_key(ends[0])
        with pytest.raises(ValueError):
            way.register(ends[0], selectors.EVENT_READ)
        way.close()

    def test_a_descriptor_is_asyncios_or_ours_not_both(self, way: ShortWay, ends: Ends) -> None:
        one, other = ends
        way.watch(one.fileno(), lambda _: None)
        with pytest.raises(FileExistsError):
            way.register(one, selectors.EVENT_READ)
        way.register(other, selectors.EVENT_READ)
        with pytest.raises(FileExistsError):
            way.watch(other.fileno(), lambda _: None)
        assert set(way.get_map()) == {other.fileno()}

    def test_what_nobody_is_responsible_for_any_more(self, way: ShortWay, ends: Ends) -> None:
        """A descriptor that somebody else has too stays with the kernel when we close it; its events are nobody's."""
        one, other = ends
        number = os.dup(one.fileno())
        way.watch(number, lambda _: pytest.fail("it was forgotten"))
        way.forget(number)
        os.close(number)
        other.send(b"x")
        assert way.select(0) == []


class TestRun:
    def test_the_result_and_the_error_of_the_work(self) -> None:
        async def work(value: int) -> float:
            assert isinstance(asyncio.get_running_loop(), Loop)
            return 1 / value

        assert net_loop.run(work(1)) == 1
        with pytest.raises(ZeroDivisionError):
            net_loop.run(work(0))

    def test_what_is_left_is_cancelled(self) -> None:
        left: list[asyncio.Task[None]] = []

        async def work() -> None:
            left.append(asyncio.ensure_future(forever()))

        net_loop.run(work())
        assert left[0].cancelled()

    def test_an_interrupt_ends_it(self) -> None:
        async def work() -> None:
            with watched() as (client,):
                client.handle = lambda events: (client.take(events), os.kill(os.getpid(), signal.SIGINT))
                client.peer.send(b"x")
                await forever()

        with pytest.raises(KeyboardInterrupt):
            run(work())

    def test_without_epoll_there_is_the_next_best_loop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(select, "epoll")

        async def work() -> str:
            loop = asyncio.get_running_loop()
            assert isinstance(watch_of(loop), LoopWatch)
            return type(loop).__module__

        assert net_loop.run(work()) == "uvloop"


class TestRounds:
    """What a handler leaves for later comes once all have been called that were ready with it."""

    def test_later_is_behind_the_others_that_are_ready(self) -> None:
        async def work() -> None:
            with watched(3) as clients:
                watch, order = watch_of(asyncio.get_running_loop()), []
                for each in clients:
                    each.handle = lambda events, each=each: (
                        each.take(events),
                        order.append("handled"),
                        watch.soon(lambda: order.append("later")),
                    )
                    each.peer.send(b"x")
                await asyncio.gather(*(each.called.wait() for each in clients))
                assert order == ["handled"] * 3 + ["later"] * 3

        run(work())

    def test_outside_a_round_it_is_now(self, run_on: Run) -> None:
        async def work() -> None:
            calls: list[int] = []
            watch = watch_of(asyncio.get_running_loop())
            watch.soon(lambda: calls.append(1))
            assert calls == [1]
            with watched() as (client,):
                client.peer.send(b"x")
                await client.called.wait()
                watch.soon(lambda: calls.append(2))
                assert calls == [1, 2]

        run_on(work())

    def test_what_is_left_for_later_may_leave_nothing_for_later(self) -> None:
        async def work() -> None:
            calls: list[str] = []
            with watched() as (client,):
                watch = client.watch
                client.handle = lambda events: (
                    client.take(events),
                    watch.soon(lambda: (watch.soon(lambda: calls.append("inner")), calls.append("outer"))),
                )
                client.peer.send(b"x")
                await client.called.wait()
                assert calls == ["inner", "outer"]

        run(work())

    def test_one_that_fails_is_told_of_and_the_others_come_all_the_same(self) -> None:
        async def work() -> None:
            errors: list[object] = []
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
            calls: list[int] = []
            with watched() as (client,):
                client.handle = lambda events: (
                    client.take(events),
                    client.watch.soon(lambda: calls.append(1 // 0)),
                    client.watch.soon(lambda: calls.append(2)),
                    1 // 0,
                )
                client.peer.send(b"x")
                await client.called.wait()
                assert calls == [2]
                assert list(map(type, errors)) == [ZeroDivisionError] * 2

        run(work())

    def test_a_round_is_bounded_and_everybody_gets_their_turn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(net_loop, "ROUND", 2)

        async def work() -> None:
            with watched(5) as clients:
                order: list[str] = []
                for each in clients:
                    each.handle = lambda events, each=each: (
                        each.take(events),
                        order.append("handled"),
                        each.watch.soon(lambda: order.append("later")),
                    )
                    each.peer.send(b"x")
                await asyncio.gather(*(each.called.wait() for each in clients))
                assert order == ["handled", "handled", "later", "later"] * 2 + ["handled", "later"]

        run(work())

    def test_nobody_waits_long_for_a_slow_one(self) -> None:
        async def work() -> None:
            with watched(3) as clients:
                order: list[str] = []

                def handle(each: Watched, events: int) -> None:
                    each.take(events)
                    order.append("handled")
                    each.watch.soon(lambda: order.append("later"))
                    until = time.monotonic() + net_loop.ROUND_SECONDS
                    while len(order) == 1 and time.monotonic() < until:
                        pass

                for each in clients:
                    each.handle = partial(handle, each)
                    each.peer.send(b"x")
                await asyncio.gather(*(each.called.wait() for each in clients))
                assert order[:2] == ["handled", "later"]
                assert order.count("handled") == order.count("later") == 3

        run(work())
