"""IMAP from the client's side."""

from __future__ import annotations

import base64
import time

import pytest

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.tongues import Answer, Ask
from gatepost.doctor.tongues.imap import Imap

IMAP = Imap()
CAPABILITY = IMAP.capabilities_ask("[192.0.2.1]")
LOGOUT = IMAP.goodbye


@pytest.mark.parametrize(
    ("ask", "octets", "size"),
    [
        (CAPABILITY, b"* CAPABILITY IMAP4rev1\r\n", 0),
        (CAPABILITY, b"* CAPABILITY IMAP4rev1\r\ngp1 OK\r\nmore", 32),
        (CAPABILITY, b"* X\r\nGP1 NO\nmore", 12),
        (CAPABILITY, b"gp11 OK\r\n", 9),  # not ours, and nothing of IMAP: no use to wait on
        (CAPABILITY, b"* X {5}\r\ngp1 OK\r\n", 0),
        (CAPABILITY, b"* X {6}\r\ngp1 OK\r\ngp1 OK\r\n", 25),
        (CAPABILITY, b"* X {6}\r\ngp1 OK rest\r\ngp1 OK\r\n", 30),
        (CAPABILITY, b"* X {999999999}\r\ngp1 OK\r\n", 0),
        (CAPABILITY, b"* BYE too many\r\nmore", 16),
        (CAPABILITY, b"* BAD what\r\n", 12),
        (CAPABILITY, b"+ go on\r\n", 9),
        (CAPABILITY, b"+\r\n", 3),
        (CAPABILITY, b"HTTP/1.1 400\r\n", 14),
        (LOGOUT, b"* BYE\r\n", 0),
        (LOGOUT, b"* BYE\r\ngp9 OK\r\n", 15),
    ],
)
def test_where_a_reply_ends(ask: Ask, octets: bytes, size: int) -> None:
    assert IMAP.reply_end(ask, octets) == size


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (b"* X\r\ngp1 OK done\r\n", Answer.YES),
        (b"gp1 ok\r\n", Answer.YES),
        (b"gp1 NO [X] no\r\n", Answer.NO),
        (b"gp1 BAD no\r\n", Answer.NO),
        (b"* BYE no\r\n", Answer.NO),
        (b"* BAD no\r\n", Answer.NO),
        (b"+ \r\n", Answer.MORE),
        (b"gp1 WHAT\r\n", Answer.STRANGE),
        (b"gp1 \r\n", Answer.STRANGE),
        (b"+OK POP3\r\n", Answer.STRANGE),
        (b"* X\r\n", Answer.STRANGE),
        (b"", Answer.STRANGE),
    ],
)
def test_what_a_reply_means(reply: bytes, answer: Answer) -> None:
    assert IMAP.answer(CAPABILITY, reply) is answer


def test_capabilities_are_normalised() -> None:
    reply = b"* CAPABILITY IMAP4rev1 starttls LOGINDISABLED auth=plain\r\ngp1 OK done\r\n"
    assert IMAP.capabilities(reply) == Capabilities(
        True, ("IMAP4REV1", "STARTTLS", "LOGINDISABLED", "AUTH=PLAIN"), reply
    )
    coded = b"gp1 OK [CAPABILITY IMAP4rev1 IDLE] done\r\n"
    assert IMAP.capabilities(coded).items == ("IMAP4REV1", "IDLE")
    assert IMAP.capabilities(b"gp1 BAD no\r\n").items == ()
    assert IMAP.fallback_ask("x") is None


def items(*names: str) -> Capabilities:
    return Capabilities(True, names)


def test_plain_with_an_initial_response_where_the_server_takes_one() -> None:
    exchange = IMAP.login(items("SASL-IR", "AUTH=PLAIN"), "alice", "secret")
    assert exchange is not None
    blob = base64.b64encode(b"\0alice\0secret")
    assert [ask.octets for ask in exchange.asks] == [b"gp4 AUTHENTICATE PLAIN " + blob + b"\r\n"]


def test_plain_without_it_else() -> None:
    exchange = IMAP.login(items("AUTH=PLAIN", "LOGINDISABLED"), "alice", "secret")
    assert exchange is not None
    first, second = exchange.asks
    assert first.octets == b"gp4 AUTHENTICATE PLAIN\r\n"
    assert second.octets == base64.b64encode(b"\0alice\0secret") + b"\r\n"
    assert second.tag == b"gp4"


def test_the_login_command_quotes() -> None:
    exchange = IMAP.login(items("IMAP4REV1"), 'al"ice', "se\\cret")
    assert exchange is not None
    assert exchange.mechanism == "IMAP LOGIN"
    assert [ask.octets for ask in exchange.asks] == [b'gp4 LOGIN "al\\"ice" "se\\\\cret"\r\n']
    assert exchange.asks[0].shown == 'gp4 LOGIN "al\\"ice" [secret]'


def test_the_login_command_takes_literals_for_what_is_not_ascii() -> None:
    exchange = IMAP.login(items(), "alice", "sécret")
    assert exchange is not None
    assert [ask.octets for ask in exchange.asks] == [b"gp4 LOGIN {5}\r\n", b"alice {7}\r\n", "sécret\r\n".encode()]
    assert [ask.shown for ask in exchange.asks] == ["gp4 LOGIN {5}", "alice {…}", "[secret]"]


@pytest.mark.parametrize(
    ("known", "password"),
    [(items("LOGINDISABLED"), "secret"), (items("LOGINDISABLED", "AUTH=XOAUTH2"), "secret"), (items(), "a\r\nb")],
)
def test_no_login(known: Capabilities, password: str) -> None:
    assert IMAP.login(known, "alice", password) is None


def test_the_visit_changes_nothing() -> None:
    assert [ask.octets for ask in IMAP.visit("")] == [b"gp5 EXAMINE INBOX\r\n"]


def test_the_tag_of_the_clear_tells_of_injection() -> None:
    assert IMAP.was_injected(b"gp3 OK\r\n* BYE\r\ngp9 OK\r\n")
    assert IMAP.was_injected(b"GP3 BAD\r\n")
    assert not IMAP.was_injected(b"* BYE\r\ngp9 OK\r\n")


def test_a_reply_of_nothing_but_literals_takes_little_time() -> None:
    began = time.process_time()
    assert IMAP.reply_end(IMAP.starttls, b"{0}\r\n" * 13_000) == 0
    assert time.process_time() - began < 0.5


def test_names_of_messages():
    asked = Imap().listing()
    assert asked is None
