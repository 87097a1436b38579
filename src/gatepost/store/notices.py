"""What the store has to tell its administrator: known from files beside the database, which is not opened."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gatepost.store.clock import read_record

RESERVE: Final = "store.reserve"
"""Holds room that only deleting may use; empty while it has none (`gatepost.store.sqlite.reserve`)."""
_DAMAGED: Final = ".damaged-"


def damaged_log_name(log: str, mark: str) -> str:
    """Of the copy of a damaged log: the same damage has the same name."""
    return f"{log}{_DAMAGED}{mark}"


def damaged_logs(directory: Path) -> Sequence[Path]:
    """The copies that are there, by age."""
    found = [file for file in directory.glob(f"store.db-wal{_DAMAGED}*") if file.suffix != ".partial"]
    return sorted(found, key=lambda file: file.stat().st_mtime)


def notices(directory: Path) -> Sequence[str]:
    """One sentence or two for each; the most important first. Raises PermissionError."""
    doubt = read_record(directory).doubt()
    return [*_of_room(directory), *_of_damage(directory), *([doubt] if doubt else [])]


def _of_room(directory: Path) -> Iterator[str]:
    try:
        empty = (directory / RESERVE).stat().st_size == 0
    except FileNotFoundError:
        return
    if empty:
        yield "The disk is full: mail can be read and deleted, but none comes in until there is room on the disk."


def _of_damage(directory: Path) -> Iterator[str]:
    for file in damaged_logs(directory):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(file.stat().st_mtime))
        yield (
            f"The write-ahead log was found damaged at {when}; the server's log says what became of it. Run "
            f"`gatepost store verify`, check disk and memory for faults, then remove {file}."
        )
