"""A coroutine that was begun outside of its task goes on in it, whatever it waits for."""

import asyncio
import contextlib

import pytest

from gatepost.net.begun import begun, raised


def test_it_goes_on_where_it_waited_and_what_it_waits_for_reaches_it():
    seen = []

    async def main():
        loop = asyncio.get_running_loop()
        first, second = loop.create_future(), loop.create_future()

        async def work():
            seen.append(await first)
            with contextlib.suppress(ValueError):
                await second
            await asyncio.sleep(0)
            seen.append("done")

        rest = begun(work())
        loop.call_soon(first.set_result, 1)
        loop.call_soon(second.set_exception, ValueError("no"))
        await rest

    asyncio.run(main())
    assert seen == [1, "done"]


def test_its_error_and_its_cancellation_are_the_tasks():
    seen = []

    async def main():
        never = asyncio.get_running_loop().create_future()

        async def work():
            try:
                await never
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        task = asyncio.ensure_future(wrapped(begun(work())))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(KeyError):
            await raised(KeyError("x"))

    async def wrapped(rest):
        await rest

    asyncio.run(main())
    assert seen == ["cancelled"]


def test_one_that_needs_no_more_is_done():
    seen = []

    async def work():
        seen.append("done")

    assert begun(work()) is None
    assert seen == ["done"]
