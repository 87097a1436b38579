"""A file system that fails on demand."""

from __future__ import annotations

from collections.abc import Callable

import apsw


class FaultVfs(apsw.VFS):
    """Fails the writes or syncs from the `at`-th on (counted from `arm`), `times` of them."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "")
        self.name = name
        self.error: Callable[[str], Exception] | None = None
        self.errno = 0
        """The system's number for the failure."""
        self.unreadable: set[int] = set()
        """Offsets in the database that cannot be read."""
        self.operation = ""
        self.at = self.times = self.count = 0
        self.fired = 0

    def arm(self, operation: str, error: Callable[[str], Exception], at: int, times: int = 1 << 30) -> None:
        self.operation, self.error, self.at, self.times, self.count, self.fired = operation, error, at, times, 0, 0

    def disarm(self) -> None:
        self.error = None

    def step(self, operation: str) -> None:
        if self.error is None or operation != self.operation:
            return
        self.count += 1
        if self.at <= self.count < self.at + self.times:
            self.fired += 1
            raise self.error(f"{operation} {self.count} fails")

    def xGetLastError(self):  # noqa: N802 -- APSW's name
        return self.errno, ""

    def xOpen(self, name, flags):  # noqa: N802 -- APSW's name
        return FaultFile(self, name, flags)

    def excepthook(self, kind, value, traceback) -> None:
        """The errors are ours; SQLite gets their codes."""


class FaultFile(apsw.VFSFile):
    def __init__(self, vfs: FaultVfs, name, flags) -> None:
        self.vfs = vfs
        super().__init__("", name, flags)

    def xRead(self, amount, offset):  # noqa: N802 -- APSW's name
        if offset in self.vfs.unreadable:
            raise apsw.exception_for(apsw.SQLITE_IOERR_READ)
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):  # noqa: N802 -- APSW's name
        self.vfs.step("write")
        super().xWrite(data, offset)

    def xSync(self, flags):  # noqa: N802 -- APSW's name
        self.vfs.step("sync")
        super().xSync(flags)

    def excepthook(self, kind, value, traceback) -> None:
        """As above."""
