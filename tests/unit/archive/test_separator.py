from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gatepost.archive.separator import LINE, date, header_follows, judge, line, mail_follows

MORNING = datetime(2023, 12, 6, 9, 14, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("a@x Wed Dec  6 09:14:04 2023", 9),
        ("- Wed Dec 06 2023 09:14:04", 9),
        ("a@x Wed Dec  6 09:14:04 CET 2023", 8),
        ("a@x Wed Dec  6 09:14:04 MET DST 2023", 7),
        ("a@x Wed Dec  6 09:14:04 2023 +0100", 8),
        ("1784@xxx Wed Dec 06 09:14:04 +0000 2023", 9),
        ("a Wed Dec  6 09:14:04 2023 -0500 (EST)", 14),
        ("a Wed Dec  6 09:14:04 PST 2023 remote from h", 17),
        ("a!b!c Wed Dec  6 09:14:04 2023 remote from h", 9),
        ("a Wed, 06 Dec 2023 09:14:04 +0000", 9),
        ("a 6 Dec 23 9:14:04 GMT", 9),
        ("a 06-Dec-2023 09:14:04", 9),
        ("a Wed  6 Dec 09:14:04 CET 2023", 8),
        ("a Wed Dec 06 09:14:04 AM CET 2023", 8),
        ("a Wed Dec 6, 2023 9:14:04 AM", 9),
        ("a Wednesday December 6 09:14:04 2023", 9),
        ("a wed dec  6 09:14:04 2023", 9),
        ("a Wed Dec  6 09:14:04 23", 9),
        ("a 2023-12-06T09:14:04Z", 9),
        ("a 2023-12-06 09:14:04.123 +01:00", 8),
        ("a 12/06/2023 9:14:04 am", 9),
        ("a 06.12.2023 09:14:04", 9),
        ("???@??? Wed Dec 06 09:14:04 2023", 9),
        ("Wed Dec  6 09:14:04 2023", 9),
        ("  Wed Dec  6 09:14:04 2023", 9),
        ('"a b"@x Wed Dec  6 09:14:04 2023', 9),
        ("a at b.c  Wed Dec  6 09:14:04 2023", 9),
        ("a b <a@b> Wed Dec  6 09:14:04 2023", 9),
    ],
)
def test_dates_of_the_field(text: str, hour: int) -> None:
    assert datetime.fromtimestamp(date(text.encode()) or 0, UTC) == MORNING.replace(hour=hour)


def test_times_without_seconds_years_of_two_digits_and_noon() -> None:
    assert date(b"a Thu Jan  1 00:01 1970") == 60
    assert date(b"a Wed Dec  6 09:14:04 99") == date(b"a Wed Dec  6 09:14:04 1999")
    assert date(b"a 1/2/1970 12:01 AM") == date(b"a Fri Jan  2 00:01 1970")
    assert date(b"a 1/2/1970 12:01 PM") == date(b"a Fri Jan  2 12:01 1970")
    assert date(b"a 13/1/1970 00:00") == date(b"a Tue Jan 13 00:00 1970")
    assert date(b"a Fri Dec 31 23:59:59 0000") == 0


@pytest.mark.parametrize(
    "text",
    [
        "", "here on", "Monday at 10:00 we met", "May 5 on we have 10:30 or 2023 or so", "a Wed Dec  6 25:14:04 2023",
        "a Wed Dec 32 10:00:00 2023", "a Wed Foo  6 10:00:00 2023", "a 2023-13-06 09:14", "a 32.13.2023 09:14",
        "a Wed Dec 6", "a Dec 6 10:61 2023",
    ],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert date(text.encode()) is None


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_line_ends_with_any_line_end(end: bytes) -> None:
    assert line(b"From a" + end + b"b") == b"From a" + end


def test_a_line_may_end_with_the_file_and_has_a_limit() -> None:
    assert line(b"From a") == b"From a"
    assert line(b"F" * LINE) == b""
    assert line(b"") == b""


def test_headers_behind_a_separator() -> None:
    assert header_follows(b"Any-Name : x")
    assert header_follows(b">From b remote from c\r\n>From d\r\nA: b")
    assert not header_follows(b">From b\ntext")
    assert not header_follows(b"a b: c")
    assert mail_follows(b"A: b\rFROM: x\rsubject: y\r")
    assert not mail_follows(b"From: x\n\nSubject: y\n")
    assert not mail_follows(b"text")


HEADER = b"From: a\nSubject: b\n\n"
DATED = b"From a Wed Dec  6 09:14:04 2023\n"


@pytest.mark.parametrize(
    ("text", "head", "context", "separates", "doubt"),
    [
        (DATED, HEADER, "", True, "a message was begun here"),
        (DATED, HEADER, "bare", True, ""),
        (DATED, b"Note: x\n\n", "bare", True, "a message was begun here"),
        (DATED, HEADER, "blank", True, ""),
        (DATED, b"\ntext", "blank", True, "a message was begun here"),
        (DATED, b"", "blank", True, ""),
        (DATED, b"text", "blank", True, "a message was begun here"),
        (DATED, b"text", "blank first", True, ""),
        (DATED.replace(b" a ", b" MAILER-DAEMON "), b"text", "blank", True, ""),
        (DATED, b"text", "", False, "left in its message"),
        (b"From \n", HEADER, "blank", True, "a message was begun here"),
        (b"From \n", HEADER, "blank first", True, ""),
        (b"From \n", HEADER, "blank dateless", True, ""),
        (b"From \n", HEADER, "", False, "left in its message"),
        (b"From here on\n", b"text", "blank", False, ""),
    ],
)
def test_what_speaks_for_a_separator(text: bytes, head: bytes, context: str, separates: bool, doubt: str) -> None:
    words = context.split()
    verdict = judge(
        text, head, blank="blank" in words, first="first" in words, dateless="dateless" in words, bare="bare" in words
    )
    assert verdict.separates == separates
    assert verdict.doubt.endswith(doubt)
    assert bool(verdict.doubt) == bool(doubt)
    assert (verdict.received is None) == ((text != DATED and b"DAEMON" not in text) or not separates)
