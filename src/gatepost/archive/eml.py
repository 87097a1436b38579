"""Folders of message files, one message each (`.eml`): what people get when they save mail by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from gatepost.archive import names, packed
from gatepost.archive.item import Bad, Entry, Item, Place
from gatepost.archive.maildir import make_folder, write_file
from gatepost.archive.tree import NOT_FOLLOWED, Found, Steps, Tree, key, links
from gatepost.errors import AlreadyExistsError
from gatepost.model import INBOX

_SUFFIXES: Final = (".eml", *(f".eml{suffix}" for suffix in packed.SUFFIXES))


def is_eml(entry: Found) -> bool:
    """Whether the name says that it is a message file."""
    return is_eml_name(entry.name)


def is_eml_name(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES)


def read(path: Path) -> Iterator[Item | Bad]:
    """One message file, or those of a directory and its subdirectories, by name. Raises OSError for `path` itself."""
    if not path.is_dir():
        whole = path.resolve()
        tree = Tree(whole.parent)
        yield from (_item(tree, (), entry) for entry in tree.entries() if entry.name == whole.name)
        return
    tree = Tree(path)
    tree.entries()
    for steps in tree.folders():
        try:
            found = tree.entries(steps)
        except OSError as error:
            yield Bad(key(*steps), error.strerror or str(error))
            continue
        yield from links(steps, (entry for entry in found if not is_eml(entry)))
        yield from (_item(tree, steps, entry) for entry in found if is_eml(entry) and not entry.is_folder)


def _item(tree: Tree, steps: Steps, entry: Found) -> Item | Bad:
    shown = key(*steps, entry.name)
    if not entry.is_file:
        return Bad(shown, NOT_FOLLOWED)
    folder = names.from_path(steps)
    opener = partial(packed.message, tree, (*steps, entry.name))
    return Item(shown, "" if folder == INBOX else folder, entry.modified, entry.size, opener)


class EmlWriter:
    """Writes `INBOX/00000001.eml` and so on; flags, keywords and unique-ids have no place in this format."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root

    def begin(self, place: Place) -> None:
        """Raises AlreadyExistsError if there are message files in the folder already."""
        self.folder = self.root.joinpath(*names.to_path(place.name))
        make_folder(self.folder)
        if any(self.folder.glob("*.eml")):
            raise AlreadyExistsError(f"{self.folder} holds messages already: choose a new directory to export to")

    def add(self, entry: Entry, chunks: Iterable[bytes]) -> bool:
        write_file(self.folder / f"{entry.uid:08d}.eml", chunks, entry.received)
        return True

    def end(self) -> None:
        """Nothing is left to do."""
