"""Facts in, (id, status) out: greetings and abilities."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.facts import Capabilities, Contact, Upgrade
from gatepost.doctor.judge.greeting import judge
from support.wire_facts import (
    BEFORE,
    BOOK,
    CLOSED,
    INSIDE,
    LEAF,
    SILENT,
    VERIFIED,
    can,
    contact,
    dial,
    failed_handshake,
    said,
    told,
    unreached,
)

WELL = ("G0", "pass")
REFUSED = b"-ERR what?\r\n"
OUTLOOK = ("IMAP4REV1", "LOGINDISABLED", "AUTH=XOAUTH2")


def greeted(service: str, words: bytes, **facts: object) -> Contact:
    return contact(service, greeting=said(words), plain=said(words), inside_tls=None, before_tls=None, **facts)


def nothing_told(service: str, octets: bytes = b"", **facts: object) -> Contact:
    return contact(service, inside_tls=Capabilities(True, (), octets), **facts)


SPECIMENS = {
    "POP3": (contact(), [WELL]),
    "IMAP": (contact("imaps"), [WELL]),
    "SMTP": (contact("submissions"), [WELL]),
    "POP3 with STLS": (contact("pop3"), [WELL]),
    "IMAP with STARTTLS": (contact("imap"), [WELL, ("G4", "info")]),
    "submission": (contact("submission"), [WELL, ("G6", "info")]),
    "between servers": (contact("smtp"), [WELL, ("G7", "info")]),
    "between servers, with logins": (contact("smtp", inside_tls=can(("AUTH=PLAIN",))), [WELL]),
    "turned away": (greeted("pop3s", b"-ERR go away\r\n"), [("G1", "fail")]),
    "turned away politely": (greeted("imaps", b"* BYE not today\r\n"), [("G1", "fail")]),
    "blocklist": (
        greeted("smtp", b"554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org\r\n"),
        [("G2", "fail")],
    ),
    "throttled": (greeted("submissions", b"421 4.7.0 Too many concurrent SMTP connections\r\n"), [("G3", "fail")]),
    "no STARTTLS, no login": (contact("imap", upgrade=Upgrade(False), inside_tls=None), [WELL]),
    "OAuth only": (contact("imaps", inside_tls=can(OUTLOOK)), [WELL, ("G5", "fail")]),
    "OAuth only, POP3": (
        contact(inside_tls=can(("TOP", "UIDL", "AUTH=XOAUTH2"))),
        [WELL, ("G5", "fail")],
    ),
    "OAuth beside LOGIN": (contact("imaps", inside_tls=can(("IMAP4REV1", "AUTH=XOAUTH2"))), [WELL]),
    "no login inside TLS": (contact("submissions", inside_tls=can(("PIPELINING",))), [WELL, ("A22", "fail")]),
    "HELO disliked": (
        contact("smtp", helo_reply=b"501 Syntactically invalid HELO argument(s)\r\n", inside_tls=None, before_tls=None),
        [WELL, ("G8", "fail")],
    ),
    "HELO disliked in other words": (
        contact("smtp", helo_reply=b"550 you again\r\n", inside_tls=None, before_tls=None),
        [WELL, ("G8", "fail")],
    ),
    "wants TLS first": (
        contact("smtp", helo_reply=b"530 5.7.0 Must issue a STARTTLS command first\r\n", inside_tls=None,
                before_tls=None),
        [WELL, ("G10", "fail")],
    ),
    "knows no EHLO": (
        nothing_told("submissions", b"502 what?\r\n", helo_reply=b"502 what?\r\n"),
        [WELL],
    ),
    "EHLO refused without a word of it": (nothing_told("submissions", helo_reply=b"500 \r\n"), [WELL]),
    "no UIDL": (contact(inside_tls=can(("TOP", "USER"))), [WELL, ("G9", "warn")]),
    "no CAPA": (nothing_told("pop3s", REFUSED), [WELL]),
    "silent after the greeting": (nothing_told("pop3s"), [WELL, ("G14", "warn")]),
    "confused after the greeting": (nothing_told("pop3s", b"?!\r\n"), [WELL, ("G13", "warn")]),
    "not asked": (contact(inside_tls=Capabilities(False)), [WELL]),
    "small messages only": (
        contact("submissions", inside_tls=can(("SIZE 10240000", "AUTH=PLAIN"))),
        [WELL, ("G18", "info")],
    ),
    "no limit": (contact("submissions", inside_tls=can(("SIZE 0", "AUTH=PLAIN"))), [WELL]),
    "strange limit": (contact("submissions", inside_tls=can(("SIZE MANY", "AUTH=PLAIN"))), [WELL]),
    "other name": (
        greeted("submissions", b"220 mx7.example.net ESMTP\r\n"),
        [WELL, ("G12", "info")],
    ),
    "no name": (greeted("submissions", b"220 hello there\r\n"), [WELL]),
    "no certificate to compare with": (
        greeted("smtp", b"220 mx7.example.net ESMTP\r\n", upgrade=None),
        [WELL],
    ),
    "no certificate seen": (
        greeted("submissions", b"220 mx7.example.net ESMTP\r\n", handshake=failed_handshake("X")),
        [WELL],
    ),
    "nothing inside TLS": (contact(greeting=CLOSED, inside_tls=None), [("G16", "fail")]),
    "nothing before TLS": (contact("pop3", greeting=SILENT), []),
    "nothing, because TLS was refused": (
        contact(greeting=CLOSED, handshake=failed_handshake("UNEXPECTED_EOF")),
        [],
    ),
    "nothing, because TLS broke": (
        contact(greeting=CLOSED, handshake=replace(VERIFIED, error="TLSV13_ALERT_CERTIFICATE_REQUIRED")),
        [],
    ),
    "passwords in the clear": (
        contact("imap", before_tls=can(("IMAP4REV1", "STARTTLS", "AUTH=PLAIN"))),
        [WELL, ("G17", "warn")],
    ),
    "passwords in the clear, LOGIN": (
        contact("imap", before_tls=can(("IMAP4REV1", "STARTTLS"))),
        [WELL, ("G17", "warn")],
    ),
    "passwords in the clear, USER": (
        contact("pop3", before_tls=can((*BEFORE["pop3"], "USER"))),
        [WELL, ("G17", "warn")],
    ),
    "passwords in the clear on this machine": (
        contact("imap", dial=dial(143, address="::1"), before_tls=can(("IMAP4REV1", "STARTTLS"))),
        [WELL],
    ),
    "another protocol": (contact(greeting=said(b"* OK hi\r\n")), []),
    "no greeting waited for": (unreached(), []),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "expected"), SPECIMENS.values(), ids=SPECIMENS)
def test_specimens(seen: Contact, expected: list[tuple[str, str]]) -> None:
    assert told(judge(seen, BOOK)) == expected


def test_what_the_texts_name() -> None:
    (away,) = judge(greeted("pop3s", b"-ERR go \x1b[2Jaway\r\n"), BOOK)
    oauth = judge(contact("imaps", inside_tls=can(OUTLOOK)), BOOK)[1]
    small = judge(contact("submissions", inside_tls=can(("SIZE 10485760", "AUTH=PLAIN"))), BOOK)[1]
    assert away.evidence == "-ERR go \\x1b[2Jaway"
    assert "go " in away.cause
    assert "\x1b" not in away.cause
    assert "OAuth" in oauth.cause
    assert "10.0 MB" in small.cause


def test_a_name_that_the_certificate_covers() -> None:
    leaf = replace(LEAF, names=("*.example.net",), common_name="")
    seen = greeted("submissions", b"220-mx7.example.net ESMTP\r\n", handshake=replace(VERIFIED, chain=(leaf,)))
    assert told(judge(seen, BOOK)) == [WELL]


def test_imap_logins() -> None:
    assert told(judge(contact("imaps", inside_tls=can(("IMAP4REV1", "LOGINDISABLED"))), BOOK)) == [
        WELL,
        ("A22", "fail"),
    ]
    assert INSIDE["imap"]
