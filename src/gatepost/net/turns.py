"""A worker's time, shared among its connections: whoever wants much waits behind those who want little.

Each connection has a `Share`: a few milliseconds to spend at once, refilled at a fixed rate. As long as something is
left of it, what the client sends is handled where it arrives. A connection that has used it up is served in turns
(`Turns`): one at a time, a fifth of a millisecond each, and between two of them the loop serves everybody else. So a
client that sends one command now and then waits for one turn at most, however many others keep the worker busy.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

SLICE: Final = 0.0002
"""Seconds that a connection works before others get their turn: two usual commands, or 60 kB of a message. With half a
millisecond, a good client's p99 beside forty that never stop was twice as long."""
HEAVY: Final = 0.0005
"""Seconds that what cannot be divided takes (a step of a TLS handshake), and so the least between two such steps."""
BURST: Final = 0.01
"""Seconds of work that a connection may have done before it is served in turns: a handshake and a usual session need
one or two milliseconds."""
REFILL: Final = 0.05
"""Seconds of work that each second brings back: a twentieth of a processor."""


class Turns:
    """Those who wait for their turn. One for each worker."""

    __slots__ = ("_call_soon", "_clock", "_heavy", "_waiting", "_woken")

    def __init__(self, call_soon: Callable[[Callable[[], None]], object], clock: Callable[[], float]) -> None:
        """`call_soon` calls in the loop's next round, after sockets that are ready were served."""
        self._call_soon = call_soon
        self._clock = clock
        self._waiting: deque[tuple[Callable[[], None], bool]] = deque()
        self._heavy = -HEAVY
        """When `heavy` called something last."""
        self._woken = False
        """The round before this one has woken a task, whose work fills this one."""

    def queue(self, call: Callable[[], None], *, wakes: bool = False) -> None:
        """Calls it, once, when those before have had their turn. `wakes`: what it does is to wake a task, whose work
        comes behind the call and fills the round.
        """
        if not self._waiting:
            self._call_soon(self._round)
        self._waiting.append((call, wakes))

    def heavy(self, call: Callable[[], None]) -> None:
        """Calls it, which takes about `HEAVY`: at once, but in its turn if another such call has just been made."""
        if self._waiting or self._clock() - self._heavy < HEAVY:
            self.queue(call)
        else:
            call()
            self._heavy = self._clock()

    def _round(self) -> None:
        """Others do not pay for one that raises."""
        waiting, due, woken = self._waiting, self._clock() + SLICE, False
        try:
            while waiting and not woken and self._clock() < due and (waiting[0][1] or not self._woken):
                call, woken = waiting[0]
                call()
                waiting.popleft()
        except BaseException:
            waiting.popleft()
            raise
        finally:
            self._woken = woken
            if waiting:
                self._call_soon(self._round)


class Share:
    """One connection's part of the worker's time. Times are those of `clock`, in seconds."""

    __slots__ = ("_began", "_clock", "_left")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._left = BURST

    def begin(self) -> bool:
        """The connection works from now on; False: it has nothing left, and should do so in its turn only.

        What comes back while it works counts too, so that `charge` need not note when it ended.
        """
        now = self._clock()
        left = self._left + (now - self._began) * REFILL
        self._left = min(BURST, left)
        self._began = now
        return left >= 0

    def charge(self) -> None:
        """What began last has come to its end, or to where it waits."""
        self._left -= self._clock() - self._began

    @property
    def exhausted(self) -> bool:
        """Whatever it does next should wait for a turn."""
        return self._left < 0

    @property
    def spent(self) -> bool:
        """What began last has gone on for a `SLICE`."""
        return self._clock() - self._began >= SLICE


class Measured(Coroutine[Any, Any, None]):
    """Work that has to wait, each of whose steps is charged to a share."""

    __slots__ = ("_share", "_work")

    def __init__(self, work: Coroutine[Any, Any, None], share: Share) -> None:
        self._work = work
        self._share = share

    def send(self, value: Any) -> Any:
        """One step, up to where it waits."""
        self._share.begin()
        try:
            return self._work.send(value)
        finally:
            self._share.charge()

    def throw(self, *error: Any) -> Any:
        """As `send`, for what raises where it waited."""
        self._share.begin()
        try:
            return self._work.throw(*error)
        finally:
            self._share.charge()

    def close(self) -> None:
        """Gives the work up."""
        self._work.close()

    def __await__(self) -> Any:
        return self._work.__await__()


def wake(sleeper: asyncio.Future[None]) -> None:
    """It may have been woken, or cancelled, by something else."""
    if not sleeper.done():
        sleeper.set_result(None)
