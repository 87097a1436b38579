"""The event loop of the server's processes: asyncio's own, in which clients' sockets have a short way.

What asyncio does for one event (a handle, a queue, a context) costs as much as most commands of a client. So the
selector, which asyncio asks what is ready, serves the sockets that were given to `Watch` right there, and tells
asyncio of all others. Measured with sessions that are answered from memory: 0.56 ms of CPU each, against 0.65 with
uvloop's transports.
"""

from __future__ import annotations

import asyncio
import math
import select
import selectors
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from contextvars import Context
from time import monotonic
from typing import Any, Final, Protocol, TypeVar, TypeVarTuple

import uvloop

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
READ: Final = 1
WRITE: Final = 4
"""As epoll and poll name them. Other bits that a handler sees mean that the connection broke: reading tells why."""

ROUND: Final = 16
"""Descriptors that are served in one round: what is answered first goes out when the last of them has been served…"""
ROUND_SECONDS: Final = 0.002
"""…or after that time, should one of them be slow."""
LONGEST: Final = 3600.0
"""Seconds of one wait: what there is to wait for comes by a descriptor."""

Handler = Callable[[int], None]


class Watch(Protocol):
    """Calls a handler with what its descriptor is ready for. What it raises is told to the loop's exception handler."""

    def watch(self, descriptor: int, handler: Handler) -> None:
        """From now on, for `READ`. Raises OSError when the system watches too much already."""

    def change(self, descriptor: int, before: int, now: int) -> None:
        """For these events from now on in place of those; 0: for none, not even a broken connection."""

    def forget(self, descriptor: int) -> None:
        """Never more. To be called before the descriptor is closed; if others have it too, after `change` to 0."""

    def soon(self, call: Callable[[], None]) -> None:
        """Calls it now; or, within a handler, behind other handlers that are ready too."""


class ShortWay(selectors.BaseSelector):
    """The selector under asyncio's loop, and the `Watch` over it. Linux only."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._wait = self._epoll.poll
        self._handlers: dict[int, Handler] = {}
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._serving = False
        self._later: list[Callable[[], None]] = []
        self.until = 0.0
        """Monotonic time at which asyncio has something to do; lowered by `Loop` when there is more."""
        self.failed: Callable[[dict[str, Any]], object] = print
        """The loop's exception handler."""

    # -- Ours

    def watch(self, descriptor: int, handler: Handler) -> None:
        """See `Watch`."""
        self._epoll.register(descriptor, READ)
        self._handlers[descriptor] = handler

    def change(self, descriptor: int, before: int, now: int) -> None:
        """See `Watch`."""
        if not before:
            self._epoll.register(descriptor, now)
        elif now:
            self._epoll.modify(descriptor, now)
        else:
            self._epoll.unregister(descriptor)

    def forget(self, descriptor: int) -> None:
        """See `Watch`. Closing takes it from epoll; what this round still has of it finds no handler."""
        del self._handlers[descriptor]

    def soon(self, call: Callable[[], None]) -> None:
        """See `Watch`."""
        if self._serving:
            self._later.append(call)
        else:
            call()

    # -- What asyncio calls

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Serves what is ours until there is something that is not, or asyncio's time has come."""
        now = monotonic()
        self.until = now + (LONGEST if timeout is None else timeout)
        others: list[tuple[selectors.SelectorKey, int]] = []
        while True:
            self._serve(self.until - now, others)
            if others or (now := monotonic()) >= self.until:
                return others

    def _serve(self, seconds: float, others: list[tuple[selectors.SelectorKey, int]]) -> None:
        """One round. The wait is rounded up, as epoll counts milliseconds: too early would be again and again."""
        handlers = self._handlers
        ready = self._wait(math.ceil(max(seconds, 0) * 1e3) * 1e-3, ROUND)
        self._serving, due = True, monotonic() + ROUND_SECONDS
        try:
            for descriptor, events in ready:
                if self._later and monotonic() >= due:
                    self._end_round()
                handler = handlers.get(descriptor)
                if handler is not None:
                    try:
                        handler(events)
                    except Exception as error:  # noqa: BLE001 -- a bug of one must not end the loop for all
                        self.failed({"message": f"the handler of descriptor {descriptor} failed", "exception": error})
                elif (key := self._keys.get(descriptor)) is not None:
                    others.append((key, _asked(events) & key.events))
                else:
                    self._leave_alone(descriptor)
        finally:
            self._serving = False
            self._end_round()

    def _end_round(self) -> None:
        later, self._later = self._later, []
        for call in later:
            try:
                call()
            except Exception as error:  # noqa: BLE001 -- as above
                self.failed({"message": "what a handler had left for later failed", "exception": error})

    def _leave_alone(self, descriptor: int) -> None:
        """Closed in this round; or closed here only, and open in another process still: that would be told for ever."""
        with suppress(OSError):
            self._epoll.unregister(descriptor)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """See `selectors.BaseSelector`."""
        key = selectors.SelectorKey(fileobj, _number(fileobj), events, data)
        if key.fd in self._keys:
            raise KeyError(f"{fileobj!r} is registered already")
        self._epoll.register(key.fd, _wanted(events))
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """See `selectors.BaseSelector`. A descriptor that was closed before has left epoll by itself."""
        key = self.get_key(fileobj)
        del self._keys[key.fd]
        self._leave_alone(key.fd)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """See `selectors.BaseSelector`."""
        key = self.get_key(fileobj)
        if events != key.events:
            self._epoll.modify(key.fd, _wanted(events))
        key = self._keys[key.fd] = key._replace(events=events, data=data)
        return key

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """See `selectors.BaseSelector`."""
        return self._keys[_number(fileobj)]

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """See `selectors.BaseSelector`."""
        return _ByFile(self._keys)

    def close(self) -> None:
        """See `selectors.BaseSelector`."""
        self._epoll.close()
        self._keys.clear()
        self._handlers.clear()


class _ByFile(Mapping[Any, selectors.SelectorKey]):
    """Keys by file object or descriptor."""

    def __init__(self, keys: dict[int, selectors.SelectorKey]) -> None:
        self._keys = keys

    def __getitem__(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys[_number(fileobj)]

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _number(fileobj: Any) -> int:
    number: int = fileobj if isinstance(fileobj, int) else fileobj.fileno()
    return number


def _wanted(events: int) -> int:
    return (READ if events & selectors.EVENT_READ else 0) | (WRITE if events & selectors.EVENT_WRITE else 0)


def _asked(events: int) -> int:
    """What a broken connection is ready for is everything: whoever reads or writes learns of it."""
    return (selectors.EVENT_READ if events & ~WRITE else 0) | (selectors.EVENT_WRITE if events & ~READ else 0)


class LoopWatch:
    """The same on any event loop, by its own means: where there is no epoll, or the loop is somebody else's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handlers: dict[int, Handler] = {}

    def watch(self, descriptor: int, handler: Handler) -> None:
        """See `Watch`."""
        self._loop.add_reader(descriptor, handler, READ)
        self._handlers[descriptor] = handler

    def change(self, descriptor: int, before: int, now: int) -> None:
        """See `Watch`."""
        loop, handler = self._loop, self._handlers[descriptor]
        if now & ~before & READ:
            loop.add_reader(descriptor, handler, READ)
        if before & ~now & READ:
            loop.remove_reader(descriptor)
        if now & ~before & WRITE:
            loop.add_writer(descriptor, handler, WRITE)
        if before & ~now & WRITE:
            loop.remove_writer(descriptor)

    def forget(self, descriptor: int) -> None:
        """See `Watch`."""
        self.change(descriptor, READ | WRITE, 0)
        del self._handlers[descriptor]

    def soon(self, call: Callable[[], None]) -> None:
        """See `Watch`. There are no rounds here."""
        call()


class Loop(asyncio.SelectorEventLoop):
    """asyncio's loop over a `ShortWay`, which learns of everything that is to be done before it waits again."""

    def __init__(self) -> None:
        self.short_way = ShortWay()
        super().__init__(self.short_way)
        self.short_way.failed = self.call_exception_handler

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """See `asyncio.AbstractEventLoop`."""
        self.short_way.until = 0.0
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See `asyncio.AbstractEventLoop`. `call_later` comes here too."""
        self.short_way.until = min(self.short_way.until, when)
        return super().call_at(when, callback, *args, context=context)


def watch_of(loop: asyncio.AbstractEventLoop) -> Watch:
    """The shortest way that this loop has."""
    return loop.short_way if isinstance(loop, Loop) else LoopWatch(loop)


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` with the fastest loop of this platform."""
    if not hasattr(select, "epoll"):
        return uvloop.run(work)
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)
