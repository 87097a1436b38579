"""The formats by name, and which one a path holds."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from gatepost.archive import eml, maildir, mbox
from gatepost.archive.item import Bad, Item, Writer
from gatepost.archive.tree import Tree
from gatepost.errors import InvalidValueError


class Format(StrEnum):
    """What can be read and written."""

    MAILDIR = "maildir"
    MBOX = "mbox"
    EML = "eml"


def read(path: Path, form: Format) -> Iterator[Item | Bad]:
    """The messages at `path`. Raises OSError when `path` itself cannot be read."""
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
    match form:
        case Format.MAILDIR:
            return maildir.MaildirWriter(path)
        case Format.MBOX:
            return mbox.MboxWriter(path)
        case Format.EML:
            return eml.EmlWriter(path)
        case _:
            assert_never(form)


def detect(path: Path) -> Format:
    """The format of what is at `path`. Raises InvalidValueError if it is none of ours, OSError."""
    if not path.is_dir():
        with Tree(path.parent).open((path.resolve().name,)) as data:
            return Format.MBOX if mbox.is_mbox(data) else Format.EML
    tree = Tree(path)
    tree.entries()
    if _has_maildir(tree):
        return Format.MAILDIR
    if _has_eml(tree):
        return Format.EML
    if _has_mbox(tree):
        return Format.MBOX
    raise InvalidValueError(f"{path} holds no mail that we know (Maildir, mbox, .eml); say which with --format")


def _has_maildir(tree: Tree) -> bool:
    return any(maildir.is_maildir(tree.entries(steps)) for steps in tree.folders())


def _has_eml(tree: Tree) -> bool:
    return any(eml.is_eml(entry) for steps in tree.folders() for entry in tree.entries(steps))


def _has_mbox(tree: Tree) -> bool:
    files = ((*steps, entry.name) for steps in tree.folders() for entry in tree.entries(steps) if entry.is_file)
    return any(_is_mbox(tree, steps) for steps in files)


def _is_mbox(tree: Tree, steps: tuple[str, ...]) -> bool:
    with tree.open(steps) as data:
        return mbox.is_mbox(data)
