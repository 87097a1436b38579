"""Lines, printing, and what may stand in a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.doctor.tongues import TONGUES, tongue_of
from gatepost.doctor.tongues.words import Ask, fits_line, item, line_end, lines_of, readable, text_of, unique


def test_the_three_tongues_are_found_by_the_name_of_their_protocol() -> None:
    assert {name: tongue.name for name, tongue in TONGUES.items()} == {"pop3": "pop3", "imap": "imap", "smtp": "smtp"}
    assert tongue_of("http") is None


def test_lines_end_with_lf_with_or_without_cr() -> None:
    assert lines_of(b"a\r\nb\nc") == [b"a", b"b", b"c"]
    assert lines_of(b"a\r\n") == [b"a"]
    assert lines_of(b"") == []


@pytest.mark.parametrize(
    ("octets", "start", "end"),
    [(b"a\r\nb\n", 0, 3), (b"a\r\nb\n", 3, 5), (b"a\r\nb", 3, 0), (b"a\r", 0, 0), (b"", 0, 0)],
)
def test_where_a_line_ends(octets: bytes, start: int, end: int) -> None:
    assert line_end(octets, start) == end


def test_words_of_servers_are_text_whatever_they_are() -> None:
    assert text_of(b"gr\xc3\xbc\xff") == "grü\\xff"
    assert item(b" sasl  Plain\t") == "SASL PLAIN"
    assert unique(["A", "", "B", "A"]) == ("A", "B")


def test_what_a_terminal_would_obey_is_shown_as_text() -> None:
    assert readable(b"\x1b[31mred\x07", 100) == "\\x1b[31mred\\x07"
    assert readable("\u202egnp.exe".encode(), 100) == "\\u202egnp.exe"
    assert readable(b"abcdef", 6) == "abcdef"
    assert readable(b"abcdefg", 6) == "abcde…"
    assert readable(b"\x1b\x1b\x1b", 6) == "\\x1b\\…"


@given(st.binary(max_size=60), st.integers(1, 50))
def test_printable_is_bounded_and_holds_no_control_characters(octets: bytes, limit: int) -> None:
    shown = readable(octets, limit)
    assert len(shown) <= limit
    assert shown.isprintable()


@pytest.mark.parametrize("word", ["a\r\nQUIT", "a\nb", "a\0b", "a\udcff"])
def test_what_would_break_a_command_does_not_fit(word: str) -> None:
    assert fits_line("alice", "pa ss wörd")
    assert not fits_line("alice", word)


def test_a_command_does_not_show_its_octets() -> None:
    assert repr(Ask(b"PASS hunter2\r\n", "PASS [secret]")) == "Ask('PASS [secret]')"
