"""`gatepost serve` whose keeper writes to a disk that fails on demand: `python -m support.faulty_server …`.

The order lies in the file that `ORDER` names: the operation, the error, which of them is the first to fail, and how
many do, then anything that tells it from the order before: `write FullError 3 1000000 a`. When the last of them has
failed the file goes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import apsw

from gatepost.app import main
from gatepost.store import keeper
from support.fault_vfs import FaultVfs

ORDER: Final = "GATEPOST_TEST_FAULT"


class OrderedVfs(FaultVfs):
    """Reads its orders before each step."""

    def __init__(self, file: Path) -> None:
        super().__init__("ordered")
        self._file = file
        self._read = ""

    def step(self, operation: str) -> None:
        order = self._file.read_text() if self._file.exists() else ""
        if order != self._read:
            self._read = order
            self.disarm()
            if order:
                kind, error, at, times, _ = order.split()
                self.arm(kind, getattr(apsw, error), int(at), int(times))
        try:
            super().step(operation)
        finally:
            if self.error is not None and self.fired >= self.times:
                self._file.unlink()


if __name__ == "__main__":
    disk, open_writer = OrderedVfs(Path(os.environ[ORDER])), keeper.open_writer
    keeper.open_writer = lambda directory, _vfs=None: open_writer(directory, disk.name)
    main()
