"""Root works on the data in the name of the data's owner, and on everybody else's files in its own.

The data directory belongs to the user who serves, and whoever has taken over a process of that user may give any name
in it to anything: a link to a file of root's, a pipe that nobody writes to. So a command that root starts becomes the
owner before it opens the first name there (`as_owner`), and root again for the moment in which it opens what the
administrator named: a folder to import, a place for a backup (`as_caller`). Only the effective ids change, so that the
way back exists; they count for opening files, and for nothing else that commands do. Other users' commands notice
nothing. What is opened is looked at once more (`open_own`): a directory may get another owner in between.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from gatepost.errors import ForeignFileError

ROOT: Final = 0
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_STEP: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS: Final = 40
"""As Linux allows on one way (path_resolution(7))."""


@contextmanager
def as_owner(uid: int, gid: int) -> Iterator[None]:
    """Opens files as that user, if we are root. Raises PermissionError where root may not become somebody else."""
    if os.geteuid() != ROOT or uid == ROOT:
        yield
        return
    before = os.getegid(), os.getgroups()
    finder = _CallersModules(tuple(sys.meta_path))
    try:
        _become(uid, gid, [gid])
        sys.meta_path.insert(0, finder)
        yield
    finally:
        _return(*before)
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)


@contextmanager
def as_caller(place: Path | None = None) -> Iterator[None]:
    """Inside `as_owner` root again, to open what does not belong to the data; elsewhere nothing.

    `place`: what is opened. In folders of the owner, the data directory for one, we stay the owner, who could lead root
    from there to wherever he likes.
    """
    if os.geteuid() == ROOT or os.getuid() != ROOT or (place is not None and _is_in_our_folder(place)):
        yield
        return
    owner = os.geteuid(), os.getegid(), os.getgroups()
    _return(os.getgid(), os.getgroups())
    try:
        yield
    finally:
        _become(*owner)


def _is_in_our_folder(place: Path) -> bool:
    """Whether who we are now can change names on the way to it, as it is written or as links lead."""
    for way in (place.absolute(), Path(os.path.realpath(place))):
        for folder in (way, *way.parents):
            with suppress(OSError):  # what we cannot even see is not ours
                if folder.stat().st_uid == os.geteuid() and folder.is_dir():
                    return True
    return False


def _become(uid: int, gid: int, groups: Sequence[int]) -> None:
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)


def _return(gid: int, groups: Sequence[int]) -> None:
    os.seteuid(ROOT)
    os.setegid(gid)
    os.setgroups(groups)


def open_folder(path: Path) -> int:
    """A descriptor of a directory, which is what root may give away, or use as root if it is root's.

    Raises ForeignFileError when a directory of root's is reached through a symbolic link that somebody else can have
    put there: he would choose which of them. A link to anybody else's directory is harmless, as root becomes its owner.
    OSError.
    """
    if os.geteuid() != ROOT:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    way = _Way()
    try:
        way.walk(path.absolute())
        descriptor = os.open(".", _FOLDER, dir_fd=way.here)
    finally:
        os.close(way.here)
    if way.foreign and os.fstat(descriptor).st_uid == ROOT:
        os.close(descriptor)
        raise ForeignFileError(
            f"{path} leads to a directory of root's by a symbolic link that user number {way.foreign} can have put "
            "there\nFind out who did. If the directory is meant, name it without the link, or give it to that user."
        )
    return descriptor


class _Way:
    """From the root directory, one name at a time, so that nothing changes behind us."""

    def __init__(self) -> None:
        self.here = os.open("/", _STEP)
        self.foreign = ROOT
        """Who else but root had a link in his hands, if anybody."""
        self._links = 0

    def walk(self, path: Path) -> None:
        if path.is_absolute():
            self._enter("/")
        for name in path.parts:
            found = os.stat(name, dir_fd=self.here, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                self._follow(name, found.st_uid)
            else:
                self._enter(name)

    def _follow(self, name: str, maker: int) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        self.foreign = self.foreign or maker or os.fstat(self.here).st_uid  # who owns the folder may change the link
        self.walk(Path(os.readlink(name, dir_fd=self.here)))

    def _enter(self, name: str) -> None:
        left, self.here = self.here, os.open(name, _STEP, dir_fd=self.here)
        os.close(left)


def open_own(path: Path | str, flags: int, mode: int = 0o600, *, folder: int | None = None) -> int:
    """A descriptor of a regular file, which as root must belong to whom we are now; never waits for a pipe.

    `folder`: an open directory that `path` is relative to. Raises ForeignFileError for whatever else has the name,
    OSError.
    """
    check_own(path, folder=folder)  # before it is opened: to open a device may have an effect
    safe = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags | safe, mode, dir_fd=folder)
    try:
        _check(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_own(path: Path | str, *, folder: int | None = None) -> None:
    """Raises ForeignFileError if what `open_own` would refuse has the name; for what somebody else will open."""
    with suppress(FileNotFoundError):
        _check(path, os.stat(path, dir_fd=folder, follow_symlinks=False))


def _check(path: Path | str, found: os.stat_result) -> None:
    """Raises ForeignFileError."""
    if not stat.S_ISREG(found.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a regular file"
    elif os.getuid() == ROOT and found.st_uid != os.geteuid():
        kind = f"a file of user number {found.st_uid}"
    else:
        return
    raise ForeignFileError(
        f"{path} is {kind}: Gatepost never makes such a thing there, and does not touch it\n"
        "Find out who put it there, then move it away."
    )


class _CallersModules(MetaPathFinder):
    """Finds modules as the caller: the owner of the data may have no way to where Gatepost is installed."""

    def __init__(self, finders: Sequence[Any]) -> None:
        self._finders = finders

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        with as_caller():
            found = (finder.find_spec(name, path, target) for finder in self._finders)
            spec = next((each for each in found if each is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _CallersLoader(spec.loader)
        return spec


class _CallersLoader(Loader):
    def __init__(self, inner: Loader) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        with as_caller():
            return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with as_caller():
            self._inner.exec_module(module)
