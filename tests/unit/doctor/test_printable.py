"""Nothing of what others say steers a screen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.doctor.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("grün ✓", "grün ✓"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\x9bJ", "\\x9bJ"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\tb\r\nc", "a\\tb\\r\\nc"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_steers_becomes_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_limit_shows_that_there_was_more() -> None:
    assert printable("abcdef", 6) == "abcdef"
    assert printable("abcdefg", 6) == "abcde…"
    assert printable("\x1b\x1b\x1b", 6) == "\\x1b\\…"


def test_what_is_wanted_stays() -> None:
    assert printable("a\tb\xa0c\x1b", kept="\t\xa0") == "a\tb\xa0c\\x1b"


@given(st.text(), st.integers(1, 20))
def test_whatever_comes(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
