import asyncio
from typing import cast

import pytest

from gatepost.identity.api import LoginFailedError
from gatepost.identity.throttle import Throttle
from gatepost.net.tally import Tally
from support.directory import NOW, SECRET, ScriptedTally


def make(tally: ScriptedTally, slept: list[float] | None = None, waiting: int = 10) -> Throttle:
    async def sleep(seconds: float) -> None:
        assert slept is not None
        slept.append(seconds)

    return Throttle(cast("Tally", tally), SECRET, lambda: NOW, sleep, waiting)


def test_a_login_without_a_past_is_clear() -> None:
    assert make(ScriptedTally()).clear("192.0.2.1", "alice", NOW)


def test_delay_refusal_and_a_line_are_not_clear() -> None:
    assert not make(ScriptedTally(delays={("192.0.2.1", "alice"): 1})).clear("192.0.2.1", "alice", NOW)
    refused = ScriptedTally(delays={("192.0.2.1", "alice"): 0}, refusals={"192.0.2.1": 60})
    assert not make(refused).clear("192.0.2.1", "alice", NOW)

    async def run() -> None:
        throttle = make(ScriptedTally())
        async with throttle.turn("2001:db8::1", "alice"):
            assert not throttle.clear("2001:db8::ffff", "alice", NOW)
            assert throttle.clear("2001:db8::1", "bob", NOW)
            assert throttle.clear("2001:db8:0:1::1", "alice", NOW)
        assert throttle.clear("2001:db8::1", "alice", NOW)
        assert not throttle._turns

    asyncio.run(run())


def test_the_delay_is_waited_for() -> None:
    slept: list[float] = []

    async def run() -> None:
        async with make(ScriptedTally(delays={("192.0.2.1", "alice"): 4}), slept).turn("192.0.2.1", "alice"):
            assert slept == [4]

    asyncio.run(run())


def test_a_refused_address_is_told_for_how_long() -> None:
    async def run() -> None:
        throttle = make(ScriptedTally(refusals={"192.0.2.1": 130}))
        with pytest.raises(LoginFailedError, match="3 min") as caught:
            async with throttle.turn("192.0.2.1", "alice"):
                raise AssertionError("not reached")
        assert (caught.value.reason, caught.value.temporary) == ("refused", True)
        assert not throttle._turns

    asyncio.run(run())


def test_attempts_from_one_place_on_one_login_stand_in_line_and_see_each_others_failures() -> None:
    slept: list[float] = []
    order: list[str] = []

    async def attempt(throttle: Throttle, name: str) -> None:
        async with throttle.turn("192.0.2.1", "alice"):
            order.append(f"{name} in")
            await asyncio.sleep(0)
            throttle.failure("192.0.2.1", "alice", name.encode())
            order.append(f"{name} out")

    async def run() -> None:
        throttle = make(ScriptedTally(delay_after_failure=1), slept)
        await asyncio.gather(*(attempt(throttle, name) for name in "abc"))

    asyncio.run(run())
    assert order == ["a in", "a out", "b in", "b out", "c in", "c out"]
    assert slept == [1, 1]


def test_the_number_that_waits_is_bounded_and_who_need_not_wait_is_let_through() -> None:
    async def run() -> None:
        throttle = make(ScriptedTally(delays={("192.0.2.2", "bob"): 1}), slept := [], waiting=1)
        async with throttle.turn("192.0.2.1", "alice"):
            for address, login in (("192.0.2.2", "bob"), ("192.0.2.1", "alice")):
                with pytest.raises(LoginFailedError) as caught:
                    async with throttle.turn(address, login):
                        raise AssertionError("not reached")
                assert (caught.value.reason, caught.value.temporary) == ("delayed", True)
            async with throttle.turn("192.0.2.3", "carol"):
                assert not slept
        async with throttle.turn("192.0.2.2", "bob"):
            assert slept == [1]

    asyncio.run(run())


def test_digests_tell_secrets_and_logins_apart_and_are_the_same_in_every_worker() -> None:
    tally = ScriptedTally()
    for throttle in (make(tally), make(tally)):
        throttle.failure("192.0.2.1", "alice", b"one")
        throttle.failure("192.0.2.1", "alice", b"two")
        throttle.failure("192.0.2.1", "bob", b"one")
    digests = [digest for _, _, digest in tally.failures]
    assert digests[:3] == digests[3:]
    assert len(set(digests)) == 3
    assert b"one" not in b"".join(digests)


def test_what_cannot_be_compared_has_no_digest() -> None:
    tally = ScriptedTally()
    make(tally).failure("192.0.2.1", "alice", b"")
    assert tally.failures == [("192.0.2.1", "alice", b"")]


def test_who_is_known_is_the_tallys_word() -> None:
    throttle = make(ScriptedTally(successes=[("192.0.2.1", "alice")]))
    assert throttle.known("192.0.2.1", "alice")
    assert not throttle.known("192.0.2.1", "bob")


def test_success_is_told() -> None:
    tally = ScriptedTally()
    make(tally).success("192.0.2.1", "alice", NOW)
    assert tally.successes == [("192.0.2.1", "alice")]
