"""Signs of life that children give, and how the supervisor tells one that hangs from one that works.

A child counts up in memory that it shares with the supervisor, from its event loop: who hangs there gives no sign. The
supervisor looks at each tick and adds up, tick by tick, how long it saw none; so neither its own pause nor that of the
whole machine (suspended, frozen, in a debugger) counts against a child for more than one tick.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

BEAT_EVERY: Final = 2.0
"""Seconds between two signs of life."""
LONGEST_TICK: Final = 2.0
"""Seconds that one look of the supervisor adds at most: it looks once a second, when nothing holds it up."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a child may be silent before it is taken to hang. Waiting for the disk never counts."""

    idle: float
    """Seconds in which it did nothing at all."""
    busy: float
    """Seconds in all, those in which it used the processor included."""


WORKER_PATIENCE: Final = Patience(idle=30.0, busy=60.0)
"""A worker serves thousands in turns of milliseconds; even one that reads a mailbox of a million messages is back in
seconds."""
KEEPER_PATIENCE: Final = Patience(idle=60.0, busy=1800.0)
"""One command may remove an account with millions of messages; a checkpoint or a sync waits for the disk."""


class Pulse:
    """Made before the fork; the child beats, the parent reads."""

    __slots__ = ("_cell",)

    def __init__(self) -> None:
        self._cell = memoryview(mmap.mmap(-1, 8)).cast("Q")

    def beat(self) -> None:
        """A sign of life."""
        self._cell[0] += 1

    def beats(self) -> int:
        """How many there were."""
        return self._cell[0]


class Doing(Enum):
    """What a process did since it was last looked at."""

    NOTHING = auto()
    COMPUTING = auto()
    WAITING_FOR_DISK = auto()


class Silence:
    """One child's, as its supervisor sees it."""

    __slots__ = ("_beats", "_idle", "_looked", "_pulse", "_total", "_used", "_who")

    def __init__(self, pid: int, pulse: Pulse, now: float, proc: Path = Path("/proc")) -> None:
        self._pulse = pulse
        self._who = proc / str(pid) / "stat"
        self._beats = pulse.beats()
        self._used = -1
        self._looked = now
        self._idle = self._total = 0.0

    def too_long(self, patience: Patience, now: float) -> bool:
        """To be asked at each tick, with the monotonic clock."""
        passed, self._looked = min(now - self._looked, LONGEST_TICK), now
        beats = self._pulse.beats()
        if beats != self._beats:
            self._beats = beats
            self._idle = self._total = 0.0
            return False
        if self._total <= BEAT_EVERY:  # most children have nothing to hide: no file is read for them
            self._total += passed
            return False
        match self._doing():
            case Doing.WAITING_FOR_DISK:
                return False
            case Doing.NOTHING:
                self._idle += passed
            case Doing.COMPUTING:
                pass
        self._total += passed
        return self._idle > patience.idle or self._total > patience.busy

    def seconds(self) -> int:
        """Of silence so far."""
        return round(self._total)

    def _doing(self) -> Doing:
        """By the process's state and its time on the processor (proc_pid_stat(5)); where there is none, nothing."""
        try:
            fields = self._who.read_bytes().rpartition(b")")[2].split()
            used = int(fields[11]) + int(fields[12])
        except (OSError, ValueError, IndexError):
            return Doing.NOTHING
        before, self._used = self._used, used
        if fields[0] == b"D":
            return Doing.WAITING_FOR_DISK
        return Doing.COMPUTING if before not in (-1, used) else Doing.NOTHING
