"""What judges read of a contact, and how a finding says what it is about."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.facts import Ending, Listening
from gatepost.doctor.judge.pen import (
    Pen,
    attempt,
    between_servers,
    capabilities,
    ended,
    first_words,
    implicit,
    names_login,
    readable,
    refuses_us,
    session,
    speaks_tls,
    subject,
)
from support.wire_facts import (
    BOOK,
    CLOSED,
    SILENT,
    VERIFIED,
    can,
    contact,
    dial,
    failed_handshake,
    said,
    target,
    unreached,
    untrusted,
)


def test_the_subject_names_the_address_once() -> None:
    by_address = replace(contact(), target=target(host="192.0.2.1"))
    assert subject(contact()) == "pop3s mail.example.com:995 (192.0.2.1)"
    assert subject(by_address) == "pop3s 192.0.2.1:995"
    assert subject(replace(contact(), dial=dial(995, address="2001:db8::1"))).endswith("(2001:db8::1)")


def test_evidence_is_printable_and_bounded() -> None:
    found = Pen(contact(), BOOK)("G1", b"\x1b]0;owned\x07\r\n" + b"x" * 4000)
    assert found.evidence.isprintable()
    assert len(found.evidence) <= 500


def test_lines_stand_beside_each_other() -> None:
    assert readable(b"534-5.7.9 One\r\n534 5.7.9 two \xff\r\n") == "534-5.7.9 One / 534 5.7.9 two \\xff"


@pytest.mark.parametrize("host", ["$(reboot)", "a b", "-x"])
def test_a_command_never_holds_a_strange_host(host: str) -> None:
    found = Pen(replace(contact(), target=target(host=host)), BOOK)("T1")
    assert host not in found.command


def test_the_session_is_the_verified_one_or_the_other() -> None:
    assert session(contact()) is VERIFIED
    assert session(untrusted(code=18)) == replace(VERIFIED, verified=False)
    assert session(contact(handshake=failed_handshake("reset"))) is None


def test_speaks_tls() -> None:
    assert not speaks_tls(None)
    assert not speaks_tls(failed_handshake("WRONG_VERSION_NUMBER"))
    assert speaks_tls(failed_handshake("SSLV3_ALERT_HANDSHAKE_FAILURE"))
    assert speaks_tls(failed_handshake("DH_KEY_TOO_SMALL"))


def test_capabilities_inside_tls_go_first() -> None:
    inside, before = can(("A",)), can(("B",))
    assert capabilities(contact(inside_tls=inside, before_tls=before)) is inside
    assert capabilities(contact(inside_tls=None, before_tls=before)) is before
    assert capabilities(contact(inside_tls=None)) is None


def test_the_line_that_shows_the_same_asks_for_starttls_where_the_port_begins_in_the_clear() -> None:
    assert "-starttls imap" in Pen(contact("imap"), BOOK)("V1").command
    assert "-starttls" not in Pen(contact("imaps"), BOOK)("V1").command
    assert "-starttls" not in Pen(contact("imap"), BOOK)("T1").command


@pytest.mark.parametrize(
    ("service", "at_once", "servers"),
    [("pop3s", True, False), ("pop3", False, False), ("submission", False, False), ("smtp", False, True)],
)
def test_when_tls_begins_and_who_talks_there(service: str, at_once: bool, servers: bool) -> None:
    assert implicit(target(service)) is at_once
    assert between_servers(target(service)) is servers


def test_the_first_words_are_those_of_whoever_said_any() -> None:
    assert first_words(contact()) == b"+OK Dovecot ready.\r\n"
    assert first_words(contact(greeting=None, plain=CLOSED, poked=said(b"HTTP/1.1 400\r\n"))) == b"HTTP/1.1 400\r\n"
    assert first_words(unreached()) == b""


def test_how_the_listening_ended_counts_only_when_nothing_came() -> None:
    assert ended(SILENT, Ending.SILENT)
    assert ended(CLOSED, Ending.SILENT, Ending.CLOSED)
    assert not ended(CLOSED, Ending.SILENT)
    assert not ended(Listening(Ending.CLOSED, b"+OK\r\n"), Ending.CLOSED)
    assert not ended(None, Ending.CLOSED)


def test_the_attempt_at_tls_is_where_the_service_begins_it() -> None:
    assert attempt(contact()) is VERIFIED
    assert attempt(contact("imap")) is VERIFIED
    assert attempt(contact("imap", upgrade=None, handshake=VERIFIED)) is None


@pytest.mark.parametrize(
    ("reply", "refused"), [(b"", False), (b"500 what?\r\n", False), (b"502 no\r\n", False), (b"550 go away\r\n", True)]
)
def test_a_no_to_ehlo_is_a_no_to_us_unless_the_command_is_unknown(reply: bytes, refused: bool) -> None:
    assert refuses_us(reply) is refused


@pytest.mark.parametrize(
    ("service", "items", "offered"),
    [
        ("pop3s", ("AUTH=PLAIN",), True),
        ("imaps", ("LOGINDISABLED", "AUTH=LOGIN"), True),
        ("pop3s", ("USER",), True),
        ("pop3s", ("AUTH=XOAUTH2",), False),
        ("imaps", ("AUTH=XOAUTH2",), True),
        ("imaps", ("LOGINDISABLED", "AUTH=XOAUTH2"), False),
        ("submissions", ("AUTH=XOAUTH2",), False),
    ],
)
def test_whether_a_password_is_taken_as_it_is(service: str, items: tuple[str, ...], offered: bool) -> None:
    assert names_login(contact(service), can(items)) is offered
