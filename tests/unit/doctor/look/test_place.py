"""Turns at one address: few connections at once, whoever looks, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gatepost.doctor.facts import Contact, Dial, Handshake, Reach, VersionTried
from gatepost.doctor.look import place as places
from gatepost.doctor.look.contact import NO_TURN, contact
from gatepost.doctor.look.place import AT_ONCE, Manners, Place
from gatepost.doctor.look.versions import Probes
from gatepost.doctor.look.wire import Wire
from support.doctor_zoo import (
    CLOSE,
    HOST,
    IMPLICIT,
    SILENCE,
    STARTTLS,
    Authority,
    Script,
    healthy,
    question,
    raw,
    serve,
    target,
)

HOME = Authority()
SOUND = HOME.issue(HOST)
SIX = [(protocol, mode) for protocol in ("pop3", "imap", "smtp") for mode in (IMPLICIT, STARTTLS)]


@pytest.fixture
def open_now(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many connections were open, after each that began."""
    counts: list[int] = []
    now: set[Wire] = set()

    class Counted(Wire):
        def __init__(self, connection: socket.socket, **options: Any) -> None:
            super().__init__(connection, **options)
            now.add(self)
            counts.append(len(now))

        def close(self) -> None:
            now.discard(self)
            super().close()

    monkeypatch.setattr(places, "Wire", Counted)
    return counts


def all_six(scripts: list[Script], timeout: float, **options: Any) -> list[Contact]:
    async def main() -> list[Contact]:
        async with AsyncExitStack() as stack:
            servers = [await stack.enter_async_context(serve(script)) for script in scripts]
            manners = Manners()
            asked = question(HOME, timeout=timeout)
            looks = [
                contact(target(protocol, server.port, mode), "127.0.0.1", asked, manners=manners, **options)
                for (protocol, mode), server in zip(SIX, servers, strict=True)
            ]
            return list(await asyncio.gather(*looks))

    return asyncio.run(main())


def test_six_services_of_one_address_share_four_turns(open_now: list[int]) -> None:
    seen = all_six([healthy(protocol, SOUND, mode=mode) for protocol, mode in SIX], 2.0)
    assert all(each.inside_tls and len(each.versions) == 5 and not each.unfinished for each in seen)
    assert max(open_now) == AT_ONCE
    assert len(open_now) == 6 * 5 + 3


def test_a_glance_at_six_services_is_six_connections(open_now: list[int]) -> None:
    seen = all_six([healthy(protocol, SOUND, mode=mode) for protocol, mode in SIX], 2.0, thorough=False)
    assert all(each.inside_tls for each in seen)
    assert len(open_now) == 6
    assert max(open_now) < AT_ONCE, "one turn is for those that a contact opens besides"


def test_six_silent_services_do_not_wait_for_each_other(open_now: list[int]) -> None:
    """Each of them needs a second connection while its first is open."""
    seen = all_six([raw(b"").but(accept=SILENCE)] * 6, 0.5)
    assert not any(each.unfinished for each in seen)
    assert all(each.dial.reach is Reach.OPEN for each in seen)
    assert max(open_now) <= AT_ONCE


def test_who_gets_no_answer_gives_its_turn_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "KNOCK", 0.01)
    knocking: list[str] = []

    async def main() -> int:
        everybody = asyncio.Event()

        async def connect(host: str, address: str, port: int, _timeout: float) -> tuple[Dial, None]:
            knocking.append(address)
            if len(knocking) == 5:
                everybody.set()
            await everybody.wait()
            return Dial(host, address, port, Reach.TIMED_OUT, 1.0), None

        monkeypatch.setattr(places, "connect", connect)
        place = Place(target("pop3", 1), "192.0.2.1", 1.0, Manners(2))

        async def knock() -> None:
            async with place.wire(first=True) as (_, wire):
                assert wire is None

        async with asyncio.timeout(5):
            await asyncio.gather(*(knock() for _ in range(5)))
        return len(knocking)

    assert asyncio.run(main()) == 5


def test_a_turn_is_given_back_once_and_not_kept_by_who_gives_up_waiting() -> None:
    async def main() -> None:
        manners = Manners(2)
        done = await manners.turn(first=True)
        waiting = asyncio.create_task(manners.turn(first=True))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        done()
        done()
        (await manners.turn())()
        first, second = await manners.turn(first=True), await manners.turn()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await manners.turn()
        first()
        second()

    asyncio.run(main())


# -- The end of a whole contact --------------------------------------------------------------------------------------


def partly(script: Script, patience: float, protocol: str = "pop3", **options: Any) -> Contact:
    async def main() -> Contact:
        async with serve(script) as server:
            to = target(protocol, server.port)
            asked = question(HOME, timeout=5.0)
            return await contact(to, "127.0.0.1", asked, patience=patience, **options)

    return asyncio.run(main())


def test_what_was_seen_until_the_end_is_kept() -> None:
    seen = partly(healthy("pop3", SOUND).answering(CAPA=SILENCE), 0.3)
    assert seen.unfinished
    assert seen.dial.reach is Reach.OPEN
    assert seen.handshake is not None
    assert seen.handshake.verified
    assert seen.greeting is not None
    assert seen.greeting.octets == b"+OK ready\r\n"
    assert "C: CAPA" in seen.transcript
    assert 0.2 < seen.seconds < 2.0


def test_a_login_that_the_end_cuts_off_is_told() -> None:
    seen = partly(healthy("pop3", SOUND).answering(AUTH=SILENCE), 0.3, login=True)
    assert seen.login is not None
    assert (seen.login.accepted, seen.login.error) == (False, "timed out")
    assert not seen.unfinished or seen.inside_tls


def test_whose_turn_never_came_was_not_tried() -> None:
    async def main() -> Contact:
        manners = Manners(2)
        await manners.turn(first=True)
        return await contact(target("pop3", 1), "127.0.0.1", question(), manners=manners, patience=0.05)

    seen = asyncio.run(main())
    assert (seen.unfinished, seen.dial.reach, seen.dial.error) == (True, Reach.FAILED, NO_TURN)


def test_a_login_without_an_answer_is_told() -> None:
    closed = partly(healthy("pop3", SOUND).answering(AUTH=CLOSE), 5.0, login=True)
    assert closed.login is not None
    assert (closed.login.mechanism, closed.login.accepted, closed.login.error) == ("PLAIN", False, "closed")


def test_a_closed_port_is_all_there_is_to_see() -> None:
    async def main() -> Contact:
        async with serve(raw(b"")) as server:
            port = server.port
        return await contact(target("pop3", port), "127.0.0.1", question(HOME))

    seen = asyncio.run(main())
    assert (seen.dial.reach, seen.unfinished, seen.transcript) == (Reach.REFUSED, False, ())


def test_side_connections_whose_turn_does_not_come_leave_the_question_open() -> None:
    async def main() -> tuple[object, ...]:
        manners = Manners(2)
        for _ in range(2):
            await manners.turn()
        probes = Probes(Place(target("pop3", 1), "127.0.0.1", 0.05, manners))
        return await probes.versions(Handshake(True, True, version="TLSv1.3", cipher="x"))

    assert asyncio.run(main()) == (VersionTried("TLSv1.3", True, "x"),)
