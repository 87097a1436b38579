"""What judges read of a contact, and how a finding says what it is about."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.judge.pen import Pen, capabilities, readable, session, speaks_tls, subject
from gatepost.doctor.judge.words import best_match
from support.wire_facts import BOOK, VERIFIED, can, contact, dial, failed_handshake, target, untrusted


def test_the_subject_names_the_address_once() -> None:
    by_address = replace(contact(), target=target(host="192.0.2.1"))
    assert subject(contact()) == "pop3s mail.example.com:995 (192.0.2.1)"
    assert subject(by_address) == "pop3s 192.0.2.1:995"
    assert subject(replace(contact(), dial=dial(995, address="2001:db8::1"))).endswith("(2001:db8::1)")


def test_evidence_is_printable_and_bounded() -> None:
    found = Pen(contact(), BOOK)("G1", b"\x1b]0;owned\x07\r\n" + b"x" * 4000)
    assert found.evidence.isprintable()
    assert len(found.evidence) <= 500


def test_lines_stand_beside_each_other() -> None:
    assert readable(b"534-5.7.9 One\r\n534 5.7.9 two \xff\r\n") == "534-5.7.9 One / 534 5.7.9 two \\xff"


@pytest.mark.parametrize("host", ["$(reboot)", "a b", "-x"])
def test_a_command_never_holds_a_strange_host(host: str) -> None:
    found = Pen(replace(contact(), target=target(host=host)), BOOK)("T1")
    assert host not in found.command


def test_the_session_is_the_verified_one_or_the_other() -> None:
    assert session(contact()) is VERIFIED
    assert session(untrusted(code=18)) == replace(VERIFIED, verified=False)
    assert session(contact(handshake=failed_handshake("reset"))) is None


def test_speaks_tls() -> None:
    assert not speaks_tls(None)
    assert not speaks_tls(failed_handshake("WRONG_VERSION_NUMBER"))
    assert speaks_tls(failed_handshake("SSLV3_ALERT_HANDSHAKE_FAILURE"))
    assert speaks_tls(failed_handshake("DH_KEY_TOO_SMALL"))


def test_capabilities_inside_tls_go_first() -> None:
    inside, before = can(("A",)), can(("B",))
    assert capabilities(contact(inside_tls=inside, before_tls=before)) is inside
    assert capabilities(contact(inside_tls=None, before_tls=before)) is before
    assert capabilities(contact(inside_tls=None)) is None


def test_a_known_provider_explains_its_own_words() -> None:
    words = b"a1 NO [AUTHENTICATIONFAILED] Authentication failed\r\n"
    icloud = BOOK.row("I1").provider
    found = [best_match(words, "imap", provider, BOOK) for provider in (icloud, "Fastmail", "")]
    assert [each and each.id for each in found][:2] == ["I1", "A1"]
    assert best_match(b"xyzzy", "imap", "", BOOK) is None
