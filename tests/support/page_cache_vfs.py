"""A disk behind a page cache: what was written is there for every process, and on disk only after a sync.

The files themselves play the cache. Beside them stands what the disk holds: a power cut leaves that, and of what was
written since the last sync any part, in any order. A sync that fails does as Linux does: it tells once, marks the pages
clean, and they reach the disk only when somebody writes them again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import apsw

SECTOR = 512
"""What a disk writes whole, or not at all."""


class Disk:
    """What is on disk of one file, and what is not yet."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.dirty: list[tuple[int, bytes | None]] = []
        """(offset, octets), or (size, None) for a truncation."""

    def sync(self) -> None:
        for offset, data in self.dirty:
            _apply(self.durable, offset, data)
        self.dirty.clear()

    def after_a_power_cut(self, dice: Random) -> bytes:
        content, odds = bytearray(self.durable), dice.choice([0.0, 0.5, 0.9, 1.0])
        for offset, data in self.dirty:
            if data is None:
                if dice.random() < odds:
                    _apply(content, offset, None)
                continue
            for start in range(0, len(data), SECTOR):
                if dice.random() < odds:
                    _apply(content, offset + start, data[start : start + SECTOR])
        return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class PageCacheVfs(apsw.VFS):
    """Give its `name` to `open_local`."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "")
        self.name = name
        self.disks: dict[str, Disk] = {}
        self.failing = ""
        """The next sync of a file whose name ends so fails."""
        self.watch: Callable[[], None] = lambda: None
        """Called before each write and each sync."""

    def xOpen(self, name, flags):  # noqa: N802 -- APSW's name
        return PageCacheFile(self, name, flags)

    def xDelete(self, name, syncdir):  # noqa: N802 -- APSW's name
        """On disk at once: SQLite has the directory synced."""
        super().xDelete(name, syncdir)
        self.disks.pop(name, None)

    def cut_power(self, directory: Path, dice: Random) -> None:
        """Puts what is left into `directory`."""
        directory.mkdir()
        for name, disk in self.disks.items():
            if content := disk.after_a_power_cut(dice):
                (directory / Path(name).name).write_bytes(content)

    def excepthook(self, kind, value, traceback) -> None:
        """The errors are ours; SQLite gets their codes."""


class PageCacheFile(apsw.VFSFile):
    def __init__(self, vfs: PageCacheVfs, name, flags) -> None:
        self.vfs = vfs
        self.file_name = name.filename() if isinstance(name, apsw.URIFilename) else name
        self.disk = vfs.disks.setdefault(self.file_name, Disk())
        super().__init__("", name, flags)

    def xWrite(self, data, offset):  # noqa: N802 -- APSW's name
        self.vfs.watch()
        super().xWrite(data, offset)
        self.disk.dirty.append((offset, bytes(data)))

    def xTruncate(self, size):  # noqa: N802 -- APSW's name
        super().xTruncate(size)
        self.disk.dirty.append((size, None))

    def xSync(self, flags):  # noqa: N802 -- APSW's name, ARG002
        self.vfs.watch()
        if self.vfs.failing and self.file_name.endswith(self.vfs.failing):
            self.vfs.failing = ""
            self.disk.dirty.clear()
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
        self.disk.sync()

    def excepthook(self, kind, value, traceback) -> None:
        """As above."""
