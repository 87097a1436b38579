"""Giving up what a process does not need, for good.

Started as root, the supervisor keeps five capabilities: to bind ports below 1024 and to read renewed keys at a
reload (NET_BIND_SERVICE, DAC_READ_SEARCH), and to start and stop its children (SETUID, SETGID, KILL).
Whoever talks to the network, and the keeper, have an unprivileged user, no capability and no way to get one.
Where the platform has no such thing (macOS) that part is left out; users and limits work everywhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import resource
import signal
import stat
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from gatepost.errors import ConfigError
from gatepost.owner import open_folder

SERVICE_USERS: Final = ("gatepost", "nobody")
"""Who to become when everything belongs to root: the first that exists."""

SPARE_FILES: Final = 64
"""Open files of a worker that are no connections: listening sockets, the store and its readers, the keeper, the log.
Without them a full worker could save nothing for those whom it serves."""

_LINUX: Final = sys.platform == "linux"
_PR_SET_PDEATHSIG: Final = 1
_PR_CAPBSET_DROP: Final = 24
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITY_VERSION_3: Final = 0x20080522
_LAST_CAPABILITY: Final = 63

_SUPERVISOR_KEEPS: Final = (2, 5, 6, 7, 10)
"""CAP_DAC_READ_SEARCH, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_NET_BIND_SERVICE."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that children become."""

    name: str
    uid: int
    gid: int


def choose_identity(wanted: str, directory: Path) -> Identity | None:
    """Whom children become; None when we are not root, and so stay who we are.

    `wanted` (`server.user`) wins, then the owner of the data directory, then the first of `SERVICE_USERS`.
    Root is only ever served by asking for `root` by name. Raises ConfigError.
    """
    if os.geteuid() != 0:
        return None
    if wanted:
        return _named(wanted)
    with contextlib.suppress(FileNotFoundError):
        owner = directory.stat()
        if owner.st_uid != 0:
            return Identity(name_of(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in SERVICE_USERS:
        with contextlib.suppress(ConfigError):
            return _named(name)
    raise ConfigError("Gatepost does not serve as root, and there is neither a user `gatepost` nor `nobody`. " + _MAKE)


_MAKE: Final = "Make one: `adduser --system --group gatepost`, or set `server.user` to a user that exists."


def _named(name: str) -> Identity:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ConfigError(f"There is no user `{name}` on this machine. {_MAKE}") from None
    return Identity(name, entry.pw_uid, entry.pw_gid)


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def hand_over(identity: Identity, directory: Path, names: Iterable[str]) -> None:
    """Gives the data directory, and root's regular files in it whose names match one of `names`, to `identity`.

    What goes is listed, not what stays: the directory is that user's, who may give any name to what lies in it.
    Follows no symbolic link inside it, and leaves alone whatever has a second name elsewhere: somebody may
    have planted it. Raises ForeignFileError, as `open_folder`.
    """
    patterns = tuple(names)
    root = open_folder(directory)
    try:
        if os.fstat(root).st_uid == 0:
            os.fchown(root, identity.uid, identity.gid)
        for name in os.listdir(root):  # noqa: PTH208 -- of the directory that was opened, whatever its name is now
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                _give(root, name, identity)
    finally:
        os.close(root)


def _give(folder: int, name: str, identity: Identity) -> None:
    """Looks before it opens, which alone may have an effect on a device, and again at what it opened."""
    with contextlib.suppress(FileNotFoundError):
        if not _is_ours(os.stat(name, dir_fd=folder, follow_symlinks=False)):
            return
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        try:
            if _is_ours(os.fstat(descriptor)):
                os.fchown(descriptor, identity.uid, identity.gid)
        finally:
            os.close(descriptor)


def _is_ours(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_uid == 0 and found.st_nlink == 1


def can_use(identity: Identity | None, directory: Path) -> bool:
    """Whether `identity` can reach `directory` and write in it: asked by becoming that user in a child process."""
    if identity is None:
        return os.access(directory, os.R_OK | os.W_OK | os.X_OK)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            become(identity)
            code = 0 if os.access(directory, os.R_OK | os.W_OK | os.X_OK) else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def become(identity: Identity | None) -> None:
    """Makes this process that user for good, without capabilities. None: only the capabilities go."""
    if identity is not None:
        os.setgroups([identity.gid])
        os.setgid(identity.gid)
        os.setuid(identity.uid)
    _keep_capabilities(())
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def confine() -> None:
    """What holds for every process of the server: private files, no core dumps, no new privileges, many connections."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS refuses an infinite soft limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def room_for_connections() -> int:
    """How many connections a process may have, as each is an open file; some are left for what serves them."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(soft - SPARE_FILES, 1)


def keep_for_supervisor() -> None:
    """Gives up all of root's powers but those that the supervisor needs later; a no-op for other users."""
    if os.geteuid() == 0:
        for number in range(_LAST_CAPABILITY + 1):
            if number not in _SUPERVISOR_KEEPS:
                _prctl(_PR_CAPBSET_DROP, number)
        _keep_capabilities(_SUPERVISOR_KEEPS)


def adopt_orphans() -> None:
    """In the supervisor: what its descendants leave behind becomes its child, and stays in its family. On Linux."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Lets the kernel end this child when process `parent` dies. Call it after `become`, which would undo it."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def _keep_capabilities(numbers: tuple[int, ...]) -> None:
    """Leaves only those that are in `numbers` and that we have now, permitted and effective; none inheritable."""
    if not _LINUX:
        return
    libc = _libc()
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()
    if libc("capget")(ctypes.byref(header), sets) != 0:
        return
    low = sum(1 << number for number in numbers) & sets[1]
    sets[:] = [low, low, 0, 0, 0, 0]
    if libc("capset")(ctypes.byref(header), sets) != 0:
        raise OSError(ctypes.get_errno(), "the kernel did not let us give up capabilities")


def _prctl(option: int, value: int) -> None:
    """Best effort: an older kernel does not know every option, and a container may forbid some."""
    if _LINUX:
        _libc()("prctl")(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))


def _libc() -> Callable[[str], Callable[..., int]]:
    library = ctypes.CDLL(None, use_errno=True)
    return lambda name: getattr(library, name)
