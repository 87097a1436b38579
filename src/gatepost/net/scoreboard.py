"""Counts of connections in memory that all processes share: one row for each worker, written by it alone.

Made before the fork. A reader may see a row between two of its writes, which on a status page does no harm.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection
from typing import Final

from msgspec import Struct

from gatepost.ports import SERVICES

_PID, _ACCEPTED, _FIRST_SERVICE = range(3)
_CELLS: Final = _FIRST_SERVICE + len(SERVICES)
_COLUMN: Final = {service.name: _FIRST_SERVICE + position for position, service in enumerate(SERVICES)}


class Totals(Struct, frozen=True):
    """Sums over the workers that live."""

    connections: dict[str, int]
    """Open now, by service."""
    accepted: int
    """So far."""


class Scoreboard:
    """All rows; their numbers are also the workers' numbers in the shared tally."""

    __slots__ = ("_cells", "_next", "rows")

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._cells = memoryview(mmap.mmap(-1, rows * _CELLS * 8)).cast("Q")
        self._next = -1

    def take_rows(self, count: int, reserved: Collection[int]) -> list[int] | None:
        """In the supervisor: rows for the places of so many new workers; None if there are not as many.

        Neither one in `reserved`, nor one whose owner has not ended: a worker may outlive many reloads. In turn, so
        that one that was just given back is not met again soon.
        """
        taken = self.owners().keys() | set(reserved)
        turn = [row % self.rows for row in range(self._next + 1, self._next + 1 + self.rows)]
        free = [row for row in turn if row not in taken][:count]
        if len(free) < count:
            return None
        self._next = free[-1]
        return free

    def begin(self, row: int, pid: int) -> bool:
        """In the worker: the row is its own. True if its last owner died without a word."""
        died = self._cells[row * _CELLS + _PID] != 0
        for cell in range(row * _CELLS, (row + 1) * _CELLS):
            self._cells[cell] = 0
        self._cells[row * _CELLS + _PID] = pid
        return died

    def end(self, row: int, pid: int) -> None:
        """Worker `pid` is no more."""
        if self._cells[row * _CELLS + _PID] == pid:
            self._cells[row * _CELLS + _PID] = 0

    def opened(self, row: int, service: str) -> None:
        """A connection began."""
        self._cells[row * _CELLS + _ACCEPTED] += 1
        self._cells[row * _CELLS + _COLUMN[service]] += 1

    def closed(self, row: int, service: str) -> None:
        """A connection is gone."""
        self._cells[row * _CELLS + _COLUMN[service]] -= 1

    def owners(self) -> dict[int, int]:
        """Process id by row, of the rows that have an owner, dead or alive."""
        pids = enumerate(self._cells[_PID::_CELLS].tolist())
        return {row: pid for row, pid in pids if pid}

    def totals(self, live: Collection[int]) -> Totals:
        """Over the workers whose process ids are in `live`."""
        rows = [row for row, pid in self.owners().items() if pid in live]
        connections = {name: self._sum(rows, column) for name, column in _COLUMN.items()}
        return Totals({name: count for name, count in connections.items() if count}, self._sum(rows, _ACCEPTED))

    def _sum(self, rows: Collection[int], column: int) -> int:
        return sum(self._cells[row * _CELLS + column] for row in rows)
