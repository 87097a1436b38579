"""The messages that a new mailbox begins with: useful to read, and proof that reading works.

Each `N-name.txt` beside this file is one: its first line the subject, then paragraphs, `# headings`, `1. lists` and
lines with four spaces (commands). From that come both halves of a multipart/alternative (RFC 2046 §5.1.4).
"""

from __future__ import annotations

import html
import itertools
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from string import Template
from typing import Final

SENDER: Final = "Gatepost"
_WIDTH: Final = 76
_BREAK: Final = re.compile(rf"(.{{1,{_WIDTH}}})(?: |$)")
_BOUNDARY: Final = "=_welcome_{number}_of_gatepost"


def welcome_messages(values: Mapping[str, str], now: int) -> Iterator[bytes]:
    """The messages in wire form (CRLF), oldest first; `values` fill in `$login`, `$host`, `$port`, `$ca`, ….

    ASCII as long as the values are (a path may not be), so that every transport and every client takes them.
    Raises KeyError for a missing value.
    """
    folder = files(__name__)
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".txt"))
    for number, name in enumerate(names, 1):
        source = Template((folder / name).read_text("ascii")).substitute(values)
        yield _message(source, number, values["login"], now + number)


def _message(source: str, number: int, login: str, now: int) -> bytes:
    subject, _, text = source.partition("\n")
    boundary = _BOUNDARY.format(number=number)
    form = "charset=us-ascii" if source.isascii() else "charset=utf-8\r\nContent-Transfer-Encoding: 8bit"
    domain = login.rpartition("@")[2]
    lines = [
        time.strftime("Date: %a, %d %b %Y %H:%M:%S +0000", time.gmtime(now)),
        f"From: {SENDER} <postmaster@{domain}>",
        f"To: <{login}>",
        f"Subject: {subject}",
        f"Message-ID: <welcome-{number}.{now}@{domain}>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
        *(f"--{boundary}", f"Content-Type: text/plain; {form}", "", *_as_text(text)),
        *(f"--{boundary}", f"Content-Type: text/html; {form}", "", *_as_html(subject, text)),
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode("utf-8", "replace")


def _as_text(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("    "):
            yield line
        elif line.startswith("# "):
            yield from (line[2:], "-" * len(line[2:]))
        elif found := re.match(r"\d+\. ", line):
            first, *rest = _wrapped(line)
            yield from (first, *(" " * len(found[0]) + each for each in rest))
        else:
            yield from _wrapped(line)


def _wrapped(line: str) -> list[str]:
    return _BREAK.findall(line) or [line]


def _as_html(subject: str, text: str) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head>'
    yield f"<title>{html.escape(subject)}</title></head>"
    yield '<body style="font: 16px/1.5 sans-serif; max-width: 42em">'
    yield f"<h1>{html.escape(subject)}</h1>"
    for kind, lines in itertools.groupby((line for line in text.splitlines() if line), _kind):
        yield from _block(kind, [html.escape(line, quote=False) for line in lines])
    yield "</body></html>"


def _kind(line: str) -> str:
    if line.startswith("    "):
        return "pre"
    if line.startswith("# "):
        return "h2"
    return "ol" if re.match(r"\d+\. ", line) else "p"


def _block(kind: str, lines: list[str]) -> Iterable[str]:
    match kind:
        case "pre":
            return [f"<pre>{lines[0].strip()}", *(line.strip() for line in lines[1:-1]), *_last(lines)]
        case "h2":
            return [f"<h2>{line[2:]}</h2>" for line in lines]
        case "ol":
            start = lines[0].partition(".")[0]
            return [f'<ol start="{start}">', *(f"<li>{line.partition(' ')[2]}</li>" for line in lines), "</ol>"]
        case _:
            return [f"<p>{line}</p>" for line in lines]


def _last(lines: list[str]) -> list[str]:
    return [f"{lines[-1].strip()}</pre>"] if len(lines) > 1 else ["</pre>"]
