"""`Maintenance` for whoever can read the directory: it needs no writer, and holds none up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gatepost.store.api import Finding
from gatepost.store.sqlite import backup, check


class OnlineMaintenance:
    """Runs on connections of its own, in the calling process."""

    _directory: Path

    async def verify(self, progress: Callable[[int, int], None]) -> Sequence[Finding]:
        """See `Maintenance`."""
        return await check.verify(self._directory, progress)

    async def backup(self, file: str, progress: Callable[[int, int], None]) -> None:
        """See `Maintenance`."""
        await backup.backup(self._directory, Path(file), progress)
