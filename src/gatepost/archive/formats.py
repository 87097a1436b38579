"""The formats by name, and which one a path holds.

The files are the caller's, while root works on the store in its owner's name: each is opened `as_caller`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final, assert_never

from gatepost import bom
from gatepost.archive import eml, maildir, mbox, mbox_writer, packed
from gatepost.archive.item import Bad, Entry, Item, Place, Writer
from gatepost.archive.tree import Tree
from gatepost.errors import InvalidValueError
from gatepost.mime.wire import Octets
from gatepost.owner import as_caller

_FIELD: Final = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")
"""How a header begins (RFC 5322 §2.2)."""


class Format(StrEnum):
    """What can be read and written."""

    MAILDIR = "maildir"
    MBOX = "mbox"
    EML = "eml"


def read(path: Path, form: Format) -> Iterator[Item | Bad]:
    """The messages at `path`. Raises OSError when `path` itself cannot be read."""
    found = _read(path, form)
    while True:
        with as_caller(path):
            one = next(found, None)
        if one is None:
            return
        yield replace(one, open=partial(_open, path, one.open)) if isinstance(one, Item) else one


@contextmanager
def _open(path: Path, opener: Callable[[], AbstractContextManager[Octets]]) -> Iterator[Octets]:
    with ExitStack() as stack:
        with as_caller(path):
            octets = stack.enter_context(opener())
        yield octets


def _read(path: Path, form: Format) -> Iterator[Item | Bad]:
    match form:
        case Format.MAILDIR:
            return maildir.read(path)
        case Format.MBOX:
            return mbox.read(path)
        case Format.EML:
            return eml.read(path)
        case _:
            assert_never(form)


def writer(path: Path, form: Format) -> Writer:
    """Writes mailboxes to `path` in this format."""
    return _CallersWriter(path, _writer(path, form))


class _CallersWriter:
    def __init__(self, path: Path, inner: Writer) -> None:
        self._path = path
        self._inner = inner

    def begin(self, place: Place) -> None:
        with as_caller(self._path):
            self._inner.begin(place)

    def add(self, entry: Entry, chunks: Iterable[bytes]) -> bool:
        with as_caller(self._path):
            return self._inner.add(entry, chunks)

    def end(self) -> None:
        with as_caller(self._path):
            self._inner.end()


def _writer(path: Path, form: Format) -> Writer:
    match form:
        case Format.MAILDIR:
            return maildir.MaildirWriter(path)
        case Format.MBOX:
            return mbox_writer.MboxWriter(path)
        case Format.EML:
            return eml.EmlWriter(path)
        case _:
            assert_never(form)


def detect(path: Path) -> Format:
    """The format of what is at `path`. Raises InvalidValueError if it is none of ours, OSError."""
    found = _of_directory(path) if path.is_dir() else _of_file(path)
    if found is None:
        raise InvalidValueError(f"{path} holds no mail that we know (Maildir, mbox, .eml)\nSay which with --format.")
    return found


def _of_file(path: Path) -> Format | None:
    whole = path.resolve()
    tree = Tree(whole.parent)
    with tree.open((whole.name,)) as data:
        try:
            head = bom.in_utf_8(packed.head(data))
        except packed.NotMailError as error:
            raise InvalidValueError(f"{path} is no mail: {error}") from error
        if not head or mbox.is_mbox(head):
            return Format.MBOX  # an empty file is a mailbox without messages
        if eml.is_eml_name(whole.name):
            return Format.EML
        if not _FIELD.match(head, bom.length(head), 256):
            return None
    with packed.message(tree, (whole.name,)) as data:
        return Format.MBOX if mbox.holds_mailbox(data) else Format.EML


def _of_directory(path: Path) -> Format | None:
    tree = Tree(path)
    tree.entries()
    if _has_maildir(tree, {"cur", "new"}):
        return Format.MAILDIR
    if _has_eml(tree):
        return Format.EML
    if _has_mbox(tree):
        return Format.MBOX
    # Less than a whole Maildir comes last: a folder of other files may have such a name.
    return Format.MAILDIR if _has_maildir(tree, {"cur"}) or _has_maildir(tree, {"new"}) else None


def _has_maildir(tree: Tree, wanted: set[str]) -> bool:
    return any(wanted <= {entry.name for entry in tree.entries(steps) if entry.is_folder} for steps in tree.folders())


def _has_eml(tree: Tree) -> bool:
    return any(eml.is_eml(entry) for steps in tree.folders() for entry in tree.entries(steps))


def _has_mbox(tree: Tree) -> bool:
    files = ((*steps, entry.name) for steps in tree.folders() for entry in tree.entries(steps) if entry.is_file)
    return any(_is_mbox(tree, steps) for steps in files)


def _is_mbox(tree: Tree, steps: tuple[str, ...]) -> bool:
    with tree.open(steps) as data, suppress(packed.NotMailError):
        return mbox.is_mbox(bom.in_utf_8(packed.head(data)))
    return False
