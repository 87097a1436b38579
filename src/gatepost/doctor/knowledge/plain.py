"""What a pasted text says, without what differs from one paste to the next. Linear in the text, always."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

HALF: Final = 8_000
TEXT_LIMIT: Final = 2 * HALF + 1
"""Characters of a text that are looked at, half of them from its end: a trace ends with the cause, and a server may
send anything."""
_RAW_HALF: Final = 32_000
"""Characters at both ends of which stack frames are left out first; they fill most of a long trace."""

_ALIKE: Final = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201b`\u00b4", "'")
    | dict.fromkeys('"\u201c\u201d\u201e\u00ab\u00bb', "")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014", "-")
    | dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff")
    | {"\u2026": "..."}
)
"""Quotation marks, dashes and the ellipsis as word processors and web pages turn them, and signs that nobody sees."""
_WRITTEN: Final = {
    "\\/": "/",
    "\\r": " ",
    "\\n": "\n",
    "\\t": " ",
    '\\"': '"',
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&#39;": "'",
    "&#039;": "'",
    "&apos;": "'",
    "&nbsp;": " ",
    "&amp;": "&",
}
"""Signs as JSON, the source texts of programs, and HTML write them."""
_MARKUP: Final = re.compile(
    r"\x1b\[[0-?]{0,20}[ -/]{0,4}[@-~]|</?(?:br|p|b|i|em|strong|code|pre|div|span|li)\b[^<>]{0,200}>", re.IGNORECASE
)
"""Colours of a terminal, and HTML's elements."""
_QUOTED: Final = re.compile(r"(?:> ?){1,20}")
_FRAME: Final = re.compile(
    r"(?:[\w/.()\[\]<>: -]{0,80}?[:|])?\s{0,40}(?:at [\w$.<>`/@:, -]{1,120}\("
    r"|\.{3} \d{1,4} (?:more|common frames|frames)|#\d{1,3}:? [/\\\w{\[]"
    r"|File \"[^\"]{1,300}\", line \d|from /[^\s:]{1,300}:\d{1,6}:in )"
)
"""A line of a stack trace in Java, C#, JavaScript, PHP, Python and Ruby, perhaps behind a log's own beginning."""
_JOINED: Final = re.compile(r"\b(?:[A-Za-z]{1,30}_[A-Za-z_]{1,60}|[A-Z][a-z]{1,30}(?:[A-Z]{1,10}[a-z]{1,30}){1,8})\b")
"""Names in programs that are made of words: `CONNECTION_REFUSED`, `HandshakeFailure`."""
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_JOINED_LIMIT: Final = 200
"""Names that are taken apart: a trace has fewer."""
_NUMBERED_LINE: Final = re.compile(r"\d{3}[- ](?:\d\.\d{1,3}\.\d{1,3} )?")
"""What SMTP repeats at the beginning of each line of a reply (RFC 5321 §4.2.1)."""
_BEGINNING: Final = re.compile(
    r"\W{0,3}(?:(?:\w{3} )?\w{3} {1,2}\d{1,2} |\d{4}[-/.]\d\d[-/.]\d\d[ tT]|\d{1,2}[-/.]\w{2,3}[-/.]\d{4}[ T:])"
    r"\d\d:\d\d:\d\d[^\s]{0,20}\s+"
)
"""Date and time before a line of a log."""


def readable(text: str) -> str:
    """The text as lines, without stack frames, markup and escapes; of a long text, its head and its tail."""
    lines = (_QUOTED.sub("", line, count=1) if line[:1] == ">" else line for line in _unescaped(text).splitlines())
    return _ends("\n".join(line for line in lines if not _FRAME.match(line)), HALF)


def normalised(text: str) -> str:
    """One line without what differs from one paste to the next: case, line breaks, kinds of quotation marks."""
    return flat(readable(text))


def flat(lines: str) -> str:
    """Readable lines as one line to search in."""
    each = [_BEGINNING.sub("", line, count=1) for line in lines.splitlines()]
    joined = " ".join(_without_repetition(before, line) for before, line in zip(["", *each], each, strict=False))
    return same(alike(joined))


def names(lines: str) -> str:
    """The words that names in programs are made of, in one line to search in: `CONNECTION_REFUSED` refuses, too."""
    found = dict.fromkeys(_JOINED.findall(lines))
    return " ; ".join(same(_HUMP.sub(" ", name).replace("_", " ")) for name in list(found)[:_JOINED_LIMIT])


def same(text: str) -> str:
    """The text in small letters, with one form of words that mean the same (`same.toml`)."""
    forms, pattern = _same()
    return pattern.sub(lambda found: forms[found[0]], " ".join(text.casefold().split()))


@cache
def _same() -> tuple[dict[str, str], re.Pattern[str]]:
    """Each form with the word it is read as, and the expression that finds forms, the longest first."""
    document = tomllib.loads((Path(__file__).parent / "same.toml").read_text("utf-8"))
    forms = {form: word for word, some in document.items() for form in some}
    longest = sorted(forms, key=len, reverse=True)
    return forms, re.compile(rf"(?<![\w])(?:{'|'.join(map(re.escape, longest))})(?![\w])")


def alike(text: str) -> str:
    """The text with one kind of dashes, of apostrophes, and no quotation marks."""
    return text.translate(_ALIKE)


def _unescaped(text: str) -> str:
    kept = _MARKUP.sub(" ", _ends(text, _RAW_HALF))
    for written, meant in _WRITTEN.items():
        kept = kept.replace(written, meant)
    return kept


def _ends(text: str, half: int) -> str:
    return text if len(text) <= 2 * half else f"{text[:half]}\n{text[-half:]}"


def _without_repetition(before: str, line: str) -> str:
    """A line of an SMTP reply without the number that the line before it begins with as well."""
    found = _NUMBERED_LINE.match(line)
    return line[found.end() :] if found and before[:3] == line[:3] else line
