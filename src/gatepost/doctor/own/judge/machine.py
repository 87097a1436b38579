"""What the machine gives: disk, limits, the unit, owners (rows O50-O56, O81-O85), and its clock (O58, O59)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding
from gatepost.doctor.own.facts import Disk, Host
from gatepost.net.places import SERVICE_FILES, SUPERVISOR_ONLY
from gatepost.net.privileges import SPARE_FILES

LOW_MESSAGES: Final = 10
"""Room for less than this many of the largest messages is little."""
LOW_SHARE: Final = 0.05
LOW_AT_MOST: Final = 20 * 1024**3
"""Whoever has so much left has time, however large the disk is."""
PER_CONNECTION: Final = 40 * 1024
"""An idle encrypted connection (the measured budget)."""
FEW_INODES: Final = 0.01
FORWARD: Final = 300.0
"""Seconds that a file may be ahead of the clock: network file systems have clocks of their own."""


def machine(host: Host, book: Book) -> list[Finding]:
    """Everything but the clock."""
    found = list(_disk(host.disk, host, book)) if host.disk else []
    found += _limits(host, book)
    found += _owners(host, book)
    if host.unit.systemd and not host.unit.file:
        found.append(book.finding("O83"))
    elif host.unit.systemd and not host.unit.enabled:
        found.append(
            book.finding("O84", subject=host.unit.file, command=f"systemctl enable {Path(host.unit.file).name}")
        )
    if host.data.first_login:
        found.append(book.finding("O85", subject=host.data.path))
    return found


def _disk(disk: Disk, host: Host, book: Book) -> Iterator[Finding]:
    largest = host.settings.delivery.message_size
    low = max(LOW_MESSAGES * largest, min(disk.size * LOW_SHARE, LOW_AT_MOST))
    parameters: dict[str, Any] = {"file": host.data.path, "size": size(disk.free), "expected": size(host.data.octets)}
    if disk.free < largest:
        yield book.finding("O9", subject=host.data.path, **parameters)
    elif disk.free < low:
        yield book.finding("O8", subject=host.data.path, **parameters)
    elif disk.free < host.data.octets:
        yield book.finding("O53", subject=host.data.path, **parameters)
    if disk.inodes and disk.inodes_free < disk.inodes * FEW_INODES:
        yield book.finding("O52", subject=host.data.path, count=str(disk.inodes_free), file=host.data.path)


def _limits(host: Host, book: Book) -> Iterator[Finding]:
    connections = host.settings.limits.connections
    if 0 < host.limits.open_files < connections + SPARE_FILES:
        yield book.finding(
            "O55",
            count=str(host.limits.open_files),
            limit=str(connections),
            expected=str(connections + SPARE_FILES),
        )
    workers = sum(each.name.startswith("worker") for each in host.status.processes) if host.status else 0
    need = workers * connections * PER_CONNECTION
    if 0 < host.limits.memory < need:
        yield book.finding(
            "O56",
            size=size(host.limits.memory),
            expected=size(need),
            limit=str(connections),
            count=str(workers),
        )


def _owners(host: Host, book: Book) -> Iterator[Finding]:
    """Who is not the owner of the directory is in its way, but for what the supervisor keeps for itself."""
    directory = Path(host.data.path)
    kept = [directory / name for name in SUPERVISOR_ONLY] if host.supervisor_user in ("", "root") else []
    others = [
        each
        for each in host.data.strangers
        if not (each.owner == "root" and any(Path(each.path).is_relative_to(place) for place in kept))
    ]
    if others:
        names = ", ".join(f"{Path(each.path).name} ({each.owner})" for each in others)
        yield book.finding(
            "O81",
            subject=host.data.path,
            evidence=names,
            user=host.data.owner,
            file=host.data.path,
            command=_give_back([Path(each.path) for each in others], directory, host.data.owner),
        )


def _give_back(strangers: list[Path], directory: Path, owner: str) -> str:
    """The line for the server's own files among them: no keys, and nothing that somebody else put there."""
    own = [
        str(path)
        for path in strangers
        if path.parent == directory and any(fnmatchcase(path.name, pattern) for pattern in SERVICE_FILES)
    ]
    return shlex.join(["chown", "-h", owner, *own]) if own else ""


def clock(host: Host, book: Book) -> list[Finding]:
    """Whether it is plainly wrong, and whether anybody keeps it right."""
    latest = max([host.data.newest, *(file.begins for file in host.files if file.local)], default=0.0)
    now = moment(host.now)
    if latest > host.now + FORWARD:
        return [book.finding("O10", evidence=f"{now} < {moment(latest)}", seconds=str(int(latest - host.now)))]
    if host.clock and not host.clock.synchronised:
        return [book.finding("O59", clock=now)]
    return []


def moment(seconds: float) -> str:
    """`2026-11-23 04:10 UTC`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def size(octets: int) -> str:
    """`1.5 GB`."""
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if octets >= length:
            return f"{octets / length:.1f} {unit}"
    return f"{octets} B"
