"""POP3 from the client's side, with servers that do not know their RFC."""

from __future__ import annotations

import base64

import pytest

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.tongues import Answer, Ask
from gatepost.doctor.tongues.pop3 import Pop3

POP3 = Pop3()
CAPA = POP3.capabilities_ask("[192.0.2.1]")
STAT = POP3.visit("")[0]


@pytest.mark.parametrize(
    ("ask", "octets", "size"),
    [
        (STAT, b"+OK 1", 0),
        (STAT, b"+OK 1 2\r\n+OK", 9),
        (CAPA, b"+OK\r\nTOP\r\n", 0),
        (CAPA, b"+OK\r\nTOP\r\n.\r\nmore", 13),
        (CAPA, b"+OK\nTOP\n.\nmore", 10),
        (CAPA, b"-ERR no\r\nmore", 9),
        (CAPA, b"HTTP/1.1 400\r\n", 14),
    ],
)
def test_where_a_reply_ends(ask: Ask, octets: bytes, size: int) -> None:
    assert POP3.reply_end(ask, octets) == size


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (b"+OK\r\n", Answer.YES),
        (b"+ok fine\r\n", Answer.YES),
        (b"-ERR no\r\n", Answer.NO),
        (b"+ \r\n", Answer.MORE),
        (b"+\r\n", Answer.MORE),
        (b"* OK\r\n", Answer.STRANGE),
        (b"", Answer.STRANGE),
    ],
)
def test_what_a_reply_means(reply: bytes, answer: Answer) -> None:
    assert POP3.answer(STAT, reply) is answer


def test_capabilities_are_normalised() -> None:
    reply = b"+OK\r\nTop\r\nUIDL\r\nsasl plain CRAM-MD5\r\nLOGIN-DELAY 60\r\nUIDL\r\n\r\n.\r\n"
    known = POP3.capabilities(reply)
    assert known == Capabilities(True, ("TOP", "UIDL", "AUTH=PLAIN", "AUTH=CRAM-MD5", "LOGIN-DELAY 60"), reply)
    assert POP3.capabilities(b"-ERR no\r\n").items == ()
    assert POP3.fallback_ask("x") is None


def items(*names: str) -> Capabilities:
    return Capabilities(True, names)


def test_plain_goes_first_with_an_initial_response() -> None:
    exchange = POP3.login(items("USER", "AUTH=LOGIN", "AUTH=PLAIN"), "alice", "secret")
    assert exchange is not None
    assert exchange.mechanism == "PLAIN"
    blob = base64.b64encode(b"\0alice\0secret")
    assert [ask.octets for ask in exchange.asks] == [b"AUTH PLAIN " + blob + b"\r\n"]
    assert exchange.asks[0].shown == "AUTH PLAIN [secret]"


def test_a_line_that_would_be_too_long_waits_for_the_challenge() -> None:
    exchange = POP3.login(items("AUTH=PLAIN"), "alice", "s" * 200)
    assert exchange is not None
    first, second = exchange.asks
    assert first.octets == b"AUTH PLAIN\r\n"
    assert first.goes_on_at is Answer.MORE
    assert base64.b64decode(second.octets) == b"\0alice\0" + b"s" * 200
    assert second.shown == "[secret]"


def test_login_says_the_name_then_the_password() -> None:
    exchange = POP3.login(items("AUTH=LOGIN"), "alice", "secret")
    assert exchange is not None
    assert exchange.mechanism == "LOGIN"
    begin, *rest = [ask.octets for ask in exchange.asks]
    assert begin == b"AUTH LOGIN\r\n"
    assert [base64.b64decode(octets) for octets in rest] == [b"alice", b"secret"]


@pytest.mark.parametrize("known", [items(), items("TOP"), items("USER", "AUTH=XOAUTH2"), Capabilities(True)])
def test_user_and_pass_where_nothing_speaks_against_it(known: Capabilities) -> None:
    exchange = POP3.login(known, "alice", "sécret")
    assert exchange is not None
    assert exchange.mechanism == "USER/PASS"
    assert [ask.octets for ask in exchange.asks] == [b"USER alice\r\n", "PASS sécret\r\n".encode()]
    assert [ask.shown for ask in exchange.asks] == ["USER alice", "PASS [secret]"]
    assert exchange.asks[0].goes_on_at is Answer.YES


def test_no_login_where_only_tokens_are_taken() -> None:
    assert POP3.login(items("AUTH=XOAUTH2"), "alice", "secret") is None


@pytest.mark.parametrize("password", ["a\r\nDELE 1", "a\0b", ""])
@pytest.mark.parametrize("known", [items("AUTH=PLAIN"), items("AUTH=LOGIN")])
def test_a_password_that_would_be_a_command_goes_nowhere(known: Capabilities, password: str) -> None:
    exchange = POP3.login(known, "alice", password)
    assert exchange is None


def test_user_pass_takes_no_line_ends() -> None:
    assert POP3.login(items("USER"), "alice\r\nQUIT", "x") is None


@pytest.mark.parametrize(
    ("octets", "injected"),
    [
        (b"+OK bye\r\n", False),
        (b"", False),
        (b"-ERR unknown\r\n+OK bye\r\n", True),
        (b"+OK\r\nTOP\r\n.\r\n", True),
        (b"TOP\r\n.\r\n+OK bye\r\n", True),
    ],
)
def test_an_answer_too_many_tells_of_injection(octets: bytes, injected: bool) -> None:
    assert POP3.was_injected(octets) is injected


def test_names_of_messages():
    asked = Pop3().listing()
    assert asked is not None
    assert (asked.octets, asked.long) == (b"UIDL\r\n", True)
