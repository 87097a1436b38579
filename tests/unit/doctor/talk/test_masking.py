import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.doctor.talk.masking import Scrubber, decode64, hidden_from, masked, spoken


@pytest.mark.parametrize(
    ("protocol", "line", "shown"),
    [
        ("pop3", "PASS hunter2", "PASS [secret]"),
        ("pop3", "pass hunter2 and more", "pass [secret]"),
        ("pop3", "  PASS   hunter2", "  PASS   [secret]"),
        ("pop3", "APOP alice c4c9334b", "APOP alice [secret]"),
        ("pop3", "AUTH PLAIN AGFsaWNlAGI=", "AUTH PLAIN [secret]"),
        ("pop3", "/raw PASS hunter2", "/raw PASS [secret]"),
        ("smtp", "auth login YWxpY2U=", "auth login [secret]"),
        ("smtp", "PASS hunter2", "PASS [secret]"),
        ("imap", "LOGIN alice hunter2", "LOGIN [secret]"),
        ("imap", "x1 LOGIN alice hunter2", "x1 LOGIN [secret]"),
        ("imap", "x1 authenticate plain AGFsaWNlAGI=", "x1 authenticate plain [secret]"),
        ("imap", "/raw x1 LOGIN alice hunter2", "/raw x1 LOGIN [secret]"),
        ("imap", "PASS hunter2", "PASS [secret]"),
        ("pop3", "/auth alice hunter2", "/auth alice [secret]"),
    ],
)
def test_secrets_are_hidden(protocol, line, shown):
    assert masked(line, hidden_from(protocol, line)) == shown


@pytest.mark.parametrize(
    ("protocol", "line"),
    [
        ("pop3", "USER alice"),
        ("pop3", "PASS"),
        ("pop3", "PASS "),
        ("pop3", "AUTH"),
        ("pop3", "AUTH PLAIN"),
        ("pop3", "X PASS hunter2"),
        ("imap", "SEARCH LOGIN hunter2"),
        ("imap", "a1 SELECT INBOX"),
        ("imap", ""),
        ("smtp", "MAIL FROM:<pass@example.com>"),
        ("pop3", "/auth alice"),
        ("pop3", "/auth alice scram"),
        ("pop3", "/auth alice user"),
        ("pop3", "/auth alice "),
    ],
)
def test_what_is_no_secret_is_shown(protocol, line):
    assert masked(line, hidden_from(protocol, line)) == line


PASSWORD = "tr0ub4dor&3 x"


@pytest.mark.parametrize(
    "typed",
    [
        PASSWORD,
        f'alice "{PASSWORD}"',
        base64.b64encode(PASSWORD.encode()).decode(),
        base64.b64encode(f"\0alice\0{PASSWORD}".encode()).decode(),
    ],
)
@pytest.mark.parametrize(
    "echo",
    [
        PASSWORD.encode(),
        base64.b64encode(PASSWORD.encode()),
        base64.b64encode(f"\0alice\0{PASSWORD}".encode()),
        PASSWORD.encode().hex().encode(),
    ],
)
def test_an_echo_is_cleaned_in_every_form(typed, echo):
    scrubber = Scrubber()
    scrubber.remember(typed)
    assert echo not in scrubber.clean(b"-ERR what is " + echo + b" for a command?")


def test_a_quoted_secret_is_remembered_as_it_is_meant():
    scrubber = Scrubber()
    scrubber.remember(r'"al ice" "se\"cret"')
    assert scrubber.clean(b'it was se"cret!') == b"it was [secret]!"


@pytest.mark.parametrize("typed", ["", "  ", "abc", '""'])
def test_what_is_too_short_is_everywhere_and_stays(typed):
    scrubber = Scrubber()
    scrubber.remember(typed)
    assert scrubber.clean(b"+OK abc") == b"+OK abc"


def test_only_the_latest_secrets_are_remembered():
    scrubber = Scrubber()
    for number in range(100):
        scrubber.remember(f"password{number}")
    assert scrubber.clean(b"password99 password0") == b"[secret] password0"


@pytest.mark.parametrize(
    ("text", "said"),
    [("YWI=", b"ab"), (" YWI= ", b"ab"), ("", b""), ("YWI", None), ("hé", None), ("\udcff", None)],
)
def test_base64(text, said):
    assert decode64(text) == said


@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        (b"plain\ttext", "plain\ttext"),
        ("größer\u00a0☺".encode(), "größer\u00a0☺"),
        (b"\x1b[2J\x07\x00", r"\x1b[2J\x07\x00"),
        ("\u202eevil\u009b".encode(), r"\u202eevil\x9b"),
        (b"\xff\r", r"\xff\r"),
    ],
)
def test_octets_are_made_harmless(octets, shown):
    assert spoken(octets) == shown


@settings(max_examples=50)
@given(st.binary(max_size=60))
def test_nothing_steers_a_terminal(octets):
    assert all(sign.isprintable() or sign == "\t" or sign.isspace() for sign in spoken(octets))
    assert not set(spoken(octets)) & {"\n", "\r", "\x1b", "\x0b", "\x0c", "\x85"}
