"""The log: one line for each connection at its end, and one for each event of the server itself.

A line is written by one system call, so lines of several processes never mix. What a client chose (its login,
its SNI) cannot forge a line or a field: in text form every value that is not plain is quoted, with everything
that does not print escaped; JSON is ASCII, with its own escapes. Secrets never come here.
"""

from __future__ import annotations

import logging
import os
import re
import time
import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Literal

from gatepost.text import json_octets, printable

_PLAIN: Final = re.compile(r"[A-Za-z0-9._:@/+%,~-]+")
_LONGEST: Final = 500
"""Characters of one value: the rest of a longer one tells nobody anything."""
_STDERR: Final = 2


@lru_cache(maxsize=256)
def _quoted_text(text: str) -> str:
    """Most of what is logged was logged before. Clients choose some of it: the longest are some kilobytes."""
    text = text[:_LONGEST]
    if _PLAIN.fullmatch(text):
        return text
    return '"' + printable(text.replace("\\", r"\\").replace('"', r"\"")) + '"'


def _quoted_list(texts: tuple[str, ...]) -> str:
    return ",".join(map(_quoted_text, texts))


def _quoted_other(value: object) -> str:
    return _quoted_text(str(value))


_FORMS: Final[dict[type[Any], Callable[[Any], str]]] = {
    str: _quoted_text,
    tuple: _quoted_list,
    float: "{:.3f}".format,
    bool: lambda value: "yes" if value else "no",
}
"""How a value stands behind `key=` in a text line."""


def to_stderr(line: bytes) -> None:
    """The journal's place to read from. A reader that is gone must not end the server."""
    try:
        os.write(_STDERR, line)
    except OSError:
        return


class Log:
    """Writes lines in the form that `server.log` asks for."""

    __slots__ = ("_clock", "_json", "_stamped", "write")

    def __init__(
        self,
        form: Literal["text", "json"] = "text",
        write: Callable[[bytes], None] = to_stderr,
        clock: Callable[[], float] = time.time,
        *,
        stamped: bool | None = None,
    ) -> None:
        """`stamped`: whether text lines begin with the time; by default not under the journal, which adds its own."""
        self._json = form == "json"
        self.write = write
        self._clock = clock
        self._stamped = "JOURNAL_STREAM" not in os.environ if stamped is None else stamped

    def connection(self, record: Mapping[str, object]) -> None:
        """The line about a connection that has ended: the driver's record in its order, without what is empty."""
        fields = {key: value for key, value in record.items() if value not in ("", None, ())}
        self._line(str(fields.pop("service")), fields)

    def event(self, text: str, **fields: object) -> None:
        """Something that concerns the server itself, as a sentence."""
        self._line("gatepost", fields, text)

    def _line(self, source: str, fields: Mapping[str, object], text: str = "") -> None:
        now = self._clock()
        if self._json:
            record = {"time": _stamp(now), "source": source, **({"event": text} if text else {}), **fields}
            self.write(json_octets(record) + b"\n")
            return
        words = [_stamp(now)] if self._stamped else []
        words += [source + ":", *([printable(text)] if text else [])]
        for key, value in fields.items():
            kind = type(value)
            words.append(f"{key}={value}" if kind is int else f"{key}={_FORMS.get(kind, _quoted_other)(value)}")
        self.write(" ".join(words).encode(errors="backslashreplace") + b"\n")


def _stamp(now: float) -> str:
    return f"{_second(int(now))}.{int(now * 1000) % 1000:03d}Z"


@lru_cache(maxsize=1)
def _second(now: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))


class LogHandler(logging.Handler):
    """Brings what libraries and our own rooms log by the standard `logging` into the same log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def install(self) -> None:
        """Makes it the only handler of the process. Libraries are heard when they warn, our own rooms before."""
        logging.root.handlers[:] = [self]
        logging.getLogger("gatepost").setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        """One line for the message, and one for each line of a traceback."""
        self._log.event(record.getMessage(), level=record.levelname.lower(), by=record.name)
        if record.exc_info:
            for line in "".join(traceback.format_exception(*record.exc_info)).splitlines():
                self._log.event(line)
