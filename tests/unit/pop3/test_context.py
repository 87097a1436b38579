import asyncio

import pytest

from dialogs.house import TLS, House, StubFlow
from gatepost.errors import MisuseError
from gatepost.identity.api import Login
from gatepost.model import Account
from gatepost.pop3.context import LONGEST_FAILED, MOST_FAILED, NOT_OPEN, Record, Talk
from gatepost.pop3.machine import Machine
from gatepost.pop3.replies import voice

ALICE = Login(Account(1, "alice@example.com"), 9, "Alice's phone", "PLAIN", "Archive")


def test_a_record_tells_who_was_in_or_who_tried():
    record = Record()
    record.tried, record.mechanism, record.reason = "eve\r\n", "USER", "wrong password"
    fields = record.fields(5, "the client closed the connection")
    assert (fields["user"], fields["mechanism"], fields["credential"]) == ("eve\r\n", "USER", "")
    assert (fields["outcome"], fields["reason"], fields["bytes"]) == ("lost", "wrong password", 5)
    record.login = ALICE
    record.ended("error", "the disk is full")
    fields = record.fields(5, "")
    assert (fields["user"], fields["mechanism"], fields["folder"]) == ("alice@example.com", "PLAIN", "Archive")
    assert (fields["outcome"], fields["reason"], fields["credential"]) == ("error", "the disk is full", "Alice's phone")


def test_an_end_without_a_reason_keeps_the_last_one():
    record = Record()
    record.reason = "unknown user"
    record.ended("quit")
    assert (record.outcome, record.reason) == ("quit", "unknown user")


def talk(service="pop3", *, tls=None, **peer):
    house = House()
    machine = Machine(voice("en", ascii_only=True), bad_commands=10)
    return Talk(house.services, house.peer(service, **peer), machine, Record(), StubFlow(tls))


@pytest.mark.parametrize(
    ("made", "may_log_in", "may_secure"),
    [
        (talk(), False, True),
        (talk(tls=TLS), True, False),
        (talk(cleartext_login=True), True, True),
        (talk("pop3s", tls=TLS), True, False),
    ],
)
def test_no_password_crosses_the_clear_unless_the_network_may(made, may_log_in, may_secure):
    assert (made.may_log_in, made.may_secure) == (may_log_in, may_secure)


def test_choices_add_up_and_free_the_voice_from_ascii():
    made = talk()
    made.choose(utf8=True)
    assert (made.utf8, made.language, made.voice) == (True, "", voice("en", ascii_only=False))
    made.choose(language="ja")
    assert (made.utf8, made.language, made.voice) == (True, "ja", voice("ja", ascii_only=False))
    made.choose(utf8=True)
    assert made.voice is voice("ja", ascii_only=False)


def test_a_session_that_was_not_opened_has_nobody_to_write_to():
    assert NOT_OPEN.tls is None
    with pytest.raises(MisuseError, match="not open"):
        asyncio.run(NOT_OPEN.flush())


def test_the_names_of_failed_logins_are_bounded_and_harmless():
    record = Record()
    record.denied("a" * 500 + "\x1b", "wrong password")
    assert record._failures() == ()
    for number in range(100):
        record.denied(f'x"; user{number}\x1b', "unknown user")
    failures = record._failures()
    assert len(failures) == MOST_FAILED + 1
    assert (len(failures[0]), failures[-1]) == (LONGEST_FAILED + len(": wrong password"), "others:  (91 times)")
    assert all(text.isprintable() for text in failures)


def test_names_and_reasons_that_the_line_has_anyway_are_not_repeated():
    record = Record()
    record.denied("alice", "wrong password")
    assert record._failures() == ()
    record.denied("alice", "wrong password")
    assert record._failures() == ("alice: wrong password (2 times)",)
    record.denied("", "not base64")
    assert record._failures()[1] == "?: not base64"
