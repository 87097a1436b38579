"""Facts in, (id, status) out: the login and the mailbox."""

from __future__ import annotations

import pytest

from gatepost.doctor.facts import Contact, Login, Visit
from gatepost.doctor.judge.login import judge, said_no
from support.wire_facts import BOOK, LOGGED_IN, VISITED, contact, told


def refused(reply: bytes, service: str = "imaps", mechanism: str = "PLAIN", seconds: float = 0.1) -> Contact:
    return contact(service, login=Login(mechanism, False, reply, seconds))


def not_tried(error: str, service: str = "imaps") -> Contact:
    return contact(service, login=Login("", False, b"", error=error))


def visited(reply: bytes, service: str = "imaps") -> Contact:
    return contact(service, login=LOGGED_IN, visit=Visit("EXAMINE INBOX", False, reply))


IN, OPENED = ("A0", "pass"), ("B0", "pass")
SPECIMENS = {
    "in, and the mailbox opens": (contact(login=LOGGED_IN, visit=VISITED), "", [IN, OPENED]),
    "in, and the sender is taken": (
        contact("submissions", login=LOGGED_IN, visit=Visit("MAIL FROM:<me@example.com>", True, b"250 2.1.0 Ok\r\n")),
        "",
        [IN, ("B1", "pass")],
    ),
    "in": (contact(login=LOGGED_IN), "", [IN]),
    "not asked for": (contact(), "", []),
    "held back, certificate": (not_tried("certificate not trusted"), "", []),
    "held back, clear": (not_tried("not encrypted"), "", []),
    "no mechanism of ours": (not_tried("no usable mechanism"), "", [("S8", "skip")]),
    "no mechanism, and nothing known": (
        contact(inside_tls=None, login=Login("", False, b"", error="no usable mechanism")),
        "",
        [("A22", "fail")],
    ),
    "strange challenge": (not_tried("unexpected challenge"), "", [("A11", "fail")]),
    "hung up": (not_tried("closed"), "", [("A25", "fail")]),
    "wrong password": (refused(b"a3 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"), "", [("A1", "fail")]),
    "wrong password, POP3": (refused(b"-ERR [AUTH] Authentication failed.\r\n", "pop3s"), "", [("A1", "fail")]),
    "wrong password, SMTP": (refused(b"535 5.7.8 Authentication failed\r\n", "submissions"), "", [("A1", "fail")]),
    "unknown words": (refused(b"a3 NO xyzzy\r\n"), "", [("A1", "fail")]),
    "farewell": (refused(b"* BYE Too many failures\r\n"), "", [("A14", "fail")]),
    "farewell, SMTP": (refused(b"421 4.3.2 xyzzy\r\n", "submissions"), "", [("G1", "fail")]),
    "not understood": (refused(b"a3 BAD parse error\r\n"), "", [("A25", "fail")]),
    "farewell with a reason": (refused(b"* BYE [LIMIT] Too many\r\n"), "", [("A8", "fail")]),
    "needs TLS": (refused(b"a3 NO [PRIVACYREQUIRED] no\r\n"), "", [("A2", "fail")]),
    "server's fault": (refused(b"a3 NO [UNAVAILABLE] Temporary authentication failure.\r\n"), "", [("A3", "fail")]),
    "expired": (refused(b"a3 NO [EXPIRED] Password expired\r\n"), "", [("A5", "fail")]),
    "too many": (
        refused(b"a3 NO [LIMIT] Maximum number of connections from user+IP exceeded\r\n"),
        "",
        [("A8", "fail")],
    ),
    "in use": (refused(b"-ERR [IN-USE] Do you have another POP session running?\r\n", "pop3s"), "", [("A9", "fail")]),
    "too often": (refused(b"-ERR [LOGIN-DELAY] wait\r\n", "pop3s"), "", [("A10", "fail")]),
    "method unknown": (refused(b"504 5.5.4 Unrecognized authentication\r\n", "submissions"), "", [("A11", "fail")]),
    "slow refusal": (
        refused(b"a3 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n", seconds=4.0),
        "",
        [("A1", "fail"), ("A13", "warn")],
    ),
    "CRAM-MD5 refused": (
        refused(b"a3 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n", mechanism="CRAM-MD5"),
        "",
        [("A1", "fail"), ("A21", "fail")],
    ),
    "iCloud": (
        refused(b"a3 NO [AUTHENTICATIONFAILED] Authentication failed\r\n"),
        BOOK.row("I1").provider,
        [("I1", "fail")],
    ),
    "Gmail": (
        refused(
            b"a3 NO [ALERT] Application-specific password required: "
            b"https://support.google.com/accounts/answer/185833 (Failure)\r\n"
        ),
        "",
        [("P4", "fail")],
    ),
    "Gmail's words at another provider": (
        refused(b"535-5.7.8 Username and Password not accepted. For more information, go to BadCredentials\r\n",
                "submissions"),
        "Fastmail",
        [("A1", "fail")],
    ),
    "POP off, told after the login": (
        visited(b"-ERR [SYS/PERM] Your account is not enabled for POP access. Please visit your Gmail settings page "
                b"and enable your account for POP access.\r\n", "pop3s"),
        "",
        [IN, ("P1", "fail")],
    ),
    "mailbox stays shut": (visited(b"a4 NO xyzzy\r\n"), "", [IN, ("A26", "fail")]),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "provider", "expected"), SPECIMENS.values(), ids=SPECIMENS)
def test_specimens(seen: Contact, provider: str, expected: list[tuple[str, str]]) -> None:
    assert told(judge(seen, provider, BOOK)) == expected


def test_letters_outside_ascii() -> None:
    wrong = refused(b"a3 NO [AUTHENTICATIONFAILED] no\r\n")
    assert told(judge(wrong, "", BOOK, ascii_only=False)) == [("A1", "fail"), ("A20", "warn")]
    assert told(judge(not_tried("closed"), "", BOOK, ascii_only=False)) == [("A25", "fail")]


def test_what_happens_at_the_mailbox_belongs_to_its_stage() -> None:
    assert judge(visited(b"a4 NO xyzzy\r\n"), "", BOOK)[1].stage == "mailbox"
    assert judge(visited(b"a4 NO [LIMIT] Too many\r\n"), "", BOOK)[1].stage == "mailbox"


def test_unknown_words_are_less_sure() -> None:
    (unknown,) = judge(refused(b"a3 NO xyzzy\r\n"), "", BOOK)
    assert (unknown.confidence, unknown.evidence) == ("possible", "a3 NO xyzzy")


@pytest.mark.parametrize(
    ("login", "no"),
    [
        (Login("PLAIN", False, b"a3 NO [AUTHENTICATIONFAILED] no\r\n"), True),
        (Login("PLAIN", False, b"* BYE go away\r\n"), False),
        (Login("PLAIN", False, b"a3 BAD what\r\n"), False),
        (Login("", False, b"", error="closed"), False),
        (LOGGED_IN, False),
    ],
)
def test_only_a_judged_password_was_refused(login: Login, no: bool) -> None:
    assert said_no(login) is no


LISTINGS = {
    "sound": (b"+OK\r\n1 a\r\n2 b!~\r\n.\r\n", 0),
    "none at all": (b"+OK\r\n.\r\n", 0),
    "cut off in a line": (b"+OK\r\n1 a\r\n2 b\r\n3 ", 0),
    "doubled": (b"+OK\r\n1 a\r\n2 b\r\n3 a\r\n.\r\n", 2),
    "empty": (b"+OK\r\n1 \r\n2\r\n3 c\r\n.\r\n", 2),
    "with a space": (b"+OK\r\n1 a b\r\n.\r\n", 1),
    "too long": (b"+OK\r\n1 " + b"x" * 71 + b"\r\n.\r\n", 1),
    "not ASCII": (b"+OK\r\n1 \xe4\r\n.\r\n", 1),
}


@pytest.mark.parametrize(("reply", "bad"), LISTINGS.values(), ids=LISTINGS.keys())
def test_names_of_messages_that_cannot_serve(reply: bytes, bad: int) -> None:
    seen = contact(login=LOGGED_IN, visit=VISITED, listing=Visit("UIDL", True, reply))
    found = judge(seen, "", BOOK)
    assert [each.id for each in found] == ["A0", *["B2"] * (bad > 0), "B0"]
    if bad:
        assert f"{bad} messages" in found[1].cause


def test_a_server_without_names_of_messages_is_told_elsewhere() -> None:
    for listing in (None, Visit("UIDL", False, b"-ERR what?\r\n")):
        seen = contact(login=LOGGED_IN, visit=VISITED, listing=listing)
        assert "B2" not in [each.id for each in judge(seen, "", BOOK)]
