"""Writes mboxrd (see `gatepost.archive.mbox`).

Nothing is put into messages, so flags are not written: Maildir keeps them. A message without a line
end at its end gets one, since mbox cannot say otherwise.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gatepost.archive import names
from gatepost.archive.item import Entry, Place
from gatepost.archive.maildir import make_folder
from gatepost.archive.separator import MONTHS
from gatepost.errors import AlreadyExistsError

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_TO_QUOTE: Final = re.compile(rb"([\n\r])(>{0,1000}From )")
_PERHAPS: Final = re.compile(rb">{0,1000}(?:F(?:r(?:o(?:m)?)?)?)?\Z")


class MboxWriter:
    """Writes one mboxrd file for each mailbox, e.g. `INBOX.mbox`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = -1

    def begin(self, place: Place) -> None:
        """Raises AlreadyExistsError if the file is there."""
        *above, last = names.to_path(place.name)
        folder = self.root.joinpath(*above)
        make_folder(folder)
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
        last = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        cut = last if (last or line_start) and _PERHAPS.match(text, last) else len(text)
        text, held = text[:cut], text[cut:]
        if text:
            yield _TO_QUOTE.sub(rb"\1>\2", b"\n" + text)[1:] if line_start else _TO_QUOTE.sub(rb"\1>\2", text)
            line_start = text.endswith((b"\n", b"\r"))
    if held:
        yield held


def _asctime(at: int) -> str:
    """`Thu Jan  1 00:00:00 1970`: English whatever the locale, UTC (RFC 4155 appendix A)."""
    time = datetime.fromtimestamp(at, UTC)
    return f"{_DAYS[time.weekday()]} {MONTHS[time.month - 1]} {time.day:2} {time:%H:%M:%S} {time.year}"
