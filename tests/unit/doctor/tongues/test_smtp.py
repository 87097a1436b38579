"""SMTP from the client's side."""

from __future__ import annotations

import base64

import pytest

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.tongues import Answer
from gatepost.doctor.tongues.smtp import Smtp, address_literal

SMTP = Smtp()
EHLO = SMTP.capabilities_ask("[192.0.2.1]")


def test_how_it_greets() -> None:
    assert EHLO.octets == b"EHLO [192.0.2.1]\r\n"
    helo = SMTP.fallback_ask("[192.0.2.1]")
    assert helo is not None
    assert helo.octets == b"HELO [192.0.2.1]\r\n"


@pytest.mark.parametrize(
    ("address", "literal"),
    [
        ("192.0.2.1", "[192.0.2.1]"),
        ("2001:db8::1", "[IPv6:2001:db8::1]"),
        ("fe80::1%eth0", "[IPv6:fe80::1]"),
    ],
)
def test_address_literals(address: str, literal: str) -> None:
    assert address_literal(address) == literal


@pytest.mark.parametrize(
    ("octets", "size"),
    [
        (b"250-a\r\n250-b\r\n", 0),
        (b"250-a\r\n250 b\r\n220", 14),
        (b"250-a\n250 b\n", 12),
        (b"250\r\n", 5),
        (b"what\r\n", 6),
        (b"250-a\r\nwhat\r\n", 13),
    ],
)
def test_where_a_reply_ends(octets: bytes, size: int) -> None:
    assert SMTP.reply_end(EHLO, octets) == size


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (b"250 ok\r\n", Answer.YES),
        (b"334 \r\n", Answer.MORE),
        (b"454 later\r\n", Answer.NO),
        (b"535 no\r\n", Answer.NO),
        (b"150 what\r\n", Answer.STRANGE),
        (b"+OK\r\n", Answer.STRANGE),
        (b"", Answer.STRANGE),
    ],
)
def test_what_a_reply_means(reply: bytes, answer: Answer) -> None:
    assert SMTP.answer(EHLO, reply) is answer


def test_capabilities_are_normalised() -> None:
    reply = b"250-mail.example.com\r\n250-size 1000\r\n250-AUTH plain LOGIN\r\n250-AUTH=PLAIN LOGIN\r\n250 STARTTLS\r\n"
    known = SMTP.capabilities(reply)
    assert known.items == ("SIZE 1000", "AUTH=PLAIN", "AUTH=LOGIN", "STARTTLS")
    assert known.octets == reply
    assert SMTP.capabilities(b"250-x\r\n250 AUTH\r\n").items == ()
    assert SMTP.capabilities(b"502 what\r\n").items == ()


def test_login_by_plain_or_not_at_all() -> None:
    exchange = SMTP.login(Capabilities(True, ("AUTH=PLAIN",)), "alice", "secret")
    assert exchange is not None
    assert exchange.asks[0].octets == b"AUTH PLAIN " + base64.b64encode(b"\0alice\0secret") + b"\r\n"
    assert exchange.cancel.octets == b"*\r\n"
    assert SMTP.login(Capabilities(True, ("SIZE 1",)), "alice", "secret") is None


def test_the_visit_is_a_transaction_without_a_recipient() -> None:
    asks = SMTP.visit("me@example.com")
    assert [ask.octets for ask in asks] == [b"MAIL FROM:<me@example.com>\r\n", b"RSET\r\n"]


@pytest.mark.parametrize("sender", ["", "a@b\r\nRCPT TO:<c@d>", "a> SIZE=1", "a@b\udcff"])
def test_no_visit_without_a_proper_sender(sender: str) -> None:
    assert SMTP.visit(sender) == ()


def test_a_second_reply_tells_of_injection() -> None:
    assert not SMTP.was_injected(b"221 bye\r\n")
    assert not SMTP.was_injected(b"221-bye\r\n221 bye\r\n")
    assert not SMTP.was_injected(b"")
    assert SMTP.was_injected(b"250 ok\r\n221 bye\r\n")


def test_names_of_messages():
    asked = Smtp().listing()
    assert asked is None
