"""Work is counted by a clock that moves only when somebody works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gatepost.net.turns import BURST, REFILL, SLICE, Measured, Share, Turns, wake


class Loop:
    """Rounds of an event loop, one at a time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.soon: list[Callable[[], None]] = []
        self.turns = Turns(self.soon.append, lambda: self.now)

    def works(self, seconds: float) -> None:
        self.now += seconds

    def round(self) -> None:
        due, self.soon[:] = list(self.soon), []
        for call in due:
            call()


class TestTurns:
    def test_in_the_order_in_which_they_came_and_once(self) -> None:
        loop, done = Loop(), []
        for name in "abc":
            loop.turns.queue(lambda name=name: done.append(name))  # type: ignore[misc]
        assert not done
        loop.round()
        assert done == ["a", "b", "c"]
        assert not loop.soon

    def test_between_two_long_turns_the_loop_serves_the_others(self) -> None:
        """Forty who want ten slices each delay everybody else by one slice a round, not by forty."""
        loop, done = Loop(), []

        def greedy(name: int, left: int) -> None:
            loop.works(SLICE * 1.1)
            done.append(name)
            if left:
                loop.turns.queue(lambda: greedy(name, left - 1))

        for name in range(40):
            loop.turns.queue(lambda name=name: greedy(name, 9))  # type: ignore[misc]
        rounds = 0
        while loop.soon:
            before = len(done)
            loop.round()
            rounds += 1
            assert len(done) - before == 1
        assert rounds == 400
        assert done == list(range(40)) * 10, "everybody has the same part"

    def test_many_short_turns_share_a_round(self) -> None:
        loop, done = Loop(), []
        for number in range(10):
            loop.turns.queue(lambda number=number: (loop.works(SLICE / 4), done.append(number))[0])  # type: ignore[misc, func-returns-value]
        loop.round()
        assert len(done) == 4
        loop.round()
        assert len(done) == 8

    def test_a_task_that_is_woken_has_the_round_for_itself(self) -> None:
        loop, done = Loop(), []
        loop.turns.queue(lambda: done.append(1), wakes=True)
        loop.turns.queue(lambda: done.append(2), wakes=True)
        loop.round()
        assert done == [1]
        loop.round()
        assert done == [1, 2]

    def test_what_a_woken_task_does_fills_the_next_round(self) -> None:
        loop, done = Loop(), []
        loop.turns.queue(lambda: done.append("task"), wakes=True)
        loop.turns.queue(lambda: done.append("other"))
        loop.round()
        loop.round()
        assert done == ["task"]
        loop.round()
        assert done == ["task", "other"]

    def test_one_that_fails_costs_the_others_nothing(self) -> None:
        loop, done = Loop(), []

        def fail() -> None:
            raise ZeroDivisionError

        loop.turns.queue(fail)
        loop.turns.queue(lambda: done.append(1))
        with pytest.raises(ZeroDivisionError):
            loop.round()
        loop.round()
        assert done == [1]


class TestHeavy:
    def test_one_at_once_and_the_next_in_their_turn(self) -> None:
        loop, done = Loop(), []

        def handshake(name: str) -> None:
            loop.works(SLICE * 1.1)
            done.append(name)

        for name in "abc":
            loop.turns.heavy(lambda name=name: handshake(name))  # type: ignore[misc]
        assert done == ["a"]
        loop.round()
        assert done == ["a", "b"]
        loop.round()
        assert done == ["a", "b", "c"]
        loop.now += SLICE * 1.1
        loop.turns.heavy(lambda: handshake("d"))
        assert done[-1] == "d"

    def test_not_before_others_who_wait(self) -> None:
        loop, done = Loop(), []
        loop.turns.queue(lambda: done.append("waited"))
        loop.turns.heavy(lambda: done.append("heavy"))
        loop.round()
        assert done == ["waited", "heavy"]


class TestShare:
    def test_what_is_left_and_what_comes_back(self) -> None:
        loop = Loop()
        share = Share(lambda: loop.now)
        assert share.begin()
        loop.works(BURST * (1 + REFILL) + SLICE / 2)
        assert not share.exhausted, "not charged yet"
        share.charge()
        assert share.exhausted
        assert not share.begin(), "half a slice is owed"
        loop.now += SLICE / REFILL
        assert share.begin()
        assert not share.exhausted

    def test_an_hour_of_silence_saves_no_more_than_a_burst(self) -> None:
        loop = Loop()
        share = Share(lambda: loop.now)
        loop.now += 3600
        assert share.begin()
        loop.works(BURST * 1.5)
        share.charge()
        assert share.exhausted

    def test_a_slice_is_spent_by_time_not_by_what_was_done(self) -> None:
        loop = Loop()
        share = Share(lambda: loop.now)
        share.begin()
        assert not share.spent
        loop.works(SLICE * 1.1)
        assert share.spent
        share.begin()
        assert not share.spent


class TestMeasured:
    def test_only_what_it_works_is_charged(self) -> None:
        loop = Loop()
        share = Share(lambda: loop.now)

        async def work() -> None:
            loop.works(BURST - SLICE)
            await asyncio.sleep(0)
            assert not share.spent, "it waited, and begins anew"
            loop.works(SLICE + 0.001)

        async def main() -> None:
            task = asyncio.get_running_loop().create_task(Measured(work(), share))
            await asyncio.sleep(0)
            assert not share.exhausted
            loop.now += 0.001  # of others
            await task
            assert share.exhausted

        asyncio.run(main())

    def test_it_can_be_cancelled_and_awaited_and_given_up(self) -> None:
        ended: list[str] = []

        async def work() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.append("x")

        async def main() -> None:
            share = Share(lambda: 0.0)
            task = asyncio.get_running_loop().create_task(Measured(work(), share))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert ended == ["x"]
            Measured(work(), share).close()

            async def quick() -> None:
                ended.append("y")

            await Measured(quick(), share)
            assert ended == ["x", "y"]

        asyncio.run(main())


def test_who_was_woken_already_is_left_alone() -> None:
    async def main() -> None:
        sleeper = asyncio.get_running_loop().create_future()
        wake(sleeper)
        wake(sleeper)
        await sleeper

    asyncio.run(main())
