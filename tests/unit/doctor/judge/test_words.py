"""A reply is recognised with regard to whose server said it."""

from __future__ import annotations

from gatepost.doctor.judge.words import best_match
from support.wire_facts import BOOK

REFUSED = b"a1 NO [AUTHENTICATIONFAILED] Authentication failed\r\n"


def test_a_known_provider_explains_its_own_words() -> None:
    icloud = BOOK.row("I1").provider
    found = [best_match(REFUSED, "imap", provider, BOOK) for provider in (icloud, "Fastmail")]
    assert [each and each.id for each in found] == ["I1", "A1"]


def test_what_nobody_knows_is_nothing() -> None:
    assert best_match(b"xyzzy \xff", "imap", "", BOOK) is None


def test_a_row_that_says_only_that_it_was_refused_goes_behind_every_other() -> None:
    words = b"NO [UNAVAILABLE] Authentication failed\r\n"
    found = [best_match(words, "imap", "", BOOK, general=general) for general in ("", "A3")]
    assert [each and each.id for each in found] == ["A3", "A1"]
    assert best_match(b"554 mail.example.com no SMTP service here\r\n", "smtp", "", BOOK, general="G1") is None
