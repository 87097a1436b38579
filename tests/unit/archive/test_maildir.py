from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatepost.archive.item import Bad, Entry, Item, Place
from gatepost.archive.maildir import MaildirWriter, read
from gatepost.archive.tree import Tree
from gatepost.errors import AlreadyExistsError
from gatepost.model import Flag


def put(root: Path, name: str, data: bytes = b"x\n", at: int = 1_000_000) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (at, at))


def items(root: Path) -> list[Item]:
    return [one for one in read(root) if isinstance(one, Item)]


def octets(item: Item) -> bytes:
    with item.open() as data:
        return bytes(data)


def test_flags_folders_times_and_octets(tmp_path) -> None:
    put(tmp_path, "cur/2.b:2,FRSTDPa", b"two", 20)
    put(tmp_path, "cur/10.c;2,S", b"ten", 30)
    put(tmp_path, "new/1.a", b"one", 10)
    put(tmp_path, "cur/.hidden")
    put(tmp_path, "tmp/9.partial")
    put(tmp_path, ".Sent.2019/cur/1.s:2,S", b"sent")
    put(tmp_path, "plain/sub/new/1.p", b"plain")
    put(tmp_path, "dovecot-keywords", b"0 $Label1\nx y\n99 no\n")
    found = items(tmp_path)
    assert [(one.key, octets(one)) for one in found] == [
        ("new/1.a", b"one"),
        ("cur/2.b:2,FRSTDPa", b"two"),
        ("cur/10.c;2,S", b"ten"),
        (".Sent.2019/cur/1.s:2,S", b"sent"),
        ("plain/sub/new/1.p", b"plain"),
    ]
    assert found[1].flags == Flag.FLAGGED | Flag.ANSWERED | Flag.SEEN | Flag.DELETED | Flag.DRAFT
    assert found[1].keywords == ("$Forwarded", "$Label1")
    assert (found[1].received, found[1].size) == (20, 3)
    assert [one.folder for one in found] == ["", "", "", "Sent/2019", "plain/sub"]


def test_uids_order_and_unique_ids_are_kept(tmp_path) -> None:
    for name in ("1.a", "2.b:2,S", "3.c", "4.d"):
        put(tmp_path, f"cur/{name}")
    put(tmp_path, "dovecot-uidlist", b"3 V100 N9\n7 Pold-1 :1.a\n5 :2.b\n")
    put(tmp_path, "courierpop3dsizelist", b"/2 9 50\n1.a 1 1:50\n3.c 1 3:50\n")
    assert [(one.key, one.uidl) for one in read(tmp_path) if isinstance(one, Item)] == [
        ("cur/3.c", "UID3-50"),
        ("cur/2.b:2,S", "0000000500000064"),
        ("cur/1.a", "old-1"),
        ("cur/4.d", None),
    ]


def test_what_is_no_message_is_reported(tmp_path) -> None:
    put(tmp_path, "cur/1.a")
    (tmp_path / "cur" / "2.link").symlink_to("/etc/passwd")
    (tmp_path / "cur" / "3.dir").mkdir()
    bad = [one for one in read(tmp_path) if isinstance(one, Bad)]
    assert [one.key for one in bad] == ["cur/2.link", "cur/3.dir"]


def test_a_folder_that_cannot_be_listed_is_reported(tmp_path, monkeypatch) -> None:
    put(tmp_path, "cur/1.a")
    put(tmp_path, ".B/cur/1.b")
    entries = Tree.entries

    def refuse(self, steps=()):
        if steps == (".B", "cur"):
            raise PermissionError(13, "Permission denied")
        return entries(self, steps)

    monkeypatch.setattr(Tree, "entries", refuse)
    assert [one for one in read(tmp_path) if isinstance(one, Bad)] == [Bad(".B", "Permission denied")]


def test_a_path_that_is_not_there_is_an_error(tmp_path) -> None:
    with pytest.raises(OSError):
        list(read(tmp_path / "none"))


def test_names_that_are_no_text_are_shown_safely(tmp_path) -> None:
    put(tmp_path, os.fsdecode(b"cur/1.\xff"))
    (one,) = items(tmp_path)
    assert one.key == "cur/1.?" or one.key == "cur/1.\N{REPLACEMENT CHARACTER}"
    assert octets(one) == b"x\n"


def entry(uid: int, flags: Flag = Flag(0), keywords: tuple[str, ...] = (), uidl: str = "u") -> Entry:  # noqa: B008
    return Entry(uid, 1_000_000 + uid, flags, keywords, f"{uidl}{uid}")


def test_what_is_written_is_read(tmp_path) -> None:
    root = tmp_path / "out"
    writer = MaildirWriter(root)
    writer.begin(Place("INBOX", 100, 4))
    assert writer.add(entry(1, Flag.SEEN | Flag.FLAGGED, ("$Forwarded", "work", "home")), [b"a\n", b"b"])
    assert writer.add(entry(2, keywords=("home",)), [])
    writer.end()
    writer.begin(Place("Größe.x/2019", 200, 2))
    assert writer.add(entry(1, uidl="other"), [b"c\r\n"])
    writer.end()
    found = items(root)
    assert [(one.folder, octets(one), one.flags, one.uidl, one.received) for one in found] == [
        ("", b"a\nb", Flag.SEEN | Flag.FLAGGED, "u1", 1_000_001),
        ("", b"", Flag(0), "u2", 1_000_002),
        ("Größe.x/2019", b"c\r\n", Flag(0), "other1", 1_000_001),
    ]
    assert [set(one.keywords) for one in found] == [{"$Forwarded", "work", "home"}, {"home"}, set()]
    assert (root / ".Gr&APYA3w-e&AC4-x.2019" / "maildirfolder").exists()
    assert (root / "cur").stat().st_mode & 0o777 == 0o700


def test_only_so_many_keywords_fit(tmp_path) -> None:
    writer = MaildirWriter(tmp_path / "out")
    writer.begin(Place("INBOX", 1, 2))
    writer.add(entry(1, keywords=tuple(f"k{n}" for n in range(30))), [b"x"])
    writer.end()
    (one,) = items(tmp_path / "out")
    assert len(one.keywords) == 26


def test_nothing_is_overwritten(tmp_path) -> None:
    for name in ("INBOX", "Sent"):
        writer = MaildirWriter(tmp_path / "out")
        writer.begin(Place(name, 1, 1))
        with pytest.raises(AlreadyExistsError, match="choose a new directory"):
            MaildirWriter(tmp_path / "out").begin(Place(name, 1, 1))


def test_keywords_with_numbers_that_are_none(tmp_path) -> None:
    put(tmp_path, "cur/1.a:2,ab")
    (tmp_path / "dovecot-keywords").write_text(f"{'1' * 5000} huge\n\u00b2 small\n0 one\n26 beyond\n")
    assert [item.keywords for item in items(tmp_path)] == [("one",)]
