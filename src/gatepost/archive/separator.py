"""The line that begins a message in an mbox: `From sender date`, in all forms that programs have written (RFC 4155).

The date alone tells it from a sentence that begins with "From ". It is asctime's in the standard; in the field the year
stands before the time, zones stand before or behind the year, seconds are missing, and there are the dates of RFC 5322,
of ISO 8601 and of `date`. The sender may be anything: empty, `-`, `???@???`, quoted, with blanks, `a at b`.
Thunderbird of today writes no date at all; then the header behind the line must tell.
"""

from __future__ import annotations

import re
from calendar import timegm
from typing import Final

from msgspec import Struct

from gatepost.numbers import number

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_DAEMON: Final = b"MAILER-DAEMON"
"""The sender that programs write who know none: whoever exports mail of any form, and then it may have no header."""

LINE: Final = 1000
"""Octets of a separator; a longer line is none (RFC 5322 §2.1.1 allows 998)."""

HEAD: Final = 8 * 1024
"""Octets behind a separator in which a header is looked for."""

_MONTH: Final = rb"(?P<m>%s)[a-z]{0,6}\.?" % "|".join(MONTHS).encode()
_TIME: Final = rb"(?P<h>\d{1,2}):(?P<i>\d\d)(?::(?P<s>\d\d)(?:[.,]\d{1,9})?)?(?:\s?(?P<half>[AaPp])\.?[Mm]\b\.?)?"
_TAIL: Final = rb"(?P<tail>Z\b|[+-]\d\d:?\d\d|(?:\s+\S{1,12}){0,5})"
_FORMS: Final = tuple(
    re.compile(rb"(?:^|(?<=[\s,>\"]))" + form + _TIME + _TAIL, re.IGNORECASE)
    for form in (
        # Dec  6 23:14:04 2023 · Dec 06 2023 23:14:04 · 6 Dec 23:14:04 CET 2023 · 06-Dec-2023 23:14
        rb"(?:" + _MONTH + rb"\s+(?P<d>\d{1,2})|(?P<d2>\d{1,2})[\s-]+" + _MONTH.replace(b"<m>", b"<m2>") + rb"),?[\s-]+"
        rb"(?:(?P<y>\d{4}|\d\d(?=\s)),?\s+)?",
        # 2023-12-06 23:14:04 · 2023-12-06T23:14:04Z
        rb"(?P<y>\d{4})[-/](?P<n>\d\d)[-/](?P<d>\d\d)[T\s]\s*",
        # 06.12.2023 23:14 · 12/06/2023 11:14 PM
        rb"(?P<n2>\d{1,2})(?P<by>[./])(?P<n>\d{1,2})[./](?P<y>\d{4}),?\s+",
    )
)
_ZONE: Final = re.compile(rb"\(?(?:[A-Za-z]{1,5}(?:[+-]\d{1,4})?|[+-]\d\d:?\d\d)\)?")

_HOURS: Final = {
    b"est": -5, b"edt": -4, b"cst": -6, b"cdt": -5, b"mst": -7, b"mdt": -6, b"pst": -8, b"pdt": -7,
    b"cet": 1, b"met": 1, b"mez": 1, b"cest": 2, b"mest": 2, b"mesz": 2, b"bst": 1, b"eet": 2, b"eest": 3, b"msk": 3,
    b"jst": 9,
}  # fmt: skip
"""RFC 5322 §4.3, and what Europe and Japan write; an unknown name counts as UTC, as it does there."""

_OFFSET: Final = re.compile(rb"([+-])(\d\d):?(\d\d)")
_FIELD: Final = re.compile(rb"[!-9;-~]{1,100}[ \t]*:")
_KNOWN: Final = re.compile(
    rb"(?mi)^(from|date|received|message-id|return-path|subject|to|reply-to|delivered-to|envelope-to|mime-version"
    rb"|content-type|x-mozilla-status2?|x-mozilla-keys|x-account-key|x-uidl|x-gm-thrid|x-gmail-labels|status)[ \t]*:"
)
_QUOTED: Final = re.compile(rb"(?:>+From [^\r\n]*(?:\r\n|\n|\r)){1,20}")
"""The stations of a message that came by UUCP (RFC 976 §2.4)."""


def line(data: bytes) -> bytes:
    """The first line with its end (LF, CRLF or CR); empty if it does not end within `LINE` and more follows."""
    found = re.match(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)", data[:LINE])
    return found[0] if found and (found[0][-1:] in b"\r\n" or len(data) < LINE) else b""


def date(text: bytes) -> int | None:
    """Seconds since the epoch of the date in a text, 0 at least; None if there is none."""
    for form in _FORMS:
        found = form.search(text)
        if found:
            return _seconds(found.groupdict())
    return None


def _seconds(part: dict[str, bytes | None]) -> int | None:
    zones, behind = _tail((part["tail"] or b"").split())
    digits = part.get("y") or behind
    year = number(digits, 9999)
    hour, minute, second = (number(part[key] or b"0", most) for key, most in (("h", 23), ("i", 59), ("s", 60)))
    month, day = _month_and_day(part)
    if year is None or hour is None or minute is None or second is None or not month or not day:
        return None
    if len(digits) == 2:
        year += 1900 if year >= 70 else 2000
    if part["half"]:
        hour = hour % 12 + 12 * (part["half"] in b"pP")
    # Year 0 has the form of a date and is none: the nearest year that can be reckoned with.
    return max(timegm((max(year, 1), month, day, hour, minute, second)) - _offset(zones), 0)


def _tail(words: list[bytes]) -> tuple[list[bytes], bytes]:
    """What stands behind the time: zones, with or without a year in front, among or behind them."""
    zones: list[bytes] = []
    year = b""
    for word in words:
        if not year and word.isdigit() and len(word) in {2, 4}:
            year = word
        elif _ZONE.fullmatch(word):
            zones.append(word)
        else:
            break
    return zones, year


def _month_and_day(part: dict[str, bytes | None]) -> tuple[int, int]:
    """Both from 1; 0 for what is none."""
    name = part.get("m") or part.get("m2")
    if name:
        day = number(part.get("d") or part.get("d2") or b"", 31) or 0
        return MONTHS.index(name.decode().capitalize()) + 1, day
    first, second = number(part.get("n2") or b"", 31), number(part["n"] or b"", 31) or 0
    if first is None:
        return (second if second <= 12 else 0), number(part.get("d") or b"", 31) or 0
    by_day = part["by"] == b"." or first > 12
    month, day = (second, first) if by_day else (first, second)
    return (month if month <= 12 else 0), day


def _offset(zones: list[bytes]) -> int:
    """Seconds east of UTC."""
    found = next((given for zone in zones if (given := _OFFSET.search(zone))), None)
    if found:
        seconds = int(found[2]) * 3600 + int(found[3]) * 60
        return seconds if found[1] == b"+" else -seconds
    names = [zone.strip(b"()").lower() for zone in zones]
    return 3600 * (next((_HOURS[name] for name in names if name in _HOURS), 0) + (b"dst" in names))


def header_follows(head: bytes) -> bool:
    """Whether what follows a separator begins with a header field, behind the quoted stations of UUCP."""
    stations = _QUOTED.match(head) if head.startswith(b">") else None
    return _FIELD.match(head, stations.end() if stations else 0) is not None


def mail_follows(head: bytes) -> bool:
    """Whether it is a header as mail has it: at least two of the fields that hardly anything else has."""
    if not header_follows(head):
        return False
    plain = head.replace(b"\r\n", b"\n").replace(b"\r", b"\n").partition(b"\n\n")[0]
    return len({name.lower() for name in _KNOWN.findall(plain)}) > 1


class Verdict(Struct, frozen=True):
    """What a line that begins with `From ` is."""

    separates: bool
    received: int | None = None
    """None if the line has no date that we know."""
    doubt: str = ""
    """Why somebody should have a look, and what was made of the line."""


NO_SEPARATOR: Final = Verdict(separates=False)


def judge(line: bytes, head: bytes, *, blank: bool, first: bool, dateless: bool, bare: bool = False) -> Verdict:
    """Weighs what speaks for a separator.

    `head` is what follows it. `blank`: the line before is empty, or there is none. `first`: it begins the file.
    `dateless`: the file's first separator has no date. `bare`: the file's separators have no empty line before them.
    """
    received = date(line[5:])
    if received is None:
        return _without_date(head, blank=blank, expected=first or dateless)
    if header_follows(head):
        surely = blank or (bare and mail_follows(head))
        why = "it looks like a separator, but has no empty line before it: a message was begun here"
        return Verdict(separates=True, received=received, doubt="" if surely else why)
    if not blank:
        why = "neither an empty line before it nor a header behind it: it was left in its message"
        return Verdict(separates=False, doubt=f"it looks like a separator, but has {why}")
    if first or not head or _DAEMON in line:
        return Verdict(separates=True, received=received)
    why = "it looks like a separator, but has no header behind it: a message was begun here"
    return Verdict(separates=True, received=received, doubt=why)


def _without_date(head: bytes, *, blank: bool, expected: bool) -> Verdict:
    if not mail_follows(head):
        return NO_SEPARATOR
    if not blank:
        why = "no date that we know, and no empty line before it: it was left in its message"
        return Verdict(separates=False, doubt=f"a header follows, but the line has {why}")
    why = "a header follows, but the line has no date that we know: a message was begun here"
    return Verdict(separates=True, doubt="" if expected else why)
