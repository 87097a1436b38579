"""Notices that files were replaced or written, by looking at them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

Mark = tuple[int, int, int] | None


class Watch:
    """Certificate files under watch. A look costs about 2 µs a file: once a second is cheap.

    Links are followed, because certbot renews by pointing a link elsewhere.
    """

    __slots__ = ("_marks",)

    def __init__(self, paths: Iterable[str]) -> None:
        self._marks = {path: _mark(path) for path in paths}

    def changed(self) -> bool:
        """Whether any file is another one than at the last look."""
        marks = {path: _mark(path) for path in self._marks}
        differs = marks != self._marks
        self._marks = marks
        return differs


def _mark(path: str) -> Mark:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
