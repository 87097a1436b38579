"""argon2 off the event loop, with a bound: whoever floods us with logins fills a queue, not the machine.

Who logged in of late from where they are has a queue of their own, which goes first: strangers' guesses fill theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from gatepost.errors import DomainError
from gatepost.identity.passwords import argon2_fits

QUEUE_PER_THREAD: Final = 64
"""Verifications that may wait for one thread: about two seconds of work. Later ones are better told to come again
than left to run into their client's time-out."""

NICENESS: Final = 10
"""Hashing yields the core to the event loop, which has somebody waiting for every answer."""


class HasherBusyError(DomainError):
    """Too many passwords are being verified now."""


@dataclass(frozen=True, slots=True)
class _Work:
    hashed: str
    password: str = field(repr=False)
    answer: Future[bool]


class Hasher:
    """A pool of threads for one worker process; begins with its first use, so it survives a fork before that."""

    def __init__(
        self,
        threads: int = 0,
        queue: int = 0,
        verify: Callable[[str, str], bool] = argon2_fits,
    ) -> None:
        """`threads`: 0 means one for each core; with several workers divide the cores among them.
        `queue`: how many of either sort may wait or run at once; 0 means `QUEUE_PER_THREAD` for each thread.
        """
        count = threads or os.cpu_count() or 1
        self._bound = queue or count * QUEUE_PER_THREAD
        self._verify = verify
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="hasher", initializer=_be_nice)
        self._pending = {True: 0, False: 0}
        """Of the known ones, and of strangers."""
        self._waiting: dict[bool, deque[_Work]] = {True: deque(), False: deque()}
        self._lock = threading.Lock()

    async def verify(self, hashed: str, password: str, *, known: bool = False) -> bool:
        """Whether the argon2 hash is this password's. Raises HasherBusyError at once when the queue is full.

        `known`: this login succeeded of late from where it comes from.
        """
        work = _Work(hashed, password, Future())
        with self._lock:
            if self._pending[known] >= self._bound:
                raise HasherBusyError("too many logins at once, try again in a minute")
            self._pending[known] += 1
            self._waiting[known].append(work)
        work.answer.add_done_callback(partial(self._done, known))
        self._pool.submit(self._next)
        return await asyncio.wrap_future(work.answer)

    def _next(self) -> None:
        """In a thread."""
        with self._lock:
            work = self._waiting[bool(self._waiting[True])].popleft()
        if not work.answer.set_running_or_notify_cancel():
            return
        try:
            work.answer.set_result(self._verify(work.hashed, work.password))
        except BaseException as error:  # noqa: BLE001 -- it belongs to whoever waits
            work.answer.set_exception(error)

    def _done(self, known: bool, _: Future[bool]) -> None:
        """Once it has begun, work counts to its end, though the session that asked for it be gone."""
        with self._lock:
            self._pending[known] -= 1

    def close(self) -> None:
        """Ends the threads once their present work is done; what waits is dropped. Idempotent."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for waiting in self._waiting.values():
            while waiting:
                waiting.popleft().answer.cancel()


def _be_nice() -> None:
    """Priorities are a thread's own on Linux; elsewhere this would slow the whole process down."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
