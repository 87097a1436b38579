from __future__ import annotations

from gatepost.mime.headers import (
    FIELDS,
    HEADER_OCTETS,
    VALUE_OCTETS,
    fields,
    first_fields,
    header_end,
    unfold,
)


def test_the_header_ends_after_its_empty_line() -> None:
    assert header_end(b"A: 1\r\n\r\nbody") == 8
    assert header_end(b"\r\nbody") == 2
    assert header_end(b"A: 1\r\nno body") == 13
    assert header_end(b"") == 0


def test_fields_are_unfolded_and_named_in_lower_case() -> None:
    block = b"Subject: one\r\n two\r\n\tthree\r\nnot a field\r\nX-Odd : v \r\n\r\n"
    assert list(fields(block)) == [(b"subject", b"one two\tthree"), (b"x-odd", b"v")]
    assert unfold(b"a\r\n\tb") == b"a\tb"


def test_the_first_of_equal_fields_counts() -> None:
    assert first_fields(b"A: 1\r\na: 2\r\nB: 3\r\n", frozenset({b"a"})) == {b"a": b"1"}


def test_only_so_many_fields_and_octets_are_read() -> None:
    assert len(list(fields(b"A: 1\r\n" * (FIELDS + 5)))) == FIELDS
    assert len(dict(fields(b"A: " + b"x" * (VALUE_OCTETS + 100)))[b"a"]) <= VALUE_OCTETS
    folded = b"A: x\r\n" + b" y\r\n" * HEADER_OCTETS
    assert len(dict(fields(folded))[b"a"]) <= VALUE_OCTETS
    assert b"b" not in dict(fields(b"A: " + b"x" * HEADER_OCTETS + b"\r\nB: 1\r\n"))
