"""Maildir and Maildir++: one file for each message, its flags in the file's name.

Read: `cur` and `new`, subfolders as `.Sent.2019` or as plain directories, the lists of Dovecot and Courier in them.
Messages that are compressed one by one are unpacked; see `gatepost.archive.packed` for what is no mail.
Written: Maildir++ with `dovecot-uidlist` and `dovecot-keywords`, so that flags, keywords and unique-ids come along.
This is the format that keeps everything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from gatepost.archive import names, packed, uidl
from gatepost.archive.item import Bad, Entry, Item, Place
from gatepost.archive.tree import NOT_FOLLOWED, Found, Steps, Tree, key, links
from gatepost.errors import AlreadyExistsError
from gatepost.model import INBOX, Flag
from gatepost.numbers import number

_FLAGS: Final = {
    "D": Flag.DRAFT, "F": Flag.FLAGGED, "R": Flag.ANSWERED, "S": Flag.SEEN, "T": Flag.DELETED,
}  # fmt: skip
_PASSED: Final = "$Forwarded"
"""The keyword for the flag `P`: resent, forwarded or bounced."""
_KEYWORDS: Final = "abcdefghijklmnopqrstuvwxyz"
_LATE: Final = 1 << 63


def is_maildir(entries: Iterable[Found]) -> bool:
    """Whether a directory with these entries is a Maildir folder."""
    return any(entry.is_folder and entry.name in {"cur", "new"} for entry in entries)


def read(root: Path) -> Iterator[Item | Bad]:
    """Every message of a Maildir and its subfolders, by UID or age. Raises OSError for `root` itself."""
    tree = Tree(root)
    tree.entries()
    for steps in tree.folders():
        if steps and steps[-1] in {"cur", "new", "tmp"}:
            continue
        try:
            entries = tree.entries(steps)
            yield from links(steps, entries)
            if is_maildir(entries):
                yield from _Folder(tree, steps).items()
        except OSError as error:
            yield Bad(key(*steps), error.strerror or str(error))


class _Folder:
    def __init__(self, tree: Tree, steps: Steps) -> None:
        self.tree = tree
        self.steps = steps
        self.known = uidl.courier(tree.text((*steps, "courierpop3dsizelist")))
        self.known |= uidl.dovecot(tree.text((*steps, "dovecot-uidlist")))
        self.keywords = _read_keywords(tree.text((*steps, "dovecot-keywords")))

    def items(self) -> Iterator[Item | Bad]:
        found = [(place, entry) for place in ("cur", "new") for entry in self._entries(place)]
        for place, entry in sorted(found, key=lambda one: self._order(one[1].name)):
            shown = key(*self.steps, place, entry.name)
            yield self._item(shown, place, entry) if entry.is_file else Bad(shown, NOT_FOLLOWED)

    def _entries(self, place: str) -> list[Found]:
        try:
            return [entry for entry in self.tree.entries((*self.steps, place)) if not entry.name.startswith(".")]
        except FileNotFoundError:
            return []

    def _order(self, name: str) -> tuple[int, int, str]:
        known = self.known.get(uidl.base(name))
        age = re.match(r"[0-9]{1,18}", name)
        return known.uid if known and known.uid else _LATE, int(age[0]) if age else 0, name

    def _item(self, shown: str, place: str, entry: Found) -> Item:
        name, _, letters = entry.name.partition("2,")
        letters = letters if name[-1:] in {":", ";", "!"} else ""
        known = self.known.get(uidl.base(entry.name))
        return Item(
            key=shown,
            folder=names.from_path(self.steps),
            received=entry.modified,
            size=entry.size,
            open=partial(packed.message, self.tree, (*self.steps, place, entry.name)),
            flags=Flag(sum(_FLAGS.get(letter, 0) for letter in set(letters))),
            keywords=tuple(self.keywords[letter] for letter in sorted(set(letters)) if letter in self.keywords),
            uidl=known.uidl if known else None,
        )


def _read_keywords(text: str) -> dict[str, str]:
    found = {"P": _PASSED}
    for line in text.splitlines():
        digits, _, name = line.partition(" ")
        position = number(digits, len(_KEYWORDS) - 1)
        if position is not None and name:
            found[_KEYWORDS[position]] = name
    return found


class MaildirWriter:
    """Writes a Maildir++; INBOX is its root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root
        self.place: Place | None = None
        self.lines: list[str] = []
        self.keywords: list[str] = []

    def begin(self, place: Place) -> None:
        """Raises AlreadyExistsError if the folder is there."""
        self.folder = self.root if place.name == INBOX else self.root / names.to_maildir(place.name)
        self.lines = [f"3 V{place.uidvalidity} N{place.uidnext}"]
        self.keywords = []
        make_folder(self.root)
        try:
            self.folder.mkdir(mode=0o700, exist_ok=self.folder == self.root)
            for name in ("cur", "new", "tmp"):
                (self.folder / name).mkdir(mode=0o700)
        except FileExistsError as error:
            raise AlreadyExistsError(f"{self.folder} is there already: choose a new directory to export to") from error
        if self.folder != self.root:
            (self.folder / "maildirfolder").touch(0o600)

    def add(self, entry: Entry, chunks: Iterable[bytes]) -> bool:
        """Writes to `tmp` first and moves the complete file to `cur`, as Maildir asks."""
        name = f"{entry.received}.U{entry.uid}.gatepost"
        size = write_file(self.folder / "tmp" / name, chunks, entry.received)
        name = f"{name},S={size}"
        (self.folder / "tmp" / name.partition(",")[0]).rename(self.folder / "cur" / f"{name}:2,{self._letters(entry)}")
        self.lines.append(f"{entry.uid} P{entry.uidl} :{name}")
        return True

    def _letters(self, entry: Entry) -> str:
        letters = [letter for letter, flag in _FLAGS.items() if flag & entry.flags]
        for keyword in entry.keywords:
            if keyword == _PASSED:
                letters.append("P")
            elif keyword in self.keywords or len(self.keywords) < len(_KEYWORDS):
                if keyword not in self.keywords:
                    self.keywords.append(keyword)
                letters.append(_KEYWORDS[self.keywords.index(keyword)])
        return "".join(sorted(letters))

    def end(self) -> None:
        """Writes the lists of UIDs and keywords."""
        self._write_list("dovecot-uidlist", self.lines)
        if self.keywords:
            self._write_list("dovecot-keywords", [f"{number} {name}" for number, name in enumerate(self.keywords)])

    def _write_list(self, name: str, lines: Iterable[str]) -> None:
        (self.folder / name).touch(0o600)
        (self.folder / name).write_text("\n".join((*lines, "")))


def make_folder(folder: Path) -> None:
    """Makes a directory, and those above it that are missing, for its owner alone (`Path.mkdir` opens those above)."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def write_file(path: Path, chunks: Iterable[bytes], received: int) -> int:
    """Writes a file that must be new, with its time; returns its octets."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as handle:
        for chunk in chunks:
            handle.write(chunk)
        handle.flush()
        os.utime(file, (received, received))
        return handle.tell()
