from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from gatepost import owner
from gatepost.errors import ForeignFileError
from gatepost.owner import as_caller, as_owner, check_own, open_folder, open_own

UID, GID = 4242, 4243
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to work as somebody else")


def ids() -> tuple[int, int, list[int]]:
    return os.geteuid(), os.getegid(), os.getgroups()


@pytest.fixture
def reachable() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@needs_root
class TestIds:
    def test_there_and_back(self) -> None:
        before, finders = ids(), list(sys.meta_path)
        with as_owner(UID, GID):
            assert ids() == (UID, GID, [GID])
            with as_caller():
                assert os.geteuid() == 0
                with as_caller():
                    assert os.geteuid() == 0
            assert ids() == (UID, GID, [GID])
            with as_owner(UID, GID):
                assert os.geteuid() == UID
            assert os.geteuid() == UID
        assert ids() == before
        assert sys.meta_path == finders

    def test_back_after_an_error(self) -> None:
        before = ids()
        with pytest.raises(ZeroDivisionError), as_owner(UID, GID), as_caller():
            raise ZeroDivisionError
        assert ids() == before

    def test_root_itself_stays_root(self) -> None:
        with as_owner(0, 0):
            assert os.geteuid() == 0

    def test_a_refusal_leaves_us_as_we_were(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_: int) -> None:
            raise PermissionError

        before = ids()
        monkeypatch.setattr(owner.os, "setegid", refuse, raising=True)
        with pytest.raises(PermissionError), as_owner(UID, GID):
            pass
        monkeypatch.undo()
        os.setgroups(before[2])
        assert ids() == before

    def test_modules_that_the_owner_cannot_read(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        (tmp_path / "gatepost_test_hidden").mkdir()
        (tmp_path / "gatepost_test_hidden" / "__init__.py").write_text("import os\nuser = os.geteuid()\n")
        (tmp_path / "gatepost_test_hidden" / "part.py").write_text("value = 7\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        with as_owner(UID, GID):
            package = import_module("gatepost_test_hidden")
            part = import_module("gatepost_test_hidden.part")
            assert (part.value, package.user) == (7, 0)
            assert part.__loader__.get_filename("gatepost_test_hidden.part") == part.__file__
            with pytest.raises(ModuleNotFoundError):
                import_module("gatepost_test_hidden.absent")

    def test_in_a_folder_of_the_owner_root_stays_the_owner(self, reachable: Path) -> None:
        (reachable / "data" / "root").mkdir(parents=True)
        (reachable / "other").mkdir()
        os.chown(reachable / "data", UID, GID)
        (reachable / "data" / "out").symlink_to(reachable / "other")
        (reachable / "in").symlink_to(reachable / "data")
        for place in ("data", "data/new", "data/root/new", "data/out/new", "in/new"):
            with as_owner(UID, GID), as_caller(reachable / place):
                assert os.geteuid() == UID, place
        for place in ("new", "other", "other/absent/new"):
            with as_owner(UID, GID), as_caller(reachable / place):
                assert os.geteuid() == 0, place

    def test_what_belongs_to_somebody_else(self, reachable: Path) -> None:
        (reachable / "roots").touch(0o666)
        with as_owner(UID, GID):
            os.close(open_own(reachable / "mine", os.O_RDWR | os.O_CREAT))
            with pytest.raises(ForeignFileError, match="a file of user number 0"):
                open_own(reachable / "roots", os.O_RDWR)
        assert (reachable / "mine").stat().st_uid == UID
        with pytest.raises(ForeignFileError, match="a file of user number 4242"):
            open_own(reachable / "mine", os.O_RDWR | os.O_CREAT)


def opened(path: Path) -> tuple[int, int]:
    descriptor = open_folder(path)
    found = os.fstat(descriptor)
    os.close(descriptor)
    return found.st_dev, found.st_ino


@needs_root
class TestFolder:
    """Of root's, and the links that lead to it."""

    @pytest.fixture
    def folder(self, reachable: Path) -> Path:
        (reachable / "folder" / "inner").mkdir(parents=True)
        return reachable / "folder"

    def links(self, reachable: Path, folder: Path) -> list[Path]:
        """Absolute, relative, a chain of both, and one above the directory."""
        made = [reachable / name for name in ("absolute", "relative", "chain", "above")]
        for link, target in zip(made, [folder, Path("folder/../folder"), made[1], reachable], strict=True):
            link.symlink_to(target)
        return [*made[:3], made[3] / "folder"]

    def identity(self, folder: Path) -> tuple[int, int]:
        return folder.stat().st_dev, folder.stat().st_ino

    def test_links_of_root(self, reachable: Path, folder: Path) -> None:
        assert opened(folder) == self.identity(folder)
        for link in self.links(reachable, folder):
            assert opened(link) == self.identity(folder)
            assert opened(link / "inner") == self.identity(folder / "inner")

    def test_links_of_somebody_else(self, reachable: Path, folder: Path) -> None:
        links = self.links(reachable, folder)
        for link in reachable.iterdir():
            if link.is_symlink():
                os.chown(link, UID, GID, follow_symlinks=False)
        for link in links:
            with pytest.raises(ForeignFileError, match="a symbolic link that user number 4242 can have put there"):
                open_folder(link)
        os.chown(folder, UID, GID)
        assert {opened(link) for link in links} == {self.identity(folder)}

    def test_a_link_of_root_in_a_folder_of_somebody_else(self, reachable: Path, folder: Path) -> None:
        links = self.links(reachable, folder)
        os.chown(reachable, UID, GID)
        assert opened(folder) == self.identity(folder)
        for link in links:
            with pytest.raises(ForeignFileError, match="user number 4242"):
                open_folder(link)

    def test_links_in_a_circle(self, reachable: Path) -> None:
        (reachable / "one").symlink_to("two")
        (reachable / "two").symlink_to("one")
        with pytest.raises(OSError, match=r"one|two") as caught:
            open_folder(reachable / "one")
        assert caught.value.errno == errno.ELOOP

    def test_what_is_no_directory(self, reachable: Path) -> None:
        (reachable / "file").touch()
        with pytest.raises(NotADirectoryError):
            open_folder(reachable / "file")


def test_another_user_notices_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(owner.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(owner.os, "getuid", lambda: 1000)
    monkeypatch.setattr(owner.os, "seteuid", lambda _: pytest.fail("not asked for"))
    with as_owner(UID, GID), as_caller():
        os.close(open_own(tmp_path / "file", os.O_RDWR | os.O_CREAT))
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path)
    assert opened(tmp_path / "link") == opened(tmp_path)


def test_a_folder_that_is_open(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    os.close(open_own("file", os.O_WRONLY | os.O_CREAT, folder=folder))
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(ForeignFileError, match="link is a symbolic link"):
        open_own("link", os.O_RDONLY, folder=folder)
    os.close(folder)
    check_own(tmp_path / "file")
    check_own(tmp_path / "absent")


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_CREAT])
def test_links_pipes_and_folders(tmp_path: Path, flags: int) -> None:
    (tmp_path / "target").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "dangling").symlink_to(tmp_path / "absent")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, kind in (("link", "a symbolic link"), ("dangling", "a symbolic link"), ("pipe", "not a regular file")):
        with pytest.raises(ForeignFileError, match=f"{name} is {kind}"):
            open_own(tmp_path / name, flags)
    with pytest.raises(ForeignFileError, match="not a regular file"):
        open_own(tmp_path / "folder", flags)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_planted_between_look_and_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    real = os.open

    def late(path: object, *arguments: object, **named: object) -> int:
        (tmp_path / "file").unlink()
        if kind == "link":
            (tmp_path / "file").symlink_to(tmp_path / "absent")
        else:
            os.mkfifo(tmp_path / "file")
        return real(path, *arguments, **named)  # type: ignore[arg-type]

    (tmp_path / "file").touch()
    monkeypatch.setattr(owner.os, "open", late)
    with pytest.raises((ForeignFileError, OSError)):
        open_own(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    assert not (tmp_path / "absent").exists()
