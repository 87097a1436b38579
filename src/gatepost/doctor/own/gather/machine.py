"""Disk, limits, privileges and the unit: what the machine gives to the server."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from gatepost.doctor.own.facts import Disk, Limits, Unit
from gatepost.doctor.own.gather.system import System, user_name

UNIT: Final = "gatepost.service"
_UNIT_FOLDERS: Final = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system")
_MORE_UNIT_FOLDERS: Final = ("usr/lib/systemd/system", "lib/systemd/system")
_OPEN_FILES: Final = re.compile(r"^Max open files\s+(\d+)", re.MULTILINE)
_REAL_USER: Final = re.compile(r"^Uid:\s+(\d+)", re.MULTILINE)
_TOTAL: Final = re.compile(r"^MemTotal:\s+(\d+) kB", re.MULTILINE)
_GROUP: Final = re.compile(r"^0::(/.*)$", re.MULTILINE)


def disk(directory: Path, system: System) -> Disk | None:
    """Of the directory, or of the nearest one above it that exists and that we may see."""
    for place in (directory, *directory.parents):
        with suppress(OSError):
            found = system.statvfs(place)
            unit = found.f_frsize
            return Disk(found.f_blocks * unit, found.f_bavail * unit, found.f_files, found.f_favail)
    return None


def limits(pid: int, system: System) -> Limits:
    """Those of the process; of the machine alone if `pid` is 0."""
    files = _OPEN_FILES.search(system.text(f"proc/{pid}/limits"))
    total = _TOTAL.search(system.text("proc/meminfo"))
    group = _GROUP.search(system.text(f"proc/{pid}/cgroup"))
    sizes = [int(total[1]) * 1024] if total else []
    with suppress(ValueError):  # `max`: no limit
        sizes += [int(system.text(f"sys/fs/cgroup{group[1]}/memory.max"))] if group else []
    return Limits(int(files[1]) if files else 0, min(sizes, default=0))


def user_of(pid: int, system: System) -> str:
    """As whom a process runs; empty if that cannot be seen."""
    found = _REAL_USER.search(system.text(f"proc/{pid}/status"))
    return user_name(int(found[1])) if found else ""


def unit(system: System) -> Unit:
    """Whether systemd runs this machine, and knows our unit."""
    if not (system.root / "run/systemd/system").is_dir():
        return Unit(systemd=False)
    folders = [system.root / folder for folder in (*_UNIT_FOLDERS, *_MORE_UNIT_FOLDERS)]
    file = next((folder / UNIT for folder in folders if (folder / UNIT).exists()), None)
    wanted = any((system.root / "etc/systemd/system").glob(f"*.wants/{UNIT}"))
    socket = any((system.root / "etc/systemd/system").glob("*.wants/gatepost*.socket"))
    return Unit(systemd=True, file=str(file or ""), enabled=wanted or socket)
