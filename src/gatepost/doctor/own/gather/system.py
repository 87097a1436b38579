"""Every question to the machine that a test must be able to answer in its place."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatepost.config.listeners import may_bind_low_ports
from gatepost.doctor.own.facts import Clock

_TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""
_RUN_SECONDS: Final = 5.0


class _Timex(ctypes.Structure):
    """struct timex as adjtimex(2) has it; room behind it for what newer kernels add."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),
    )


def kernel_clock() -> Clock | None:
    """What the kernel knows of its clock; None where it cannot be asked (it is no Linux, or a filter forbids it)."""
    adjtimex = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
    found = _Timex()
    state = adjtimex(ctypes.byref(found)) if adjtimex else -1
    return Clock(state != _TIME_ERROR, found.maxerror / 1_000_000) if state >= 0 else None


def run(command: Sequence[str]) -> str:
    """What a program prints; nothing if there is none, or if it fails or takes too long."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 -- our own words only
            [program, *command[1:]], capture_output=True, check=False, timeout=_RUN_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def is_here(address: str) -> bool:
    """Whether the address is one of this machine's: the system lets us bind no other. Sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as tried:
            tried.bind((address, 0))
    except OSError:
        return False
    return True


def user_name(number: int) -> str:
    """The name of a user, or its number if it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The machine."""

    root: Path = Path("/")
    """Where /proc, /etc, /run and their like are."""
    euid: Callable[[], int] = os.geteuid
    privileged: Callable[[], bool] = may_bind_low_ports
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs
    now: Callable[[], float] = time.time
    clock: Callable[[], Clock | None] = kernel_clock
    run: Callable[[Sequence[str]], str] = run
    is_here: Callable[[str], bool] = is_here

    def text(self, path: str) -> str:
        """The content of a small file below `root`; empty if it cannot be read."""
        try:
            return (self.root / path).read_text("utf-8", "replace")
        except OSError:
            return ""
