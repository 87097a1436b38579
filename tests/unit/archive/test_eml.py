from __future__ import annotations

import os

import pytest

from gatepost.archive.eml import EmlWriter, read
from gatepost.archive.item import Bad, Entry, Item, Place
from gatepost.archive.tree import Tree
from gatepost.errors import AlreadyExistsError
from gatepost.model import Flag


def test_files_and_folders(tmp_path) -> None:
    (tmp_path / "Sub").mkdir()
    (tmp_path / "INBOX").mkdir()
    (tmp_path / "b.EML").write_bytes(b"b")
    (tmp_path / "a.eml").write_bytes(b"a")
    (tmp_path / "INBOX" / "i.eml").write_bytes(b"i")
    (tmp_path / "Sub" / "c.eml").write_bytes(b"c")
    (tmp_path / "note.txt").write_bytes(b"no")
    os.utime(tmp_path / "a.eml", (50, 50))
    (tmp_path / "z.eml").symlink_to("/etc/passwd")
    found = list(read(tmp_path))
    assert [(one.key, one.folder) for one in found if isinstance(one, Item)] == [
        ("a.eml", ""),
        ("b.EML", ""),
        ("INBOX/i.eml", ""),
        ("Sub/c.eml", "Sub"),
    ]
    assert [one.key for one in found if isinstance(one, Bad)] == ["z.eml"]
    assert found[0].received == 50


def test_one_file(tmp_path) -> None:
    (tmp_path / "m").write_bytes(b"x")
    (one,) = read(tmp_path / "m")
    assert isinstance(one, Item)
    with one.open() as data:
        assert data == b"x"


def test_a_folder_that_cannot_be_listed_is_reported(tmp_path, monkeypatch) -> None:
    (tmp_path / "d").mkdir()
    entries = Tree.entries

    def refuse(self, steps=()):
        if steps:
            raise PermissionError(13, "Permission denied")
        return entries(self, steps)

    monkeypatch.setattr(Tree, "entries", refuse)
    monkeypatch.setattr(Tree, "folders", lambda self: iter([(), ("d",)]))
    assert list(read(tmp_path)) == [Bad("d", "Permission denied")]


def test_what_is_written_is_read(tmp_path) -> None:
    writer = EmlWriter(tmp_path)
    for name in ("INBOX", "../Archive/2019"):
        writer.begin(Place(name, 1, 2))
        assert writer.add(Entry(1, 99, Flag.SEEN, (), "u"), [b"a", b"b"])
        writer.end()
    found = [one for one in read(tmp_path) if isinstance(one, Item)]
    assert sorted((one.folder, one.received) for one in found) == [("", 99), ("../Archive/2019", 99)]
    with pytest.raises(AlreadyExistsError):
        writer.begin(Place("INBOX", 1, 2))
