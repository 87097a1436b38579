import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.doctor.talk.editor import KEPT, LONGEST, Editor, Key, Line
from gatepost.text import columns


def typed(keys, *history):
    editor = Editor()
    for line in history:
        editor.remember(line)
    events = list(editor.feed(keys.encode()))
    return editor, events


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("abc", "abc"),
        ("abc\x7fd", "abd"),
        ("\x7f\x08", ""),
        ("abc\x1b[D\x1b[DX", "aXbc"),
        ("abc\x02\x02\x02\x02X", "Xabc"),
        ("abc\x01X\x05Y", "XabcY"),
        ("abc\x1b[H\x1b[CX\x1b[FY", "aXbcY"),
        ("abc\x1bOH\x06\x06\x06\x06X", "abcX"),
        ("abc\x01\x04", "bc"),
        ("abc\x01\x1b[3~", "bc"),
        ("abc\x02\x0b", "ab"),
        ("abc\x02\x15", "c"),
        ("one two  \x17X", "one X"),
        ("one\x17X", "X"),
        ("a\x1bqb", "ab"),
        ("a\x1b[5~b", "ab"),
        ("a\x1b[1;5Cb", "ab"),
        ("a\x1b[1234567890123b", "a123b"),
        ("a\x03", "a"),
        ("grün\x7f\x7fß", "grß"),
        ("a\x1fb\x00", "ab"),
    ],
)
def test_keys(keys, text):
    assert typed(keys)[0].text == text


@pytest.mark.parametrize(
    ("keys", "events"),
    [
        ("a\rb\n", [Line("a"), Line("b")]),
        ("a\r\nb\r", [Line("a"), Line("b")]),
        ("\n\n", [Line(""), Line("")]),
        ("a\t", [Key.TAB]),
        ("\x03", []),
        ("\x04", [Key.END]),
        ("a\x04", []),
    ],
)
def test_events(keys, events):
    assert typed(keys)[1] == events


def test_octets_of_a_character_may_come_one_by_one():
    editor = Editor()
    for octet in "ü".encode():
        list(editor.feed(bytes([octet])))
    assert editor.text == "ü"


def test_a_key_works_when_it_is_its_turn():
    editor = Editor()
    keys = editor.feed(b"one\rtwo")
    assert next(keys) == Line("one")
    assert editor.text == ""
    assert next(keys, None) is None
    assert editor.text == "two"


def test_a_line_has_an_end():
    assert len(typed("x" * (LONGEST + 9))[0].text) == LONGEST


class TestHistory:
    UP, DOWN = "\x1b[A", "\x1b[B"

    @pytest.mark.parametrize(
        ("keys", "text"),
        [
            (UP, "two"),
            (UP + UP, "one"),
            (UP + UP + UP, "one"),
            (UP + DOWN, ""),
            (DOWN, ""),
            ("begun" + UP + DOWN, "begun"),
            ("begun\x10\x10\x0eX", "twoX"),
        ],
    )
    def test_browsing(self, keys, text):
        assert typed(keys, "one", "two")[0].text == text

    def test_it_is_bounded_and_without_repetition(self):
        lines = [f"line {number}" for number in range(KEPT + 10)]
        editor, _ = typed(self.UP * (KEPT + 10), *lines, lines[-1], " ")
        assert editor.text == "line 10"

    def test_after_enter_it_begins_at_its_end(self):
        assert typed(self.UP + "\r" + self.UP, "one", "two")[0].text == "two"


class TestPicture:
    @pytest.mark.parametrize(
        ("keys", "width", "hidden", "picture"),
        [
            ("abc", 10, None, ("abc", 3)),
            ("abc\x02", 10, None, ("abc", 2)),
            ("abcdef", 4, None, ("def", 3)),
            ("abcdef\x01", 4, None, ("abcd", 0)),
            ("PASS secret", 20, 5, ("PASS ******", 11)),
            ("secret", 20, 0, ("******", 6)),
            ("日本", 3, None, ("本", 2)),
            ("e\u0301", 9, None, ("e\u0301", 1)),
            ("abc", 0, None, ("", 0)),
        ],
    )
    def test_what_is_drawn(self, keys, width, hidden, picture):
        assert typed(keys)[0].picture(width, hidden) == picture

    @settings(max_examples=50)
    @given(st.text(max_size=30), st.integers(1, 20))
    def test_it_fits(self, text, width):
        picture, column = typed(text)[0].picture(width, None)
        assert columns(picture) <= width
        assert 0 <= column <= width


def test_put_replaces_up_to_the_cursor():
    editor, _ = typed("AU\x02")
    assert editor.before == "A"
    editor.put(0, "X")
    assert (editor.text, editor.before) == ("XU", "X")
