import pytest

from gatepost.pop3 import commands as c
from gatepost.pop3 import texts
from gatepost.pop3.parse import USUAL, NotAReplyError, command, response, status
from gatepost.pop3.replies import FatalError, RefusedError, Status


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"QUIT", c.Quit()), (b"quit", c.Quit()), (b"Stat ", c.Stat()), (b"NOOP", c.Noop()), (b"RSET", c.Rset()),
        (b"CAPA", c.Capa()), (b"STLS", c.Stls()), (b"UTF8", c.Utf8()), (b"LIST", c.ListSizes()),
        (b"LIST 12", c.ListSizes(12)), (b"UIDL", c.Uidl()), (b"UIDL  7 ", c.Uidl(7)), (b"RETR 007", c.Retr(7)),
        (b"DELE 1", c.Dele(1)), (b"TOP 1 0", c.Top(1, 0)), (b"USER alice", c.User("alice")),
        (b"USER  a b ", c.User("a b")), ("USER jürgen".encode(), c.User("jürgen")), (b"PASS  a b ", c.Pass(" a b ")),
        (b"APOP x y", c.Apop()), (b"AUTH", c.ListMechanisms()), (b"auth plain", c.Auth("PLAIN")),
        (b"AUTH PLAIN =", c.Auth("PLAIN", b"")), (b"AUTH PLAIN AGE=", c.Auth("PLAIN", b"\0a")),
        (b"LANG", c.Lang()), (b"LANG *", c.Lang("*")), (b"LANG de-AT", c.Lang("de-AT")),
    ],
)  # fmt: skip
def test_commands(line, expected):
    assert command(line) == expected


def test_what_is_usual_means_what_it_would_mean_to_anybody():
    assert {type(usual) for usual in USUAL.values()} == {
        c.Stat, c.Noop, c.Rset, c.ListSizes, c.Uidl, c.Retr, c.Dele,
    }  # fmt: skip
    for line, usual in USUAL.items():
        assert line.endswith(b"\r\n")
        assert command(line[:-2]) == usual


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"", texts.UNKNOWN_COMMAND), (b" QUIT", texts.UNKNOWN_COMMAND), (b"XTND XMIT", texts.UNKNOWN_COMMAND),
        (b"\x16\x03\x01", texts.UNKNOWN_COMMAND), (b"QUIT\r", texts.UNKNOWN_COMMAND), (b"STAT 1", texts.NO_ARGUMENT),
        (b"RETR", texts.NEEDS_NUMBER), (b"RETR +1", texts.NEEDS_NUMBER), ("RETR ²".encode(), texts.NEEDS_NUMBER),
        (b"DELE 1 2", texts.NEEDS_NUMBER), (b"LIST x", texts.NEEDS_NUMBER), (b"TOP 1", texts.NEEDS_LINES),
        (b"TOP x 1", texts.NEEDS_LINES), (b"TOP 1 x", texts.NEEDS_LINES), (b"USER", texts.NEEDS_NAME),
        (b"USER  ", texts.NEEDS_NAME), (b"PASS", texts.NEEDS_PASSWORD), (b"PASS a\0b", texts.NOT_TEXT),
        (b"PASS a\rb", texts.NOT_TEXT), (b"USER \xff", texts.NOT_TEXT), (b"AUTH PLAIN !", texts.NOT_BASE64),
        (b"AUTH PLAIN a b", texts.MECHANISM_UNKNOWN), (b"AUTH \xff", texts.MECHANISM_UNKNOWN),
        (b"LANG a b", texts.NEEDS_LANGUAGE), (b"LANG d_e", texts.NEEDS_LANGUAGE), (b"LANG \xff", texts.NEEDS_LANGUAGE),
    ],
)  # fmt: skip
def test_what_is_refused(line, text):
    with pytest.raises(RefusedError) as refused:
        command(line)
    assert refused.value.text is text
    assert not isinstance(refused.value, FatalError)


@pytest.mark.parametrize(
    ("line", "text", "numbers"),
    [
        (b"GET / HTTP/1.1", texts.SPEAKS_HTTP, ()), (b"host: example.com", texts.SPEAKS_HTTP, ()),
        (b"EHLO x", texts.SPEAKS_SMTP, (465,)), (b"a1 login x y", texts.SPEAKS_IMAP, (993,)),
        (b"* ID NIL", texts.SPEAKS_IMAP, (993,)),
    ],
)  # fmt: skip
def test_other_protocols_end_the_connection(line, text, numbers):
    with pytest.raises(FatalError) as refused:
        command(line)
    assert (refused.value.text, refused.value.numbers) == (text, numbers)


def test_responses():
    assert response(b"*") == c.Abort()
    assert response(b"") == c.Response(b"")
    assert response(b"QQ==") == c.Response(b"A")
    with pytest.raises(RefusedError):
        response(b"Q")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"+OK", Status(True, "")), (b"+OK hello", Status(True, "hello")),
        (b"-ERR [sys/temp] later", Status(False, "later", "SYS/TEMP")), (b"-ERR [open", Status(False, "[open")),
        (b"-ERR \xff", Status(False, "\ufffd")),
    ],
)  # fmt: skip
def test_status(line, expected):
    assert status(line) == expected


@pytest.mark.parametrize("line", [b"", b"* OK IMAP", b"220 smtp", b"+OKAY", b"+ok"])
def test_what_is_no_status(line):
    with pytest.raises(NotAReplyError):
        status(line)


def test_numbers_of_any_length_are_read():
    for digits in (b"9" * 30, b"9" * 5000):
        assert command(b"RETR " + digits) == command(b"RETR 18446744073709551615")
        assert command(b"TOP 1 " + digits) == c.Top(1, (1 << 64) - 1)
