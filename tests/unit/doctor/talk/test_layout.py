import pytest

from gatepost.doctor.talk.effects import Show, Tone
from gatepost.doctor.talk.guide import Choice
from gatepost.doctor.talk.layout import choices, lines, plain

LONG = "one two three four five six seven eight nine ten eleven twelve"


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        (Show("+OK", Tone.SERVER), ["+OK"]),
        (Show("UIDL", Tone.SERVER, "unique"), ["UIDL" + " " * 24 + "unique"]),
        (Show("x" * 30, Tone.SERVER, "note"), ["x" * 30 + "  note"]),
        (Show("x" * 36, Tone.SERVER, "a note"), ["x" * 36, "    a note"]),
        (Show("a\tb", Tone.SERVER, "note"), ["a\tb" + " " * 19 + "note"]),
        (Show(LONG, Tone.NOTE), ["    one two three four five six seven", "    eight nine ten eleven twelve"]),
        (Show(LONG, Tone.WARNING), ["! one two three four five six seven", "  eight nine ten eleven twelve"]),
        (Show("  " + LONG), ["  one two three four five six seven", "  eight nine ten eleven twelve"]),
    ],
)
def test_lines_of_a_terminal(show, expected):
    assert list(lines(show, 40, colour=False)) == expected


def test_colours_are_quiet_and_end():
    assert list(lines(Show("x", Tone.NOTE), 40, colour=True)) == ["\x1b[2m    x\x1b[0m"]
    assert list(lines(Show("x", Tone.WARNING), 40, colour=True)) == ["\x1b[1m! x\x1b[0m"]
    assert list(lines(Show("+OK", Tone.SERVER, "fine"), 60, colour=True)) == ["+OK" + " " * 25 + "\x1b[2mfine\x1b[0m"]


def test_a_narrow_terminal_is_no_reason_to_fail():
    assert next(iter(lines(Show(LONG, Tone.NOTE), 1, colour=False))) == "    one two three four five"


def test_choices_are_a_table():
    found = [Choice("CAPA", "list what the server can do"), Choice("AUTHENTICATE", "log in"), Choice("X")]
    assert list(choices(found, 40, colour=False)) == [
        "  CAPA          list what the server ca", "  AUTHENTICATE  log in", "  X",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        (Show("+OK", Tone.SERVER), [("+OK", True)]),
        (Show("UIDL", Tone.SERVER, "unique"), [("UIDL", True), ("# UIDL: unique", False)]),
        (Show("x" * 40, Tone.SERVER, "note"), [("x" * 40, True), ("# note", False)]),
        (Show("take care", Tone.WARNING), [("# ! take care", False)]),
        (Show("so", Tone.NOTE), [("# so", False)]),
    ],
)
def test_a_pipe_gets_the_server_on_one_side_and_us_on_the_other(show, expected):
    assert list(plain(show)) == expected
