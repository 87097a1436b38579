"""A password handed over by SASL, as lines."""

from __future__ import annotations

import base64

import pytest

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.tongues import TONGUES, Answer, Ask
from gatepost.doctor.tongues.sasl import UNEXPECTED, UNPROVEN, Course, challenged, exchange, scram
from gatepost.doctor.tongues.words import HIDDEN, Exchange
from gatepost.sasl import server as sasl_server
from gatepost.sasl.scram import SCRAM, make_keys

BLOB = base64.b64encode(b"\0alice\0secret")


def made(*offered: str, password: str = "secret", tag: str = "", initial: int = 0) -> Exchange:
    found = exchange(offered, "alice", password, "AUTH", tag=tag, initial=initial)
    assert found is not None
    return found


def test_plain_goes_before_login_and_others_are_left_alone() -> None:
    assert made("LOGIN", "XOAUTH2", "PLAIN").mechanism == "PLAIN"
    assert made("CRAM-MD5", "LOGIN").mechanism == "LOGIN"
    assert exchange(("CRAM-MD5", "XOAUTH2"), "alice", "secret", "AUTH") is None


def test_the_initial_response_goes_along_up_to_the_last_octet_that_fits() -> None:
    line = b"AUTH PLAIN " + BLOB + b"\r\n"
    (only,) = made("PLAIN", initial=len(line)).asks
    assert only.octets == line
    assert [ask.octets for ask in made("PLAIN", initial=len(line) - 1).asks] == [b"AUTH PLAIN\r\n", BLOB + b"\r\n"]


def test_without_initial_responses_the_challenge_is_awaited() -> None:
    assert [ask.octets for ask in made("PLAIN").asks] == [b"AUTH PLAIN\r\n", BLOB + b"\r\n"]


def test_login_sends_name_and_password_one_by_one_even_if_there_is_room() -> None:
    begin, *rest = [ask.octets for ask in made("LOGIN", initial=255).asks]
    assert begin == b"AUTH LOGIN\r\n"
    assert [base64.b64decode(octets) for octets in rest] == [b"alice", b"secret"]


def test_a_tag_goes_first_and_all_replies_are_awaited_under_it() -> None:
    long = made("PLAIN", tag="a3")
    assert long.asks[0].octets == b"a3 AUTH PLAIN\r\n"
    assert long.asks[1].octets == BLOB + b"\r\n"
    assert {ask.tag for ask in (*long.asks, long.cancel)} == {b"a3"}


def test_an_exchange_can_be_called_off() -> None:
    assert made("LOGIN").cancel.octets == b"*\r\n"


@pytest.mark.parametrize("offered", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("initial", [0, 255])
def test_what_is_shown_holds_no_secret(offered: str, initial: int) -> None:
    shown = " ".join(ask.shown for ask in made(offered, initial=initial).asks)
    assert HIDDEN in shown
    assert "secret" not in shown.replace(HIDDEN, "")
    assert BLOB.decode() not in shown


@pytest.mark.parametrize("password", ["a\r\nDELE 1", "a\nb", "a\0b", "a\udcff", ""])
@pytest.mark.parametrize("offered", ["PLAIN", "LOGIN"])
def test_words_that_sasl_does_not_allow_go_nowhere(offered: str, password: str) -> None:
    assert exchange((offered,), "alice", password, "AUTH", initial=255) is None


# -- SCRAM, and how an exchange goes on ------------------------------------------------------------------------------

NONCE = "n" * 24
SALT = b"salty salt"


def wrapped(words: bytes) -> bytes:
    return b"+ " + base64.b64encode(words) + b"\r\n"


def begun(password: str = "secret") -> Course:
    found = scram((SCRAM,), "alice", password, "AUTH", NONCE)
    assert found is not None
    return Course(found)


def more(course: Course, words: bytes) -> bytes:
    """The answer to a challenge."""
    ask = course.follow(Answer.MORE, wrapped(words))
    assert isinstance(ask, Ask)
    assert ask.shown in (HIDDEN, "(empty)")
    return base64.b64decode(ask.octets)


def proven(course: Course, password: str = "secret") -> bytes:
    """Our own server up to its last message, which is empty for a wrong password."""
    server = sasl_server(SCRAM, "s" * 24, {})
    first = server.step(more(course, b"")).answer(SALT)  # type: ignore[union-attr]
    found = server.step(more(course, first.data)).answer([make_keys(password, SALT)])  # type: ignore[union-attr]
    return found.say.data if found else b""


def test_scram_needs_an_offer_a_nonce_and_a_name() -> None:
    assert scram(("PLAIN",), "alice", "secret", "AUTH", NONCE) is None
    assert scram((SCRAM,), "alice", "secret", "AUTH", "") is None
    assert scram((SCRAM,), "", "secret", "AUTH", NONCE) is None
    found = scram((SCRAM,), "alice", "secret", "AUTHENTICATE", NONCE, tag="gp4")
    assert found is not None
    assert [(ask.octets, ask.tag) for ask in found.asks] == [(b"gp4 AUTHENTICATE SCRAM-SHA-256\r\n", b"gp4")]
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("protocol", "items", "mechanism"),
    [
        ("pop3", ("AUTH=SCRAM-SHA-256",), SCRAM),
        ("pop3", ("AUTH=SCRAM-SHA-256", "AUTH=PLAIN"), "PLAIN"),
        ("pop3", ("AUTH=SCRAM-SHA-256", "USER"), "USER/PASS"),
        ("imap", ("AUTH=SCRAM-SHA-256", "LOGINDISABLED"), SCRAM),
        ("imap", ("AUTH=SCRAM-SHA-256", "AUTH=LOGIN"), "LOGIN"),
        ("imap", ("AUTH=SCRAM-SHA-256",), "IMAP LOGIN"),
        ("smtp", ("AUTH=SCRAM-SHA-256", "AUTH=SCRAM-SHA-1"), SCRAM),
        ("smtp", ("AUTH=LOGIN", "AUTH=SCRAM-SHA-256"), "LOGIN"),
        ("smtp", ("AUTH=SCRAM-SHA-1", "AUTH=SCRAM-SHA-256-PLUS"), None),
    ],
)
def test_scram_is_for_servers_that_take_nothing_simpler(
    protocol: str, items: tuple[str, ...], mechanism: str | None
) -> None:
    found = TONGUES[protocol].login(Capabilities(True, items), "alice", "secret", NONCE)
    assert (found.mechanism if found else None) == mechanism


def test_scram_lets_us_in_when_both_have_proven_themselves() -> None:
    course = begun()
    assert course.begin.octets == b"AUTH SCRAM-SHA-256\r\n"
    assert more(course, proven(course)) == b""
    assert course.follow(Answer.YES, b"+OK\r\n") is None
    assert (course.accepted, course.error, course.reply) == (True, "", b"+OK\r\n")


def test_a_refusal_is_the_deciding_reply() -> None:
    course = begun("wrong")
    assert proven(course) == b""
    assert course.follow(Answer.NO, b"-ERR [AUTH] no\r\n") is None
    assert (course.accepted, course.error, course.reply) == (False, "", b"-ERR [AUTH] no\r\n")


def test_a_server_that_does_not_prove_itself_is_not_believed() -> None:
    course = begun()
    proven(course)
    assert course.follow(Answer.YES, b"+OK\r\n") is None
    assert (course.accepted, course.error, course.reply) == (False, UNPROVEN, b"")


def test_a_wrong_signature_ends_it() -> None:
    course = begun()
    proven(course)
    ask = course.follow(Answer.MORE, wrapped(b"v=" + base64.b64encode(b"x" * 32)))
    assert ask is not None
    assert ask.octets == b"*\r\n"
    assert course.follow(Answer.YES, b"+OK\r\n") is None
    assert not course.accepted
    assert "does not know this password" in course.error


def test_a_refusal_in_the_words_of_scram_is_followed_by_the_servers_own() -> None:
    course = begun()
    proven(course)
    assert course.follow(Answer.MORE, wrapped(b"e=invalid-proof")) is not None
    assert "invalid-proof" in course.error
    assert course.follow(Answer.NO, b"-ERR no\r\n") is None
    assert (course.accepted, course.error, course.reply) == (False, "", b"-ERR no\r\n")


def test_rubbish_for_a_challenge_ends_it() -> None:
    course = begun()
    more(course, b"")
    ask = course.follow(Answer.MORE, b"+ not base64\r\n")
    assert ask is not None
    assert ask.octets == b"*\r\n"
    assert course.error


def test_a_challenge_too_many_is_declined_and_kept() -> None:
    course = Course(made("PLAIN", initial=512))
    ask = course.follow(Answer.MORE, b"334 eyJ9\r\n")
    assert ask is not None
    assert ask.octets == b"*\r\n"
    assert course.follow(Answer.NO, b"501 ok\r\n") is None
    assert (course.accepted, course.error, course.reply) == (False, UNEXPECTED, b"334 eyJ9\r\n")


def test_passwords_go_on_step_by_step() -> None:
    course = Course(made("LOGIN"))
    assert course.follow(Answer.MORE, b"+ \r\n") is not None
    assert course.follow(Answer.MORE, b"+ \r\n") is not None
    assert course.follow(Answer.YES, b"+OK\r\n") is None
    assert course.accepted


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"+ aGk=\r\n", b"hi"),
        (b"334 aGk=\r\n", b"hi"),
        (b"* OK\r\n+ aGk=\r\n", b"hi"),
        (b"+\r\n", b""),
        (b"+ ??\r\n", None),
        (b"+OK\r\n", None),
    ],
)
def test_challenges(reply: bytes, said: bytes | None) -> None:
    assert challenged(reply) == said
