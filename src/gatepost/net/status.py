"""What the running server tells about itself: one small file in the data directory.

The supervisor holds the file open and locked for as long as it lives. So a file that is left over from a crash
cannot be taken for a running server, a second server on the same data is refused, and after the privileges are
gone nothing needs to be opened again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from gatepost import __version__
from gatepost.errors import ForeignFileError, GatepostError
from gatepost.net.tally import Limited
from gatepost.owner import open_own

FILE_NAME: Final = "server.status"
MOST_LIMITED: Final = 50
"""Rows of `Status.limited`: an attack from a thousand places is one piece of news."""
_MOST: Final = 1 << 20
_INSTANT: Final = 0.01
"""Seconds between two attempts to lock the file."""


class AlreadyRunningError(GatepostError):
    """Another server has this data directory."""


class ProcessStatus(Struct, frozen=True):
    name: str
    pid: int
    started: float
    state: str


class ListenerStatus(Struct, frozen=True):
    service: str
    where: str
    """As configured."""
    tls: str
    socket: str = ""
    """What it really listens on, where a service manager's socket differs; else empty."""


class CertificateStatus(Struct, frozen=True):
    names: tuple[str, ...]
    expires: int
    """Seconds since the epoch."""
    file: str


class Status(Struct, frozen=True):
    """One look at the server."""

    version: str
    state: str
    """`starting`, `running`, `stopping`."""
    pid: int
    started: float
    processes: tuple[ProcessStatus, ...]
    listeners: tuple[ListenerStatus, ...]
    certificates: tuple[CertificateStatus, ...]
    connections: dict[str, int]
    """Open now, by service."""
    accepted: int
    """Connections so far, by the workers that run now."""
    user: str = ""
    """Whom the children became; empty: they stayed who they are."""
    limited: tuple[Limited, ...] = ()
    """Whom the limits hold up, the most failures first: no more than `MOST_LIMITED`, looked at every few seconds."""
    limited_in_all: int = 0


class StatusFile:
    """The supervisor's side."""

    __slots__ = ("_descriptor",)

    def __init__(self, directory: Path) -> None:
        """Raises AlreadyRunningError."""
        path = directory / FILE_NAME
        self._descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
        try:
            _lock(self._descriptor)
        except BlockingIOError:
            other = _decoded(self._descriptor)
            os.close(self._descriptor)
            who = f"process {other.pid}" if other else "another process"
            raise AlreadyRunningError(
                f"Gatepost is running already with the data in {directory} ({who}). "
                "Stop that one first, or give this one its own `server.data`."
            ) from None
        # At once, not when all is bound and loaded: until then whoever looks would find the pid of a server that died.
        self.update(Status(__version__, "starting", os.getpid(), time.time(), (), (), (), {}, 0))

    def update(self, status: Status) -> None:
        """Replaces the content by one write. A disk that is full costs the news, not the server."""
        data = msgspec.json.encode(status)
        with suppress(OSError):
            os.pwrite(self._descriptor, data, 0)
            os.ftruncate(self._descriptor, len(data))

    def close(self) -> None:
        """For children, and at the end: the lock goes when the last holder closes."""
        os.close(self._descriptor)

    def clear(self) -> None:
        """An orderly end leaves nothing to read."""
        os.ftruncate(self._descriptor, 0)


def _lock(descriptor: int) -> None:
    """Readers take the lock for an instant, so only a holder that is alive by its own word counts."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = _decoded(descriptor)
            if other is None or _alive(other.pid):
                raise
            time.sleep(_INSTANT)
        else:
            return


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def read_status(directory: Path) -> Status | None:
    """What the server with this data directory last told; None if none is running. Raises PermissionError."""
    try:
        descriptor = os.open(directory / FILE_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ForeignFileError(f"{directory / FILE_NAME} is a symbolic link: find out who made it") from error
        raise
    try:
        if os.fstat(descriptor).st_size:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _decoded(descriptor)
    finally:
        os.close(descriptor)
    return None


def _decoded(descriptor: int) -> Status | None:
    """Tries again when it read across an update."""
    for _ in range(100):
        data = os.pread(descriptor, _MOST, 0)
        try:
            return msgspec.json.decode(data, type=Status)
        except msgspec.DecodeError:
            if not data:
                return None
    return None
