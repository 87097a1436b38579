"""CPU time and memory of a server: its first process and everything below it, living or dead.

Each process in /proc counts itself (utime, stime) and the children it has waited for (cutime, cstime), which
counted theirs. Summed over the living tree this misses nothing, however short-lived a process was, as long as parents
wait for their children; `Used.unexplained` compares with the whole machine's clock to show it.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc/PID/stat."""

    pid: int
    parent: int
    seconds: float
    """User and system time, its own and its waited-for children's."""


def parse_stat(line: str) -> Process:
    """Raises ValueError. The command name may hold blanks and brackets, so fields count from its last `)`."""
    pid, rest = line.split(" (", 1)
    fields = rest.rpartition(") ")[2].split()
    return Process(int(pid), int(fields[1]), sum(map(int, fields[11:15])) * TICK)


def processes() -> list[Process]:
    """All of the machine's."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                found.append(parse_stat(Path(entry.path, "stat").read_text()))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def below(root: int, among: list[Process]) -> list[Process]:
    """`root` and its descendants."""
    children: dict[int, list[Process]] = {}
    for process in among:
        children.setdefault(process.parent, []).append(process)
    found = [process for process in among if process.pid == root]
    for process in found:
        found.extend(children.get(process.pid, ()))
    return found


def tree(root: int) -> list[Process]:
    """`root` and its descendants, now."""
    return below(root, processes())


def cpu_seconds(root: int) -> float:
    """Of the whole tree since it started. Read it while the server is quiet."""
    return sum(process.seconds for process in tree(root))


def machine_seconds() -> float:
    """Busy CPU time of all cores since boot, without what the hypervisor gave to others."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) * TICK


def waited_seconds() -> float:
    """CPU time of our own children that have ended: the load generator."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_kb(root: int) -> tuple[float, int]:
    """Proportional set size of the tree, so that shared pages count once, and its number of processes."""
    total, count = 0, 0
    for process in tree(root):
        try:
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        count += 1
    return float(total), count


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds between two moments."""

    server: float
    clients: float
    machine: float

    @property
    def unexplained(self) -> float:
        """Share of the machine's busy time that was neither the server nor the load: other jobs, or an error."""
        return max(0.0, 1 - (self.server + self.clients) / self.machine) if self.machine else 0.0


class Meter:
    """Starts when made; `read` gives what was used since then."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._start = self._now()

    def _now(self) -> Used:
        return Used(cpu_seconds(self._root), waited_seconds(), machine_seconds())

    def read(self) -> Used:
        """Since the meter was made."""
        now, start = self._now(), self._start
        return Used(now.server - start.server, now.clients - start.clients, now.machine - start.machine)
