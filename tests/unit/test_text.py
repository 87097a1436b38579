"""Nothing of what others say steers a screen, a log or a reader of JSON."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.text import (
    BLANKS,
    SPACES,
    columns,
    cut,
    fill,
    hidden,
    in_encoding,
    is_utf8,
    json_octets,
    paragraphs,
    printable,
    visible,
)

ANY_TEXT = st.text(st.characters(codec=None))
ACUTE = "\N{COMBINING ACUTE ACCENT}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("grün ✓", "grün ✓"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\x9bJ\x7f", "\\x9bJ\\x7f"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\tb\r\nc\u2028d", "a\\tb\\r\\nc\\u2028d"),
        ("a\u200bb\xad\ufeff\xa0", "a\\u200bb\\xad\\ufeff\\xa0"),
        ("\u3164\u2800", "\\u3164\\u2800"),
        ("\udcff", "\\udcff"),
        ("[bold]x[/]", "[bold]x[/]"),
    ],
)
def test_what_steers_or_hides_becomes_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_limit_shows_that_there_was_more() -> None:
    assert printable("abcdef", 6) == "abcdef"
    assert printable("abcdefg", 6) == "abcde…"
    assert printable("\x1b\x1b\x1b", 6) == "\\x1b\\…"


def test_what_is_wanted_stays() -> None:
    assert printable("a\tb\xa0c\x1b", kept="\t\xa0") == "a\tb\xa0c\\x1b"
    assert paragraphs("Qui\xa0?\n\tx\x1b") == "Qui\xa0?\n        x\\x1b"


def test_marks_stay_on_their_own_letter_and_are_few() -> None:
    assert printable(f"e{ACUTE}") == f"e{ACUTE}"
    assert printable("e" + ACUTE * 6 + "x") == "e" + ACUTE * 6 + "x"
    assert printable("e" + ACUTE * 5000 + "x") == "e" + ACUTE * 6 + "…x"
    assert printable(ACUTE * 3 + "a") == "…a"
    assert printable(f"a\n{ACUTE}b", kept="\n") == "a\n…b"


@given(ANY_TEXT, st.integers(1, 20))
def test_whatever_comes(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert all(map(visible, shown))
    assert len(shown) <= limit
    assert printable(printable(text)) == printable(text)


def test_blanks_are_what_python_takes_for_letters() -> None:
    assert all(blank.isprintable() and not visible(blank) for blank in BLANKS)
    assert not any(map(visible, SPACES))


@given(ANY_TEXT)
def test_json_is_printable_and_loses_nothing(text: str) -> None:
    octets = json_octets({"b": text, "a": [text]}, order="sorted")
    assert all(0x20 <= octet <= 0x7E for octet in octets)
    assert json.loads(octets) == {"a": [text], "b": text}


def test_json_of_structs_and_of_strange_values() -> None:
    class Row(msgspec.Struct):
        name: str
        more: object = None

    assert json_octets([Row("é", {1, 2}.__class__)]) == b'[{"name":"\\u00e9","more":"<class \'set\'>"}]'
    assert json_octets({"a": Row("\x7f")}, indent=2) == (
        b'{\n  "a": {\n    "name": "\\u007f",\n    "more": null\n  }\n}'
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("alice@example.com", ()),
        ("jürgen+тест@例え.jp", ()),
        ("al\u200bice\u200b", ("ZERO WIDTH SPACE (U+200B)",)),
        ("a\xa0b\xad", ("NO-BREAK SPACE (U+00A0)", "SOFT HYPHEN (U+00AD)")),
        ("\u202ea", ("RIGHT-TO-LEFT OVERRIDE (U+202E)",)),
        ("\uff41", ("FULLWIDTH LATIN SMALL LETTER A (U+FF41)",)),
        ("\U0001d41a", ("MATHEMATICAL BOLD SMALL A (U+1D41A)",)),
        ("\u3164", ("HANGUL FILLER (U+3164)",)),
        ("a\ufe0f\u034f", ("VARIATION SELECTOR-16 (U+FE0F)", "COMBINING GRAPHEME JOINER (U+034F)")),
        ("\t\x1b\x01", ("TAB (U+0009)", "ESCAPE (U+001B)", "CONTROL CHARACTER (U+0001)")),
        ("\udc80", ("NO CHARACTER (U+DC80)",)),
    ],
)
def test_hidden_characters_have_names(text: str, names: tuple[str, ...]) -> None:
    assert hidden(text) == names


@given(ANY_TEXT)
def test_names_of_hidden_characters_are_plain(text: str) -> None:
    assert all(name.isascii() and name.isprintable() for name in hidden(text))


def test_columns_of_wide_and_combining_letters() -> None:
    assert columns("abc") == 3
    assert columns("日本") == 4
    assert columns(f"e{ACUTE}") == 1
    assert fill("日", 4) == "日  "


def test_cutting_keeps_to_the_width() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 4) == "abc…"
    assert columns(cut("日本日本", 5)) <= 5
    assert cut("日本日本", 5) == "日本…"
    assert cut("abcdef", 5, "...") == "ab..."
    assert cut("abcdef", 1) == "…"
    assert cut("日本", 1, "") == ""


def test_encodings_that_lack_letters() -> None:
    assert in_encoding("é✓\udc80", "utf-8") == "é✓?"
    assert in_encoding("é✓ﬁ", "ascii") == "e?fi"
    assert in_encoding("é✓", "latin-1") == "é?"
    assert is_utf8("UTF8")
    assert not is_utf8(None)
