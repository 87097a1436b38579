from __future__ import annotations

import pytest

from gatepost.archive import eml, maildir, mbox_writer
from gatepost.archive.formats import Format, detect, read, writer
from gatepost.archive.item import Bad, Entry, Place
from gatepost.archive.tree import Tree
from gatepost.errors import InvalidValueError
from gatepost.model import Flag

FROM = b"From a@x Thu Jan  1 00:01:40 1970\n\nx\n"


def test_every_format_is_found_out(tmp_path) -> None:
    (tmp_path / "a" / "x" / "new").mkdir(parents=True)
    for name, form in (("a/x/cur/1", Format.MAILDIR), ("b/x/1.eml", Format.EML), ("c/x/box", Format.MBOX)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FROM)
        root = tmp_path / name[0]
        assert detect(root) is form
        assert len(list(read(root, form))) == 1
    assert detect(tmp_path / "c" / "x" / "box") is Format.MBOX
    (tmp_path / "one").write_bytes(b"Subject: x\n")
    assert detect(tmp_path / "one") is Format.EML


def test_what_is_none_says_what_to_do(tmp_path) -> None:
    (tmp_path / "note").write_bytes(b"x")
    with pytest.raises(InvalidValueError, match="--format"):
        detect(tmp_path)


def test_writers(tmp_path) -> None:
    kinds = {Format.MAILDIR: maildir.MaildirWriter, Format.MBOX: mbox_writer.MboxWriter, Format.EML: eml.EmlWriter}
    for form, kind in kinds.items():
        assert isinstance(writer(tmp_path, form)._inner, kind)


def test_a_folder_named_as_in_a_maildir_makes_none(tmp_path) -> None:
    (tmp_path / "cur").mkdir()
    (tmp_path / "cur" / "1.eml").write_bytes(FROM)
    assert detect(tmp_path) is Format.EML
    (tmp_path / "new").mkdir()
    assert detect(tmp_path) is Format.MAILDIR


def test_half_a_maildir_is_one_if_it_is_nothing_else(tmp_path) -> None:
    (tmp_path / "cur").mkdir()
    (tmp_path / "cur" / "1").write_bytes(b"Subject: x\n")
    assert detect(tmp_path) is Format.MAILDIR


def test_a_file_is_a_message_only_if_it_looks_like_one(tmp_path) -> None:
    for name, octets, form in (
        ("empty", b"", Format.MBOX),
        ("picture.eml", b"\x89PNG", Format.EML),
        ("message", b"Received: by x", Format.EML),
    ):
        (tmp_path / name).write_bytes(octets)
        assert detect(tmp_path / name) is form
    (tmp_path / "picture").write_bytes(b"\x89PNG")
    with pytest.raises(InvalidValueError, match="no mail that we know"):
        detect(tmp_path / "picture")


@pytest.mark.parametrize("form", Format)
def test_links_below_the_source_are_reported_and_the_named_path_may_be_one(tmp_path, form) -> None:
    real = tmp_path / "real" / "cur" if form is Format.MAILDIR else tmp_path / "real"
    real.mkdir(parents=True)
    (real / "1.eml").write_bytes(FROM)
    (tmp_path / "real" / "away").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = list(read(tmp_path / "link", form))
    assert min(one.key.partition(",")[0] for one in found if one.key != "away").endswith("1.eml")
    assert [one.reason for one in found if one.key == "away"] == ["it is not a regular file (links are not followed)"]
    if form is not Format.MAILDIR:
        (tmp_path / "single").symlink_to(real / "1.eml")
        assert len(list(read(tmp_path / "single", form))) == 1


@pytest.mark.parametrize("form", Format)
def test_a_folder_that_cannot_be_read_is_reported(tmp_path, form, monkeypatch) -> None:
    (tmp_path / "closed").mkdir()
    real = Tree.entries

    def entries(tree, steps=()):
        if steps:
            raise PermissionError(13, "Permission denied")
        return real(tree, steps)

    monkeypatch.setattr(Tree, "entries", entries)
    assert list(read(tmp_path, form)) == [Bad("closed", "Permission denied")]


@pytest.mark.parametrize("form", list(Format))
def test_what_is_written_is_for_its_owner_alone(tmp_path, form) -> None:
    made = writer(tmp_path / "new" / "export", form)
    for name in ("INBOX", "Archive/2019/Spring"):
        made.begin(Place(name, 1, 2))
        made.add(Entry(1, 99, Flag.SEEN, (), "u"), [b"Subject: x\n\n"])
        made.end()
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "new").rglob("*")} == {0}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
