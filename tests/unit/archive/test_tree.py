from __future__ import annotations

import mmap
import os

import pytest

from gatepost.archive.tree import DEPTH, Tree
from gatepost.model import CHUNK


def test_small_files_are_read_and_large_ones_mapped(tmp_path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "small").write_bytes(b"x")
    (tmp_path / "d" / "large").write_bytes(b"y" * (CHUNK + 1))
    tree = Tree(tmp_path)
    with tree.open(("d", "small")) as data:
        assert data == b"x"
    with tree.open(("d", "large")) as data:
        assert isinstance(data, mmap.mmap)
        assert len(data) == CHUNK + 1


def test_links_pipes_and_directories_are_refused(tmp_path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_bytes(b"s")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    (tmp_path / "in" / "dir").mkdir()
    os.mkfifo(tmp_path / "in" / "pipe")
    tree = Tree(tmp_path / "in")
    for steps in (("link",), ("up", "secret"), ("pipe",), ("dir",), ("none",)):
        with pytest.raises(OSError), tree.open(steps):
            pass
    assert list(tree.folders()) == [(), ("dir",)]
    kinds = {entry.name: (entry.is_folder, entry.is_file) for entry in tree.entries()}
    assert kinds == {"dir": (True, False), "link": (False, False), "pipe": (False, False), "up": (False, False)}


def test_the_root_itself_may_be_a_link(tmp_path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with Tree(tmp_path / "link").open(("f",)) as data:
        assert data == b"x"


def test_folders_end_somewhere(tmp_path) -> None:
    deep = tmp_path.joinpath(*["d"] * (DEPTH + 5))
    deep.mkdir(parents=True)
    assert len(list(Tree(tmp_path).folders())) == DEPTH + 1


def test_a_folder_that_goes_away_is_passed_over(tmp_path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    walk = Tree(tmp_path).folders()
    assert next(walk) == ()
    assert next(walk) == ("a",)
    (tmp_path / "b").rmdir()
    assert list(walk) == [("b",)]


def test_text(tmp_path) -> None:
    (tmp_path / "t").write_bytes(b"a\xff")
    assert Tree(tmp_path).text(("t",)) == "a\udcff"
    assert Tree(tmp_path).text(("none",)) == ""
