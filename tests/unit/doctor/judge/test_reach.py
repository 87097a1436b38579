"""Facts in, (id, status) out: connections."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.facts import Contact, Dial, Reach, Surroundings
from gatepost.doctor.judge.reach import judge
from support.wire_facts import (
    BOOK,
    CLOSED,
    HOST,
    RESET,
    SILENT,
    V4,
    V6,
    can,
    contact,
    dial,
    failed_handshake,
    said,
    told,
    unreached,
)

NOTHING = Surroundings()
OPEN, REFUSED, TIMED_OUT = Reach.OPEN, Reach.REFUSED, Reach.TIMED_OUT
DEAD = dial(443, TIMED_OUT, "1.1.1.1", host="one.one.one.one")
ALIVE = dial(443, OPEN, "1.1.1.1", host="one.one.one.one")


def ports(reaches: dict[int, Reach], address: str = V4) -> tuple[Dial, ...]:
    return tuple(dial(port, reach, address) for port, reach in reaches.items())


FAILED = {
    "closed port": (unreached(), NOTHING, ("T1", "fail")),
    "closed port, others open": (unreached(), Surroundings(ports({993: OPEN})), ("T1", "fail")),
    "closed at one of two addresses": (
        unreached(address=V6),
        Surroundings(other_family=(dial(995),)),
        ("T1", "warn"),
    ),
    "ban that rejects, or no mail server": (
        unreached(),
        Surroundings(ports({25: REFUSED, 993: REFUSED, 443: OPEN})),
        ("T21", "fail"),
    ),
    "helper on this machine": (
        replace(unreached(), dial=dial(1143, REFUSED, "127.0.0.1")),
        NOTHING,
        ("H1", "fail"),
    ),
    "own server on this machine": (
        replace(unreached(), dial=dial(995, REFUSED, "127.0.0.1")),
        NOTHING,
        ("T1", "fail"),
    ),
    "no answer": (unreached(reach=TIMED_OUT), NOTHING, ("T2", "fail")),
    "no answer, and all else is closed": (
        unreached(reach=TIMED_OUT),
        Surroundings(ports({993: REFUSED}), elsewhere=(ALIVE,)),
        ("T2", "fail"),
    ),
    "no answer from any port, but the network works": (
        unreached(reach=TIMED_OUT),
        Surroundings(ports({993: TIMED_OUT, 443: TIMED_OUT}), elsewhere=(ALIVE,)),
        ("T15", "fail"),
    ),
    "one port is dropped": (
        unreached(reach=TIMED_OUT),
        Surroundings(ports({993: OPEN, 25: REFUSED}), elsewhere=(ALIVE,)),
        ("T19", "fail"),
    ),
    "nothing answers anywhere": (
        unreached(reach=TIMED_OUT),
        Surroundings(ports({993: TIMED_OUT}), elsewhere=(DEAD,)),
        ("T30", "fail"),
    ),
    "IPv6 is dead, IPv4 works": (
        unreached(reach=TIMED_OUT, address=V6),
        Surroundings(other_family=(dial(995),)),
        ("D5", "warn"),
    ),
    "IPv4 is dead, IPv6 works": (
        unreached(reach=TIMED_OUT),
        Surroundings(other_family=(dial(995, address=V6),)),
        ("T17", "warn"),
    ),
    "no hairpin": (
        replace(unreached(reach=TIMED_OUT), dial=dial(995, TIMED_OUT, "8.8.8.8")),
        Surroundings(other_family=(dial(995, OPEN, "192.168.1.2"),)),
        ("T12", "fail"),
    ),
    "port 25 is blocked": (
        unreached("smtp", TIMED_OUT),
        Surroundings(ports({465: OPEN, 587: OPEN, 993: OPEN})),
        ("T3", "fail"),
    ),
    "all sending is blocked": (
        unreached("submissions", TIMED_OUT),
        Surroundings(ports({25: TIMED_OUT, 587: TIMED_OUT, 993: OPEN, 110: REFUSED})),
        ("T4", "fail"),
    ),
    "the server drops whatever is closed": (
        unreached("submissions", TIMED_OUT),
        Surroundings(ports({25: TIMED_OUT, 587: TIMED_OUT, 993: OPEN, 110: TIMED_OUT})),
        ("T19", "fail"),
    ),
    "no route": (unreached(reach=Reach.NO_ROUTE), NOTHING, ("T5", "fail")),
    "no route at all": (unreached(reach=Reach.NO_ROUTE), Surroundings(elsewhere=(DEAD,)), ("T30", "fail")),
    "this machine has no IPv6": (
        unreached(reach=Reach.NO_ROUTE, address=V6),
        Surroundings(other_family=(dial(995),)),
        ("T5", "info"),
    ),
    "own firewall": (unreached(reach=Reach.FORBIDDEN), NOTHING, ("T6", "fail")),
    "reset while connecting": (unreached(reach=Reach.RESET), NOTHING, ("T7", "fail")),
    "another error": (unreached(reach=Reach.FAILED), NOTHING, ("T18", "fail")),
}


@pytest.mark.parametrize(("seen", "around", "expected"), FAILED.values(), ids=FAILED)
def test_a_connection_that_fails(seen: Contact, around: Surroundings, expected: tuple[str, str]) -> None:
    found = judge(seen, around, BOOK)
    assert told(found) == [expected]
    assert found[0].evidence == seen.dial.error


ACCEPTED = {
    "healthy": (contact(), ["T0"]),
    "healthy with STARTTLS": (contact("pop3"), ["T0"]),
    "reset at once": (contact("pop3", plain=RESET, greeting=None), ["T7"]),
    "hung up at once": (contact("imap", plain=CLOSED, greeting=None), ["T8"]),
    "reset at once on a TLS port": (
        contact(handshake=failed_handshake("reset"), plain=RESET, greeting=None),
        ["T7"],
    ),
    "hangs up only when TLS begins": (
        contact(handshake=failed_handshake("UNEXPECTED_EOF"), plain=SILENT, poked=CLOSED, greeting=None),
        ["T0"],
    ),
    "silent": (contact("smtp", plain=SILENT, poked=SILENT, greeting=None), ["T9"]),
    "silent, not asked anything": (contact("smtp", plain=SILENT, greeting=None), ["T9"]),
    "silent until asked": (contact("smtp", plain=SILENT, poked=said(b"HTTP/1.1 400 Bad\r\n"), greeting=None), ["T0"]),
    "silent on a TLS port": (
        contact(handshake=failed_handshake("timed out"), plain=SILENT, poked=SILENT, greeting=None),
        ["T9"],
    ),
    "silent in the clear, as it should": (contact("pop3", plain=SILENT, handshake=failed_handshake(code=10)), ["T0"]),
    "slow": (contact(greeting=said(b"+OK\r\n", 6.2)), ["T0", "T10"]),
}


@pytest.mark.parametrize(("seen", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_connection_that_opens(seen: Contact, expected: list[str]) -> None:
    assert [each.id for each in judge(seen, NOTHING, BOOK)] == expected


def test_open_ports_are_named() -> None:
    (found,) = judge(unreached(), Surroundings(ports({993: OPEN, 465: OPEN, 25: REFUSED})), BOOK)
    assert "465, 993" in found.fix
    assert found.subject == f"pop3s {HOST}:995 ({V4})"


def test_the_seconds_of_a_slow_greeting_are_told() -> None:
    slow = judge(contact(greeting=said(b"+OK\r\n", 6.2), inside_tls=can(())), NOTHING, BOOK)[1]
    assert (slow.status, "6.2" in slow.title) == ("warn", True)


def test_of_this_machine_nobody_says_that_a_public_address_or_a_firewall_is_the_cause() -> None:
    for address in ("127.0.0.1", "127.0.0.53", "::1"):
        (here,) = judge(
            replace(unreached(), dial=dial(995, REFUSED, address)), Surroundings(ports({993: OPEN}, address)), BOOK
        )
        assert here.id == "T1"
        assert not {"127.0.0.1", "rejects", "public"} & set(here.cause.replace(",", "").split())
        assert "993" in here.fix
        assert "public" not in here.fix
    (there,) = judge(unreached(), NOTHING, BOOK)
    assert "127.0.0.1" in there.cause


def test_a_port_that_speaks_behind_a_header_only() -> None:
    silent = contact(handshake=failed_handshake("timed out"), plain=SILENT, poked=SILENT, greeting=None)
    silent = replace(silent, behind_header=True)
    assert told(judge(silent, NOTHING, BOOK)) == [("T26", "fail")]
    assert told(judge(replace(silent, behind_header=False), NOTHING, BOOK)) == [("T9", "fail")]
    shut = replace(silent, plain=CLOSED, poked=None)
    assert told(judge(shut, NOTHING, BOOK)) == [("T26", "fail")]
    slow = replace(silent, plain=said(b"+OK\r\n"))
    assert told(judge(slow, NOTHING, BOOK)) == [("T0", "pass")]
