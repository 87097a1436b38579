"""mbox: many messages in one file, each after a line that begins with `From ` (RFC 4155, and its older dialects).

Read: the separator is known by its date, so that a sentence which begins with "From " is none. `>From ` is unquoted
as mboxrd does it, which is right for mboxo too wherever that is not ambiguous. A Content-Length that leads exactly to
the next separator is believed (mboxcl); a message that holds a separator inside was not quoted (mboxcl2).
Flags are read from Status, X-Status and X-Mozilla-Status; these fields stay in the message, whose octets never change.

Written: mboxrd. Nothing is put into messages, so flags are not written: Maildir keeps them. A message without a line
end at its end gets one, since mbox cannot say otherwise.
"""

from __future__ import annotations

import os
import re
from calendar import timegm
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from gatepost.archive import names, uidl
from gatepost.archive.item import Bad, Entry, Item, Place
from gatepost.archive.tree import Steps, Tree, key, links
from gatepost.errors import AlreadyExistsError
from gatepost.mime.wire import Octets
from gatepost.model import INBOX, Flag

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_SEPARATOR: Final = re.compile(
    rb"From [^\n]{0,500}?\b(%s) +(\d{1,2}) (\d\d):(\d\d)(?::(\d\d))?(?: [A-Z]{1,5})?(?: ([+-]\d{4}))? (\d{4})"
    rb"(?: [A-Z]{1,5})?(?: ([+-]\d{4}))?[^\n]{0,100}\r?\n?" % "|".join(_MONTHS).encode()
)
_QUOTED: Final = re.compile(rb"\n>(>{0,1000}From )")
_TO_QUOTE: Final = re.compile(rb"\n(>{0,1000}From )")
_PERHAPS: Final = re.compile(rb">{0,1000}(?:F(?:r(?:o(?:m)?)?)?)?\Z")
_LINE: Final = 700


def is_mbox(data: Octets) -> bool:
    """Whether a file begins as an mbox does."""
    return _SEPARATOR.match(data[:_LINE]) is not None


def read(path: Path) -> Iterator[Item | Bad]:
    """The messages of an mbox file, or of every mbox file in a directory. Raises OSError for `path` itself."""
    path = path.resolve()
    if not path.is_dir():
        if path.stat().st_size:
            yield from _messages(Tree(path.parent), (path.name,), "")
        return
    tree = Tree(path)
    tree.entries()
    for steps in tree.folders():
        try:
            entries = tree.entries(steps)
        except OSError as error:
            yield Bad(key(*steps), error.strerror or str(error))
            continue
        yield from links(steps, entries)
        for entry in entries:
            if entry.is_file and entry.size:
                whole = (*steps, entry.name)
                yield from _messages(tree, whole, _folder(whole))


def _folder(steps: Steps) -> str:
    """Thunderbird keeps the folders in `Archive` under `Archive.sbd`."""
    plain = tuple(step.removesuffix(".sbd").removesuffix(".mbox") or step for step in steps)
    folder = names.from_path(plain)
    return "" if folder.upper() == INBOX else folder


def _messages(tree: Tree, steps: Steps, folder: str) -> Iterator[Item | Bad]:
    name = key(*steps)
    try:
        with tree.open(steps) as data:
            if not is_mbox(data):
                if not folder:
                    yield Bad(name, "it does not begin with an mbox separator (`From address date`)")
                return
            for number, region in enumerate(_regions(data), 1):
                yield _item(f"{name}, message {number}", folder, data, region)
    except OSError as error:
        yield Bad(name, error.strerror or str(error))


Region = tuple[int, int, int, bool]
"""Time of the separator; where the message begins and ends; whether it is quoted."""


def _regions(data: Octets) -> Iterator[Region]:
    start = 0
    while line := _SEPARATOR.match(data[start : start + _LINE]):
        begin = start + line.end()
        stated = _content_end(data, begin)
        if stated is None:
            start = _next_separator(data, begin, len(data))
            yield _time(line), begin, _without_blank(data, begin, start), True
        else:
            start = _skip_blank(data, stated)
            yield _time(line), begin, stated, _next_separator(data, begin, stated) == stated


def _next_separator(data: Octets, start: int, end: int) -> int:
    at = data.find(b"\nFrom ", max(start - 1, 0), end)
    while at >= 0:
        if _SEPARATOR.match(data[at + 1 : at + 1 + _LINE]):
            return at + 1
        at = data.find(b"\nFrom ", at + 1, end)
    return end


def _content_end(data: Octets, begin: int) -> int | None:
    """Where Content-Length says that the message ends, if an empty line and a separator or the file's end are there."""
    head = data[begin : begin + 64 * 1024]
    blank = re.search(rb"\r?\n\r?\n", head)
    stated = re.search(rb"(?im)^Content-Length:[ \t]*(\d{1,12})[ \t]*\r?\n", head[: blank.end() if blank else 0])
    if blank is None or stated is None:
        return None
    end = begin + blank.end() + int(stated[1])
    after = _skip_blank(data, end)
    blank_follows = after > end
    if blank_follows and (after == len(data) or is_mbox(data[after : after + _LINE])):
        return end
    return None


def _skip_blank(data: Octets, at: int) -> int:
    return at + (2 if data[at : at + 2] == b"\r\n" else data[at : at + 1] == b"\n")


def _without_blank(data: Octets, begin: int, end: int) -> int:
    """Takes off the empty line that belongs to the separator."""
    tail = data[max(end - 3, begin) : end]
    if tail.endswith(b"\n\r\n"):
        return end - 2
    return end - 1 if tail.endswith(b"\n\n") else end


def _time(line: re.Match[bytes]) -> int:
    month, day, hour, minute, second, zone, year, zone_after = line.groups()
    offset = int(zone or zone_after or b"0")
    seconds = (abs(offset) // 100 * 60 + abs(offset) % 100) * 60
    # Year 0 has the form of a date and is none: the nearest year that can be reckoned with.
    date = (max(int(year), 1), _MONTHS.index(month.decode()) + 1, int(day))
    at = timegm((*date, int(hour), int(minute), int(second or 0)))
    return max(at - seconds if offset > 0 else at + seconds, 0)


def _item(shown: str, folder: str, data: Octets, region: Region) -> Item:
    received, begin, end, quoted = region
    found = uidl.header_fields(data[begin : min(end, begin + 64 * 1024)])
    keywords = found.get(b"x-keywords", b"").decode("ascii", "replace").split()
    opener = partial(_open, data, begin, end, quoted)
    return Item(shown, folder, received, end - begin, opener, _flags(found), tuple(keywords))


def _flags(found: dict[bytes, bytes]) -> Flag:
    letters = found.get(b"status", b"") + b" " + found.get(b"x-status", b"")
    flags = sum(flag for letter, flag in _STATUS.items() if letter in letters)
    try:
        mozilla = int(found.get(b"x-mozilla-status", b"0"), 16)
    except ValueError:
        mozilla = 0
    return Flag(flags) | Flag(sum(flag for bit, flag in _MOZILLA.items() if bit & mozilla))


_STATUS: Final = {b"R": Flag.SEEN, b"A": Flag.ANSWERED, b"F": Flag.FLAGGED, b"T": Flag.DRAFT, b"D": Flag.DELETED}
_MOZILLA: Final = {1: Flag.SEEN, 2: Flag.ANSWERED, 4: Flag.FLAGGED, 8: Flag.DELETED}


@contextmanager
def _open(data: Octets, begin: int, end: int, quoted: bool) -> Iterator[Octets]:
    message = data[begin:end]
    yield _QUOTED.sub(rb"\n\1", b"\n" + message)[1:] if quoted and b">From " in message else message


class MboxWriter:
    """Writes one mboxrd file for each mailbox, e.g. `INBOX.mbox`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = -1

    def begin(self, place: Place) -> None:
        """Raises AlreadyExistsError if the file is there."""
        *above, last = names.to_path(place.name)
        folder = self.root.joinpath(*above)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{last}.mbox"
        try:
            self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise AlreadyExistsError(f"{path} is there already: choose a new directory to export to") from error

    def add(self, entry: Entry, chunks: Iterable[bytes]) -> bool:
        """False if the message had no line end at its end."""
        last = b""
        with os.fdopen(self.file, "wb", closefd=False) as handle:
            handle.write(f"From MAILER-DAEMON {_asctime(entry.received)}\n".encode())
            for piece in quote(chunks):
                handle.write(piece)
                last = piece[-1:] or last
            handle.write(b"\n" if last == b"\n" else b"\n\n")
        return last == b"\n"

    def end(self) -> None:
        os.close(self.file)
        self.file = -1


def quote(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Puts `>` ahead of every line that begins with any number of `>` and `From `, over slices cut anywhere."""
    held, line_start = b"", True
    for chunk in chunks:
        text = held + chunk
        last = text.rfind(b"\n") + 1
        cut = last if (last or line_start) and _PERHAPS.match(text, last) else len(text)
        text, held = text[:cut], text[cut:]
        if text:
            yield _TO_QUOTE.sub(rb"\n>\1", b"\n" + text)[1:] if line_start else _TO_QUOTE.sub(rb"\n>\1", text)
            line_start = text.endswith(b"\n")
    if held:
        yield held


def _asctime(at: int) -> str:
    """`Thu Jan  1 00:00:00 1970`: English whatever the locale, UTC (RFC 4155 appendix A)."""
    time = datetime.fromtimestamp(at, UTC)
    return f"{_DAYS[time.weekday()]} {_MONTHS[time.month - 1]} {time.day:2} {time:%H:%M:%S} {time.year}"
