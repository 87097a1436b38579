import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gatepost.doctor.model import Status
from gatepost.doctor.show.words import (
    SIGNS,
    ExitCode,
    exit_code,
    one_line,
    plain,
    seconds,
    status_word,
    utc,
)
from support.doctor_reports import Words, failing, healthy, mixed


def with_verdict(status):
    return replace(healthy(), verdict=replace(healthy().verdict, status=status))


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (healthy(), ExitCode.FINE),
        (with_verdict(Status.INFO), ExitCode.FINE),
        (mixed(), ExitCode.WARNINGS),
        (failing(), ExitCode.FAILS),
        (with_verdict(Status.SKIP), ExitCode.NOT_TESTED),
        (replace(failing(), examined=False), ExitCode.NOT_TESTED),
    ],
)
def test_the_outcome_as_a_number(report, code):
    assert exit_code(report) is code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Grüße, 世界 ✓", "Grüße, 世界 ✓"),
        ("\x1b[2J\x9b31m\x7f", r"\x1b[2J\x9b31m\x7f"),
        ("a\r\nb\tc", "a b c"),
        ("user\N{RIGHT-TO-LEFT OVERRIDE}cod", r"user\u202ecod"),
        ("a\N{ZERO WIDTH SPACE}b\x1b", r"a\u200bb\x1b"),
        ("\udcff", r"\udcff"),
        (
            "Qui\N{NO-BREAK SPACE}? Oui\N{NARROW NO-BREAK SPACE}!",
            "Qui\N{NO-BREAK SPACE}? Oui\N{NARROW NO-BREAK SPACE}!",
        ),
    ],
)
def test_nothing_steers_the_terminal(text, expected):
    assert one_line(text) == expected


@given(st.text())
def test_whatever_comes_is_one_printable_line(text):
    shown = one_line(text)
    assert all(each.isprintable() or each in "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}" for each in shown)
    assert one_line(shown) == shown


def test_plain_letters_for_every_sign():
    assert plain("„a“ \N{EN DASH} b… \N{RIGHT SINGLE QUOTATION MARK}") == '"a" - b... \''
    assert plain("".join(SIGNS.values())).isascii()
    assert len(set(plain("".join(SIGNS.values())))) == len(SIGNS)


@pytest.mark.parametrize(("value", "shown"), [(0.0, "0.00"), (0.213, "0.21"), (1.35, "1.4"), (12.4, "12")])
def test_seconds_are_as_exact_as_needed(value, shown):
    assert seconds(value) == shown


def test_words_and_times():
    assert status_word(Status.FAIL, Words()) == "FAIL"
    assert utc(0) == "1970-01-01T00:00:00Z"
