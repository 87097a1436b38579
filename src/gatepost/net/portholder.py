"""Finds the process that holds a TCP port, so that "address already in use" has a name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from gatepost.text import printable

LISTENING: Final = "0A"
"""TCP_LISTEN in /proc/net/tcp (proc_pid_net(5))."""


class Holder(Struct, frozen=True):
    """Who listens there."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})"


def port_holders(port: int, proc: Path = Path("/proc")) -> list[Holder]:
    """The processes that listen on `port`, as far as we may see them; empty where the system does not tell."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    if not wanted:
        return []
    return [Holder(int(entry.name), _command(entry)) for entry in _processes(proc) if _has_open(entry, wanted)]


def _inodes(port: int, proc: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _processes(proc: Path) -> Iterator[Path]:
    return (entry for entry in proc.iterdir() if entry.name.isdigit())


def _has_open(process: Path, wanted: set[str]) -> bool:
    try:
        return any(_link(entry) in wanted for entry in (process / "fd").iterdir())
    except OSError:  # it ended, or belongs to somebody else
        return False


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""


def _command(process: Path) -> str:
    """Its command line, shortened; its short name if it hides that."""
    try:
        words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        text = words or (process / "comm").read_text().strip()
    except OSError:
        return "unknown"
    return printable(text, 80)
