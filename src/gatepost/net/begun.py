"""Coroutines that are begun outside of their task, and go on in it.

A task's turn costs as much as many a command. So the driver sends a coroutine its first step where the octets
arrived; one that needs no more is done, and only one that waits is handed to the task.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Coroutine, Generator


def begun(work: Coroutine[object, object, None]) -> Awaitable[None] | None:
    """Takes a coroutine's first step: None if it needed no more, else the rest of it. Raises what it raises."""
    try:
        awaited = work.send(None)
    except StopIteration:
        return None
    return _carried_on(work, awaited)


@types.coroutine
def _carried_on(work: Coroutine[object, object, None], awaited: object) -> Generator[object, object, None]:
    """From where the coroutine first waited: for `awaited`."""
    try:
        while True:
            try:
                answer = yield awaited
            except BaseException as error:  # noqa: BLE001 -- cancellation included: it is the coroutine's affair
                awaited = work.throw(error)
            else:
                awaited = work.send(answer)
    except StopIteration:
        return


async def raised(error: Exception) -> None:
    """`error`, as if its coroutine had gone on until now."""
    raise error
