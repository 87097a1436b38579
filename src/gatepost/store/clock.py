"""The wall clock, believed only as far as there is reason to: by it mail is deleted for good.

A machine may start with any date, and run with it until somebody or something sets it right. So what it says is
compared with what it said when it was last believed: while the machine ran on, a clock that nobody sets knows how much
time has passed since; if the machine was off, a day may have passed. A clock that says something else is believed when
it has run evenly for three days, or when the administrator says that it is right. Until then nothing is deleted because
of its age.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import DecodeError, Struct, json
from msgspec.structs import replace

from gatepost.owner import open_own

log: Final = logging.getLogger("gatepost.store")

FILE: Final = "store.clock"
TOLERANCE: Final = 3600.0
"""Seconds by which the clock may be set without a question: holds and EXPIRE count in days."""
LONGEST_REST: Final = 86_400.0
"""Seconds that a machine may have been off without a question: nothing is deleted more than so much too early."""
PROOF: Final = 3 * 86_400.0
"""Seconds that a clock has to run evenly: longer than a weekend, in which nobody looks."""
WRITTEN_EVERY: Final = 60.0


class Moment(Struct, frozen=True):
    """One look at the clocks."""

    wall: float
    """Seconds since the epoch."""
    steady: float
    """Seconds since the machine started, sleep included."""
    boot: str
    """Which start that was; empty: unknown."""

    def goes_on_to(self, later: Moment) -> bool:
        """Whether the clock may have come from here to there by itself."""
        passed = later.wall - self.wall
        if self.boot and self.boot == later.boot:
            return abs(passed - (later.steady - self.steady)) <= TOLERANCE
        return -TOLERANCE <= passed <= LONGEST_REST


class Record(Struct, frozen=True):
    """What is remembered of the clock."""

    good: Moment | None = None
    """When it was last believed."""
    first: Moment | None = None
    """Since when it says something else; None: it is believed."""
    last: Moment | None = None

    @property
    def believed(self) -> bool:
        return self.good is not None and self.first is None

    def after(self, now: Moment) -> Record:
        """The record with this look."""
        if self.good and self.good.goes_on_to(now):
            return Record(now)
        if self.first and self.last and self.last.goes_on_to(now):
            return Record(now) if now.wall - self.first.wall >= PROOF else replace(self, last=now)
        return Record(self.good, now, now)

    def doubt(self) -> str:
        """Why it is not believed, for people; empty if there was nothing yet to compare it with."""
        if self.good is None or self.first is None or self.last is None:
            return ""
        hours = round(max(0.0, PROOF - (self.last.wall - self.first.wall)) / 3600)
        return (
            f"The clock says {_date(self.last.wall)}; when it was last believed, it said {_date(self.good.wall)}. As "
            "far as this machine knows, so much time has not passed. No mail expires, and nothing held is removed, "
            f"until it has run evenly for {hours} more hours. If it is right, run `gatepost store trust-clock`."
        )


def _date(wall: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(wall))


def steady() -> float:
    """Seconds since the machine started. Where sleep is not counted, a clock that went on meanwhile is doubted."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def this_boot() -> str:
    """Linux tells; elsewhere each start of the server counts as one of the machine."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return ""


def read_record(directory: Path) -> Record:
    """An empty one if there is none, or none that can be read. Raises PermissionError, ForeignFileError."""
    try:
        with os.fdopen(open_own(directory / FILE, os.O_RDONLY), "rb") as file:
            return json.decode(file.read(), type=Record)
    except PermissionError:
        raise
    except (OSError, DecodeError):
        return Record()


class StoreClock:
    """What the one process that writes calls for the time: it never goes back behind what was believed before.

    A message that came while the clock was years behind would else be years old as soon as it is set right.
    """

    def __init__(
        self,
        directory: Path,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady,
        boot: Callable[[], str] = this_boot,
    ) -> None:
        self._file = directory / FILE
        self._wall = wall
        self._steady = steady
        self._boot = boot()
        self._written = self._said = -WRITTEN_EVERY
        self._record = read_record(directory)
        self._least, self._since = 0.0, steady()
        self._begin_at(self._record.good)

    def _begin_at(self, good: Moment | None) -> None:
        if good is not None:
            same = bool(self._boot) and good.boot == self._boot
            self._since = self._steady()
            self._least = good.wall + (self._since - good.steady if same else 0.0)

    def __call__(self) -> float:
        """Seconds since the epoch, for what is written now."""
        return max(self._wall(), self._least + self._steady() - self._since)

    def believed(self) -> float | None:
        """A look at the clock: the time by which may be deleted, or None. Tells of doubts, once an hour at most."""
        now = Moment(self._wall(), self._steady(), self._boot)
        before, self._record = self._record, self._record.after(now)
        changed = before.believed != self._record.believed or before.first != self._record.first
        if changed or now.steady - self._written >= WRITTEN_EVERY:
            self._written = now.steady
            self._write()
        if not self._record.believed:
            if (doubt := self._record.doubt()) and (changed or now.steady - self._said >= TOLERANCE):
                self._said = now.steady
                log.warning("%s", doubt)
            return None
        if before.first and before.good:
            log.warning("the clock is believed: it says %s", _date(now.wall))
        self._begin_at(now)
        return now.wall

    def trust(self) -> None:
        """The administrator says that it is right."""
        now = Moment(self._wall(), self._steady(), self._boot)
        log.warning("the clock is believed, as its administrator says: it says %s", _date(now.wall))
        self._record = Record(now)
        self._begin_at(now)
        self._write()

    def _write(self) -> None:
        """Complete before it has its name. Without it the next process will doubt a right clock: no more than that."""
        partial = self._file.with_name(f"{FILE}.partial")
        try:
            descriptor = open_own(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                os.write(descriptor, json.encode(self._record))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            partial.rename(self._file)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._file, error.strerror)
