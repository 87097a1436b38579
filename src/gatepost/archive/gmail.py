"""Labels of Google Mail, as Takeout writes them into the field `X-Gmail-Labels`: a folder, flags and keywords.

A message of Google Mail has any number of labels; here it is in one mailbox, for a copy in each would count, and be
fetched, several times. So the first of these places that it is labelled with gets it: Trash, Junk, Drafts, INBOX, Sent,
Chats, the first of the user's own labels, Archive. Its other own labels stay as keywords.

Starred is the flag Flagged, Drafts is Draft, Important is the keyword $Important (RFC 8457). A message is Seen unless
it is labelled Unread. Opened and the categories (Promotions, Social, …) say nothing that a mailbox keeps.

Takeout writes the names of its own labels in the user's language; `gmail.toml` knows the common ones, in no matter
which case. A language that is not: the label counts as one of the user's own, and becomes a folder under its name.
"""

from __future__ import annotations

import csv
import re
import tomllib
from importlib.resources import files
from io import StringIO
from typing import Final

from msgspec import Struct

from gatepost.archive.names import keyword, level
from gatepost.mime.words import decode_words
from gatepost.model import TRASH, Flag

FIELD: Final = b"x-gmail-labels"

_OCTETS: Final = 64 * 1024
_NAME: Final = 225
"""Characters of a label, as Google bounds them; the field has several hundred labels at most."""

_NAMES: Final[dict[str, list[str]]] = tomllib.loads((files(__package__) / "gmail.toml").read_text("utf-8"))
_CATEGORY: Final = re.compile(rf"(?:{'|'.join(_NAMES.pop('category'))})(?!\w)")
"""`Category Promotions`, `Kategorie: „Werbung“`: what the tabs of the inbox are made of."""
_ROLES: Final = {name.casefold(): role for role, names in _NAMES.items() for name in names}

_PLACES: Final = {
    "trash": TRASH, "spam": "Junk", "drafts": "Drafts", "inbox": "", "sent": "Sent", "chats": "Chats",
}  # fmt: skip
"""In this order."""
_ARCHIVE: Final = "Archive"


class Labels(Struct, frozen=True):
    """What the labels of a message say."""

    folder: str
    """Empty: the inbox."""
    flags: Flag
    keywords: tuple[str, ...]


def labels(value: bytes) -> Labels:
    """Reads the field's unfolded value: a line of CSV, perhaps in encoded words."""
    roles: set[str] = set()
    own: list[str] = []
    for name in _split(decode_words(value[:_OCTETS], _OCTETS)):
        role = _ROLES.get(name.casefold()) or ("nothing" if _CATEGORY.match(name.casefold()) else "")
        if role:
            roles.add(role)
        elif folder := "/".join(level(part.strip()) for part in name.split("/") if part.strip()):
            own.append(folder)
    place = next((folder for role, folder in _PLACES.items() if role in roles), None)
    if place is None:
        place = own.pop(0) if own else _ARCHIVE
    flags = {"starred": Flag.FLAGGED, "drafts": Flag.DRAFT}
    found = Flag(sum(flag for role, flag in flags.items() if role in roles))
    words = [*(["$Important"] if "important" in roles else []), *map(keyword, own)]
    return Labels(place, found | Flag(0 if "unread" in roles else Flag.SEEN), tuple(dict.fromkeys(words)))


def _split(text: str) -> list[str]:
    cells = next(csv.reader(StringIO(text, newline=""), skipinitialspace=True), [])
    return [name[:_NAME] for cell in cells if (name := " ".join(cell.split()))]
