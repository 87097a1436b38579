"""Numbers of strangers: whatever they write, nobody raises and nobody computes for long."""

import pytest

from gatepost.numbers import number


@pytest.mark.parametrize("text", ["7", b"7", "007", b"0007"])
def test_digits_are_a_number(text):
    assert number(text, 9) == 7


def test_the_most_is_still_one():
    assert number("65535", 65535) == 65535
    assert number("65536", 65535) is None


@pytest.mark.parametrize(
    "text",
    ["", " 7", "7 ", "+7", "-7", "1_0", "0x7", "\u00b2", "\u0667", "\uff17", "7\n", "\ud800", b"\xb2", b"7\0"],
)
def test_what_is_no_number_is_none(text):
    assert number(text, 1 << 64) is None


def test_more_digits_than_the_interpreter_reads_are_none():
    assert number("1" * 5000, 1 << 64) is None
    assert number(b"0" * 5000, 1 << 64) is None


def test_hexadecimal():
    assert number("fF", 255, 16) == 255
    assert number("0x1", 255, 16) is None
    assert number("f", 255) is None
