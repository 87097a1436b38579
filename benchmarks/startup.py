"""How soon the command line is of use: `gatepost explain` answers, `gatepost doctor` makes its first probe."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.host import BenchmarkError
from benchmarks.workload import HOST

ROUNDS = 15
PATIENCE = 10.0
MESSAGE = "535 5.7.8 Username and Password not accepted"
GATEPOST = str(Path(sys.executable).with_name("gatepost"))


@dataclass(frozen=True, slots=True)
class Startup:
    """Seconds, medians."""

    what: str
    seconds: float
    at_most: float


def measure() -> list[Startup]:
    """Both, each several times. Raises BenchmarkError."""
    return [
        Startup("`gatepost explain`, from start to end", _median(_explain), 0.3),
        Startup("`gatepost doctor HOST:PORT`, from start to the first probe", _median(_first_probe), 0.5),
    ]


def _median(once: Callable[[], float]) -> float:
    once()
    return statistics.median(once() for _ in range(ROUNDS))


def _explain() -> float:
    began = time.monotonic()
    subprocess.run([GATEPOST, "explain", MESSAGE], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def _first_probe() -> float:
    """Until a listening socket is connected to; it hangs up, and the doctor ends."""
    with socket.create_server((HOST, 0)) as listening:
        listening.settimeout(PATIENCE)
        target = f"{HOST}:{listening.getsockname()[1]}"
        began = time.monotonic()
        doctor = subprocess.Popen(
            [GATEPOST, "doctor", target, "--service", "pop3s", "--timeout", "1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            raise BenchmarkError("the doctor did not probe") from None
        else:
            seconds = time.monotonic() - began
            connection.close()
            return seconds
        finally:
            doctor.kill()
            doctor.wait()
