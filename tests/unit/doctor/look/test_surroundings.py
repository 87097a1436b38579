"""What lies round a service."""

from __future__ import annotations

import asyncio
import socket

from gatepost.doctor.facts import HostNames, Lookup, Outcome, Reach, Surroundings
from gatepost.doctor.look import surroundings as module
from gatepost.doctor.look.surroundings import surroundings
from support.doctor_zoo import question, target

NAMES = HostNames("localhost", Lookup("localhost", "A", Outcome.ANSWER, ("127.0.0.1", "127.0.0.2")), None)
NO_NAMES = HostNames("localhost", None, None, literal=True)


def look(address: str, names: HostNames, **options: object) -> Surroundings:
    return asyncio.run(surroundings(target("imap", 993), address, names, question(timeout=0.5), **options))  # type: ignore[arg-type]


def test_other_mail_ports_and_the_web() -> None:
    seen = look("127.0.0.1", NO_NAMES)
    assert [dial.port for dial in seen.other_ports] == [25, 110, 143, 443, 465, 587, 995]
    assert {dial.address for dial in seen.other_ports} == {"127.0.0.1"}
    assert (seen.other_family, seen.elsewhere) == ((), ())


def test_the_other_family() -> None:
    seen = look("::1", NAMES)
    assert [(dial.address, dial.port) for dial in seen.other_family] == [("127.0.0.1", 993), ("127.0.0.2", 993)]
    assert look("127.0.0.1", NAMES).other_family == ()


def test_a_port_that_must_be_open_elsewhere(monkeypatch: object) -> None:
    """Only for a public address; and whatever is dialled, nothing leaves this machine here."""

    async def stay(host: str, address: str, port: int, timeout: float) -> object:  # noqa: ASYNC109
        return module.Dial(host, address, port, Reach.OPEN, timeout)

    monkeypatch.setattr(module, "dial", stay)  # type: ignore[attr-defined]
    seen = look("8.8.8.8", NO_NAMES)
    assert {dial.port for dial in seen.elsewhere} == {443}
    assert {dial.family for dial in seen.elsewhere} == {4, 6}
    assert all(dial.seconds < 0.5 for dial in seen.elsewhere)
    assert look("10.1.2.3", NO_NAMES).elsewhere == ()
    assert look("fe80::1%lo", NO_NAMES).elsewhere == ()


def test_an_open_port_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        seen = asyncio.run(surroundings(target("imap", port), "::1", NAMES, question(timeout=0.5)))
    assert seen.other_family[0].reach is Reach.OPEN
