from __future__ import annotations

import pytest

from gatepost.archive.gmail import labels
from gatepost.model import Flag

SEEN = Flag.SEEN


@pytest.mark.parametrize(
    ("value", "folder", "flags", "keywords"),
    [
        ("Inbox", "", SEEN, ()),
        ("Inbox,Unread", "", Flag(0), ()),
        ("Inbox,Opened,Category Promotions,Important", "", SEEN, ("$Important",)),
        ("Starred,Sent,Inbox", "", SEEN | Flag.FLAGGED, ()),
        ("Sent,Opened", "Sent", SEEN, ()),
        ("Drafts,Unread", "Drafts", Flag.DRAFT, ()),
        ("Spam,Unread", "Junk", Flag(0), ()),
        ("Trash,Inbox,Work", "Trash", SEEN, ("Work",)),
        ("Archived", "Archive", SEEN, ()),
        ("Opened", "Archive", SEEN, ()),
        ("", "Archive", SEEN, ()),
        ("Archived,Work/2023 Q1,Ideas", "Work/2023 Q1", SEEN, ("Ideas",)),
        ('"Work, home",Inbox', "", SEEN, ("Work,_home",)),
        ('"A ""b"" c"', 'A "b" c', SEEN, ()),
        (" /a//b/ ", "a/b", SEEN, ()),
        ("Chat", "Chats", SEEN, ()),
        ("POSTEINGANG,Ungelesen,Wichtig,Kategorie: „Werbung“", "", Flag(0), ("$Important",)),
        ("Entwürfe", "Drafts", SEEN | Flag.DRAFT, ()),
        ("Gesendet,Markiert,Geöffnet", "Sent", SEEN | Flag.FLAGGED, ()),
        ("Papierkorb", "Trash", SEEN, ()),
        ("Archiviert,München", "München", SEEN, ()),
        ("Boîte de réception,Non lus", "", Flag(0), ()),
        ("受信トレイ,未読", "", Flag(0), ()),
        ("Входящие,Непрочитанные", "", Flag(0), ()),
    ],
)
def test_labels(value: str, folder: str, flags: Flag, keywords: tuple[str, ...]) -> None:
    found = labels(value.encode())
    assert (found.folder, found.flags, found.keywords) == (folder, flags, keywords)


def test_encoded_words_hold_the_commas_too() -> None:
    value = b"=?UTF-8?Q?Entw=C3=BCrfe,Arbeit/M?= =?UTF-8?Q?=C3=BCnchen?="
    found = labels(value)
    assert (found.folder, found.keywords) == ("Drafts", ("Arbeit/M&APw-nchen",))


def test_a_long_list_and_a_strange_one() -> None:
    many = ",".join(f"label {number}" for number in range(1000))
    assert len(labels(many.encode()).keywords) == 999
    assert labels(b'"' + b"x" * 200_000).folder == "x" * 225
