"""Facts in, (id, status) out: what speaks there, and when TLS begins."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.facts import Capabilities, Contact, Upgrade
from gatepost.doctor.judge.mode import judge
from support.wire_facts import (
    BEFORE,
    BOOK,
    CLOSED,
    SILENT,
    VERIFIED,
    can,
    contact,
    failed_handshake,
    said,
    target,
    told,
    unreached,
    untrusted,
)

WRONG = failed_handshake("WRONG_VERSION_NUMBER")


def in_the_clear(service: str, words: bytes, port: int | None = None) -> Contact:
    """A TLS port that greets without TLS."""
    seen = contact(service, handshake=WRONG, plain=said(words), greeting=None, inside_tls=None)
    return replace(seen, target=target(service, port=port)) if port else seen


def upgraded(service: str = "imap", **changes: object) -> Contact:
    healthy = contact(service)
    assert healthy.upgrade
    return replace(healthy, upgrade=replace(healthy.upgrade, **changes))


def stripped(service: str, items: tuple[str, ...]) -> Contact:
    return contact(service, before_tls=can(items), upgrade=None, inside_tls=None)


MASKED = b"220 ****************************\r\n"
SPECIMENS = {
    "TLS at once": (contact(), [("X0", "pass")]),
    "TLS at once, bad certificate": (untrusted(code=10), [("X0", "pass")]),
    "TLS at once, alert": (contact(handshake=failed_handshake("TLSV1_ALERT_PROTOCOL_VERSION")), [("X0", "pass")]),
    "STARTTLS": (contact("submission"), [("X0", "pass"), ("X22", "pass")]),
    "STARTTLS, injection not tried": (upgraded(command_injected=None), [("X0", "pass")]),
    "STARTTLS, bad certificate": (untrusted("imap", code=18), [("X0", "pass"), ("X22", "pass")]),
    "TLS on a STARTTLS port": (
        contact("pop3", plain=SILENT, greeting=None, handshake=VERIFIED, upgrade=None),
        [("X1", "fail")],
    ),
    "plaintext on a TLS port": (in_the_clear("pop3s", b"+OK Dovecot ready.\r\n"), [("X2", "fail")]),
    "web server": (in_the_clear("imaps", b"HTTP/1.1 400 Bad Request\r\n"), [("X3", "fail")]),
    "web server, once asked": (
        contact("pop3", plain=SILENT, greeting=None, poked=said(b"HTTP/1.0 400 Bad Request\r\n")),
        [("X3", "fail")],
    ),
    "sign-in page": (in_the_clear("imaps", b"HTTP/1.1 302 Found\r\nLocation: /login\r\n"), [("X31", "fail")]),
    "sign-in page that says so": (in_the_clear("imaps", b"HTTP/1.1 511 Sign in\r\n"), [("X31", "fail")]),
    "SSH": (in_the_clear("imaps", b"SSH-2.0-OpenSSH_9.2p1\r\n"), [("X4", "fail")]),
    "POP3 on an IMAP port": (contact("imap", plain=said(b"+OK ready\r\n"), greeting=None), [("X5", "fail")]),
    "IMAP inside TLS on a POP3 port": (contact(greeting=said(b"* OK ready\r\n")), [("X5", "fail")]),
    "SMTP in the clear on an IMAP port": (in_the_clear("imaps", b"220 mail.example.com ESMTP\r\n"), [("X5", "fail")]),
    "another program": (contact("pop3", plain=said(b"hello?\r\n"), greeting=None), [("X17", "fail")]),
    "no STARTTLS": (stripped("submission", ("PIPELINING",)), [("X6", "fail")]),
    "no STARTTLS, but passwords": (
        stripped("submission", ("AUTH=PLAIN",)),
        [("X6", "fail"), ("X21", "warn")],
    ),
    "no STARTTLS between servers": (stripped("smtp", ("PIPELINING",)), [("X23", "warn")]),
    "never asked": (contact("pop3", before_tls=None, upgrade=None), []),
    "abilities not told": (contact("pop3", before_tls=Capabilities(False), upgrade=None), []),
    "masked banner": (
        contact("smtp", plain=said(MASKED), greeting=said(MASKED), before_tls=can(("XXXXXXXA",)), upgrade=None),
        [("X7", "fail"), ("X23", "warn")],
    ),
    "masked abilities": (
        contact("smtp", before_tls=can(("PIPELINING",), b"250-XXXXXXXA\r\n"), upgrade=None),
        [("X7", "fail"), ("X23", "warn")],
    ),
    "masked banner on a TLS port": (in_the_clear("submissions", MASKED), [("X15", "fail"), ("X7", "fail")]),
    "STARTTLS refused": (
        upgraded(agreed=False, reply=b"a1 NO TLS initialization failed.\r\n", handshake=None),
        [("X8", "fail")],
    ),
    "hung up instead of an answer": (upgraded(agreed=False, reply=b"", handshake=None), [("X9", "fail")]),
    "handshake breaks off after STARTTLS": (
        upgraded(handshake=failed_handshake("UNEXPECTED_EOF"), command_injected=None),
        [("X9", "fail")],
    ),
    "handshake never made after STARTTLS": (upgraded(handshake=None, command_injected=None), [("X9", "fail")]),
    "answers slipped in": (upgraded(extra=b"a2 OK [ALERT] hi\r\n"), [("X10", "fail")]),
    "commands slipped in": (upgraded(command_injected=True), [("X11", "fail")]),
    "PREAUTH in the clear": (
        contact("imap", plain=said(b"* PREAUTH hi\r\n"), greeting=said(b"* PREAUTH hi\r\n"), upgrade=None),
        [("X12", "fail")],
    ),
    "hangs up when TLS begins": (
        contact(handshake=failed_handshake("UNEXPECTED_EOF"), plain=SILENT, poked=CLOSED, greeting=None),
        [("X13", "fail")],
    ),
    "refuses the name": (
        contact(handshake=failed_handshake("UNEXPECTED_EOF"), plain=SILENT, greeting=None, without_sni=VERIFIED),
        [("X20", "fail")],
    ),
    "handshake gets stuck": (
        contact(handshake=failed_handshake("timed out"), plain=SILENT, poked=CLOSED, greeting=None),
        [("X14", "fail")],
    ),
    "465 in the clear": (in_the_clear("submissions", b"220 mail.example.com ESMTP\r\n"), [("X15", "fail")]),
    "SSL on 587": (in_the_clear("submissions", b"220 mail.example.com ESMTP\r\n", 587), [("X16", "fail")]),
    "turned away": (
        contact("smtp", plain=said(b"554 no\r\n"), greeting=said(b"554 no\r\n"), before_tls=None, upgrade=None),
        [],
    ),
    "not reached": (unreached(), []),
    "not reached in the clear": (unreached("submission"), []),
    "turned away at EHLO": (
        replace(stripped("submission", ()), helo_reply=b"550 5.7.1 Go away\r\n"),
        [],
    ),
    "EHLO is unknown": (
        replace(stripped("submission", ("PIPELINING",)), helo_reply=b"502 5.5.1 what?\r\n"),
        [("X6", "fail")],
    ),
    "nothing heard": (contact("pop3", plain=CLOSED, greeting=None), []),
    "mute": (contact("pop3", plain=SILENT, poked=SILENT, greeting=None), []),
    "TLS words in the clear": (
        contact("pop3", plain=SILENT, greeting=None, poked=said(b"\x15\x03\x01\x00\x02\x02\x0a"), upgrade=None,
                before_tls=None),
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "expected"), SPECIMENS.values(), ids=SPECIMENS)
def test_specimens(seen: Contact, expected: list[tuple[str, str]]) -> None:
    assert told(judge(seen, BOOK)) == expected


def test_the_protocols_are_named() -> None:
    (found,) = judge(contact("imap", plain=said(b"+OK ready\r\n"), greeting=None), BOOK)
    assert ("POP3" in found.title, "IMAP" in found.title, found.evidence) == (True, True, "+OK ready")


def test_the_command_asks_for_starttls_in_the_right_protocol() -> None:
    missing = judge(stripped("imap", BEFORE["imap"][:1]), BOOK)[0]
    assert missing.command == "openssl s_client -starttls imap -connect mail.example.com:143"


def test_an_upgrade_that_was_not_offered() -> None:
    seen = contact("imap", before_tls=can(("IMAP4REV1", "LOGINDISABLED")), upgrade=Upgrade(False))
    assert told(judge(seen, BOOK)) == [("X6", "fail")]
