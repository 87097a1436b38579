"""mbox: many messages in one file, each after a line that begins with `From ` (RFC 4155, and its older dialects).

Read: a separator is known by its date, so that a sentence which begins with "From " is none; by an empty line before it
or a header behind it; and one without a date by the header alone (see `gatepost.archive.separator`). Where these
disagree, the line is reported as a doubt, with what was made of it. `>From ` is unquoted as mboxrd does it, which is
right for mboxo too wherever that is not ambiguous. A Content-Length that leads exactly to the next separator is
believed (mboxcl); a message that holds a separator inside was not quoted (mboxcl2). Lines end with LF, CRLF or CR.
MMDF, with its lines of four Control-A, is read too. The first message of a folder of UW-IMAP or Pine, which holds
nothing but the program's own notes, is none.

Flags are read from Status, X-Status and X-Mozilla-Status, folders and flags from the labels of Google Takeout; these
fields stay in the message, whose octets never change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from gatepost import bom
from gatepost.archive import gmail, names, packed, separator, uidl
from gatepost.archive.item import Bad, Doubt, Item
from gatepost.archive.tree import Steps, Tree, key, links
from gatepost.mime.scan import count_lines
from gatepost.mime.wire import Octets
from gatepost.model import INBOX, Flag
from gatepost.numbers import number

_QUOTED: Final = re.compile(rb"([\n\r])>(>{0,1000}From )")
_FROM: Final = b"From "
_MARKS: Final = (b"\nFrom ", b"\rFrom ", b"\0From ", b"\n\xef\xbb\xbfFrom ")
"""How a separator may begin; behind NUL where a crash left a hole in the file, and with a byte order mark where files
were put together that had one each."""
_BOUNDARY: Final = re.compile(
    rb'(?i)^multipart/.*?\bboundary[ \t]*=[ \t]*(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.DOTALL
)
_SAMPLE: Final = 50
"""Separators by which the habit of a file is known: whether it has empty lines before them."""
_MMDF: Final = b"\1\1\1\1"
_WIDE: Final = 256 * 1024 * 1024
"""Octets of a mailbox in UTF-16 that is turned into UTF-8 in memory."""
_NOTES: Final = re.compile(rb"(?i)(?:DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA|FOLDER INTERNAL DATA)")


def is_mbox(data: Octets) -> bool:
    """Whether a file begins as an mbox does."""
    begin = _begin(data)
    head = data[begin : begin + separator.HEAD]
    if head.startswith(_MMDF):
        return True
    line = separator.line(head)
    return line.startswith(_FROM) and (
        separator.date(line[5:]) is not None or separator.mail_follows(head[len(line) :])
    )


def holds_mailbox(data: Octets) -> bool:
    """Whether there is a separator beyond doubt anywhere in a file that does not begin with one."""
    return _Reader("", "", data).skip_to_mail()


def _begin(data: Octets) -> int:
    """Behind a byte order mark and empty lines."""
    head = data[: separator.HEAD]
    begin = bom.length(head)
    return begin + len(head[begin:]) - len(head[begin:].lstrip(b"\r\n"))


def read(path: Path) -> Iterator[Item | Bad]:
    """The messages of an mbox file, or of every mbox file in a directory. Raises OSError for `path` itself."""
    path = path.resolve()
    if not path.is_dir():
        if path.stat().st_size:
            yield from _messages(Tree(path.parent), (path.name,), "", named=True)
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
                yield from _messages(tree, whole, _folder(whole), named=False)


def _folder(steps: Steps) -> str:
    """Thunderbird keeps the folders in `Archive` under `Archive.sbd`; Apple Mail has a directory `Archive.mbox`."""
    if len(steps) > 1 and steps[-1] == "mbox" and steps[-2].endswith(".mbox"):
        steps = steps[:-1]
    plain = tuple(_plain(step) or step for step in steps)
    folder = names.from_path(plain)
    return "" if folder.upper() == INBOX else folder


def _plain(step: str) -> str:
    for suffix in (*packed.SUFFIXES, ".sbd", ".mbox", ".mbx"):
        step = step.removesuffix(suffix)
    return step


def _messages(tree: Tree, steps: Steps, folder: str, *, named: bool) -> Iterator[Item | Bad]:
    """`named`: the user named this very file; among the others of a directory some are nothing like a mailbox."""
    name = key(*steps)
    try:
        with packed.opened(tree, steps) as raw:
            data = bom.in_utf_8(raw[:]) if len(raw) <= _WIDE else raw
            reader = _Reader(name, folder, data)
            if is_mbox(data) or reader.skip_to_mail():
                yield from reader.items()
            elif named or not folder:
                yield Bad(name, "it holds no mbox separator (`From address date`)")
    except packed.NotMailError as error:
        if named or error.packed:
            yield Bad(name, str(error))
    except OSError as error:
        yield Bad(name, error.strerror or str(error))


@dataclass(frozen=True, slots=True)
class _Separator:
    """A line that begins a message."""

    begin: int
    """Of the message behind it."""
    received: int | None
    """None if the line has no date."""


class _Reader:
    """The messages of one file."""

    def __init__(self, name: str, folder: str, data: Octets) -> None:
        self._name = name
        self._folder = folder
        self._data = data
        self._start = _begin(data)
        self._dateless = False
        """The first separator has no date: then the others need none."""
        self._bare = False
        """The separators have no empty line before them."""
        self._unclosed = b""
        """What would close the parts of the message before, if it did not."""
        self._left_out = ""
        self._marks = {mark: data.find(mark) for mark in _MARKS}
        self._doubts: list[tuple[int, str]] = []
        self._counted = (0, 1)

    def skip_to_mail(self) -> bool:
        """Begins at the first separator that is beyond doubt, and notes what is left out; whether there is one."""
        for at in self._candidates(0, len(self._data)):
            if self._is_sure(at):
                self._left_out = f"the {at:,} octets before the first separator"
                self._start = at
                return True
        return False

    def _is_sure(self, at: int) -> bool:
        line = separator.line(self._data[at : at + separator.LINE])
        head = self._data[at + len(line) : at + len(line) + separator.HEAD]
        return separator.date(line[5:]) is not None and separator.mail_follows(head)

    def _has_bare(self, start: int) -> bool:
        """Whether most of the first separators have no empty line before them: one alone is no habit."""
        marks = dict(self._marks)
        sure = (at for at in self._candidates(start + 1, len(self._data)) if self._is_sure(at))
        blank = [_blank_before(self._data, at) for at in islice(sure, _SAMPLE)]
        self._marks = marks
        return blank.count(False) > max(blank.count(True), 1)

    def _before(self) -> Iterator[Item | Bad]:
        """What stands before the first separator."""
        begin, end = _begin(self._data), self._start
        where = f"{self._name}, line 1"
        if separator.mail_follows(self._data[begin : min(end, begin + separator.HEAD)]):
            yield _item(where, self._folder, self._data, (_dated(self._data, begin), begin, end, True))
            yield Doubt(where, f"{self._left_out} are a header without one: a message was begun here")
        else:
            yield Bad(where, f"{self._left_out} are no message, and were left out")

    def items(self) -> Iterator[Item | Bad]:
        data, start = self._data, self._start
        if self._left_out:
            yield from self._before()
        regions = self._mmdf(start) if data[start : start + 4] == _MMDF else self._regions(start)
        number = 0
        for received, begin, end, quoted in regions:
            if not (number == 0 and _is_notes(data, begin, end)):
                number += 1
                yield _item(f"{self._name}, message {number}", self._folder, data, (received, begin, end, quoted))
            yield from self._doubtful()

    def _doubtful(self) -> Iterator[Doubt]:
        for at, text in self._doubts:
            counted, line = self._counted
            line += count_lines(self._data, counted, at, b"\n") or count_lines(self._data, counted, at, b"\r")
            self._counted = (at, line)
            yield Doubt(f"{self._name}, line {line}", text)
        self._doubts.clear()

    def _regions(self, start: int) -> Iterator[Region]:
        data = self._data
        found = self._separator(start)
        self._dateless = found is not None and found.received is None
        self._bare = self._has_bare(start)
        while found is not None:
            at, begin = start, found.begin
            stated = self._content_end(begin)
            if stated is None:
                start, following = self._next(begin, len(data))
                end, quoted = _without_blank(data, begin, start), True
            else:
                end, start = stated, _skip_blank(data, stated)
                following = self._separator(start)
                quoted = self._is_quoted(begin, stated)
            self._look_for_cut(at, begin, end)
            received = found.received
            yield _dated(data, begin) if received is None else received, begin, end, quoted
            found = following

    def _look_for_cut(self, at: int, begin: int, end: int) -> None:
        """A message whose parts are closed only behind the next separator holds it, and was cut there."""
        if self._unclosed and self._data.find(self._unclosed, begin, end) >= 0:
            why = "it looks like a separator, but parts of the message before it end only behind it"
            self._doubts.append((at, f"{why}: a message was begun here"))
        kind = _BOUNDARY.match(
            uidl.header_fields(self._data[begin : min(end, begin + 64 * 1024)]).get(b"content-type", b"")
        )
        close = b"\n--" + (kind[1] or kind[2]) + b"--" if kind else b""
        self._unclosed = close if close and self._data.find(close, begin, end) < 0 else b""

    def _is_quoted(self, begin: int, end: int) -> bool:
        """Whether a message with a Content-Length holds no separator; one beyond doubt may as well be of the next."""
        at, found = self._next(begin, end, quiet=True)
        if found is not None and self._is_sure(at):
            why = "it looks like a separator, but Content-Length takes it into its message: it was left there"
            self._doubts.append((at, why))
        return found is None

    def _next(self, start: int, end: int, *, quiet: bool = False) -> tuple[int, _Separator | None]:
        """Where the next separator is, and what it says."""
        for at in self._candidates(start, end):
            found = self._separator(at, quiet=quiet)
            if found is not None:
                return at, found
        return end, None

    def _candidates(self, start: int, end: int) -> Iterator[int]:
        """Line starts with `From `, behind LF or CR. Each octet is searched once, for each of both."""
        at = max(start - 1, 0)
        while True:
            for mark, known in self._marks.items():
                if 0 <= known < at:
                    self._marks[mark] = self._data.find(mark, at)
            at = min((known for known in self._marks.values() if known >= 0), default=end) + 1
            if at > end - len(_FROM):
                return
            yield at

    def _separator(self, at: int, *, quiet: bool = False) -> _Separator | None:
        """What the line at `at` says, if it is a separator; notes a doubt unless `quiet`."""
        data = self._data
        skipped = at + bom.length(data[at : at + 3])
        line = separator.line(data[skipped : skipped + separator.LINE])
        if not line.startswith(_FROM):
            return None
        begin = skipped + len(line)
        first = at == self._start
        verdict = separator.judge(
            line,
            data[begin : begin + separator.HEAD],
            blank=first or _blank_before(data, at),
            first=first,
            dateless=self._dateless,
            bare=self._bare,
        )
        if verdict.doubt and not quiet:
            self._doubts.append((at, verdict.doubt))
        return _Separator(begin, verdict.received) if verdict.separates else None

    def _content_end(self, begin: int) -> int | None:
        """Where Content-Length says that the message ends, if an empty line and a separator, or nothing, follow."""
        data = self._data
        head = data[begin : begin + 64 * 1024]
        blank = re.search(rb"\r?\n\r?\n|\r\r", head)
        stated = re.search(rb"(?im)^Content-Length:[ \t]*(\d{1,12})[ \t]*[\r\n]", head[: blank.end() if blank else 0])
        if blank is None or stated is None:
            return None
        end = begin + blank.end() + int(stated[1])
        after = _skip_blank(data, end)
        if after > end and (after == len(data) or self._separator(after, quiet=True) is not None):
            return end
        return None

    def _mmdf(self, start: int) -> Iterator[Region]:
        """Each message stands between two lines of four Control-A; some have a `From ` line in front too."""
        data = self._data
        while data[start : start + 4] == _MMDF:
            begin = start + len(separator.line(data[start : start + 100]))
            end = next(
                (at for at in (data.find(b"\n" + _MMDF, begin - 1), data.find(b"\r" + _MMDF, begin - 1)) if at >= 0), -1
            )
            end = len(data) if end < 0 else end + 1
            line = separator.line(data[begin : begin + separator.LINE])
            received = separator.date(line[5:]) if line.startswith(_FROM) else None
            inner = begin + len(line) if line.startswith(_FROM) else begin
            if inner < end:
                yield _dated(data, inner) if received is None else received, inner, end, False
            start = end + len(separator.line(data[end : end + 100]))


Region = tuple[int, int, int, bool]
"""Time of the separator; where the message begins and ends; whether it is quoted."""


def _blank_before(data: Octets, at: int) -> bool:
    """Whether the line before is empty, or there is none."""
    before = data[max(at - 4, 0) : at]
    return before.endswith((b"\n\n", b"\n\r\n", b"\r\r"))


def _is_notes(data: Octets, begin: int, end: int) -> bool:
    """What UW-IMAP and Pine keep about a folder, in the form of a message."""
    found = uidl.header_fields(data[begin : min(end, begin + 8 * 1024)])
    return (b"x-imap" in found or b"x-imapbase" in found) and bool(_NOTES.search(found.get(b"subject", b"")))


def _dated(data: Octets, begin: int) -> int:
    """The time in the message's own Date field, for a separator that has none."""
    return separator.date(uidl.header_fields(data[begin : begin + 64 * 1024]).get(b"date", b"")) or 0


def _skip_blank(data: Octets, at: int) -> int:
    return at + (2 if data[at : at + 2] == b"\r\n" else data[at : at + 1] in {b"\n", b"\r"})


def _without_blank(data: Octets, begin: int, end: int) -> int:
    """Takes off the empty line that belongs to the separator."""
    tail = data[max(end - 3, begin) : end]
    if tail.endswith(b"\n\r\n"):
        return end - 2
    return end - 1 if tail.endswith((b"\n\n", b"\r\r")) else end


def _item(shown: str, folder: str, data: Octets, region: Region) -> Item:
    received, begin, end, quoted = region
    found = uidl.header_fields(data[begin : min(end, begin + 64 * 1024)])
    flags = _flags(found)
    keywords = tuple(found.get(b"x-keywords", b"").decode("ascii", "replace").split())
    opener = partial(_open, data, begin, end, quoted)
    if gmail.FIELD in found:
        labels = gmail.labels(found[gmail.FIELD])
        folder, flags, keywords = labels.folder, flags | labels.flags, (*keywords, *labels.keywords)
    return Item(shown, folder, received, end - begin, opener, flags, keywords)


def _flags(found: dict[bytes, bytes]) -> Flag:
    letters = found.get(b"status", b"") + b" " + found.get(b"x-status", b"")
    flags = sum(flag for letter, flag in _STATUS.items() if letter in letters)
    mozilla = number(found.get(b"x-mozilla-status", b"0"), 0xFFFF, 16) or 0
    return Flag(flags) | Flag(sum(flag for bit, flag in _MOZILLA.items() if bit & mozilla))


_STATUS: Final = {b"R": Flag.SEEN, b"A": Flag.ANSWERED, b"F": Flag.FLAGGED, b"T": Flag.DRAFT, b"D": Flag.DELETED}
_MOZILLA: Final = {1: Flag.SEEN, 2: Flag.ANSWERED, 4: Flag.FLAGGED, 8: Flag.DELETED}


@contextmanager
def _open(data: Octets, begin: int, end: int, quoted: bool) -> Iterator[Octets]:
    message = data[begin:end]
    yield _QUOTED.sub(rb"\1\2", b"\n" + message)[1:] if quoted and b">From " in message else message
