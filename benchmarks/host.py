"""Starting and ending a server, and what this machine is."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import random
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.cpu import tree
from benchmarks.workload import HOST

START_SECONDS = 30.0
STOP_SECONDS = 15.0
PORTS = range(20_000, 30_000)
"""Below the range that systems take source ports from."""


class BenchmarkError(Exception):
    """A server did not do what the dialog needs. The text says which, what and where its log is."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    name: str
    pid: int
    plain: int
    tls: int

    def port(self, *, tls: bool) -> int:
        return self.tls if tls else self.plain


class Peer(Protocol):
    """A server that takes part."""

    name: str
    detail: str
    """Version and configuration, for the report."""
    crowd: int
    """Most idle connections that it is asked to hold, logged in."""

    def prepare(self, logins: Sequence[str]) -> None:
        """Puts these users and their mail in its store. Called once."""

    def running(self, *, crowd: int = 0) -> AbstractContextManager[Running]:
        """Runs it. `crowd` connections at once must find room, several for one user."""


def free_ports(count: int) -> list[int]:
    """Numbers that were free a moment ago on loopback, and that no connection gets as its source port."""
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        if len(found) == count:
            break
        with contextlib.suppress(OSError), socket.socket() as each:
            each.bind((HOST, port))
            found.append(port)
    return found


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=5) as each:
            return each.recv(1) == b"+"
    except OSError:
        return False


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise BenchmarkError(f"no greeting on port {port} from {process.args!r}:\n{tail}")
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a server and, should it leave any behind, the processes below it."""
    family = [each.pid for each in tree(process.pid)]
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)


@contextlib.contextmanager
def started(
    name: str, command: Sequence[str], ports: Sequence[int], log: Path, *, env: dict[str, str] | None = None
) -> Iterator[Running]:
    """Runs `command` until the block ends; `ports` are its plain and its TLS port. Raises BenchmarkError."""
    plain, tls = ports
    # A session of its own: Ctrl-C reaches us first, and we end it in order.
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=env
        )
    try:
        _await_ready(process, plain, log)
        yield Running(name, process.pid, plain, tls)
    finally:
        stop(process)


def run(command: Sequence[str], *, stdin: str | None = None, seconds: float = 600) -> str:
    """Runs a command to its end and returns what it printed. Raises BenchmarkError if it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def cores() -> int:
    """That we may use."""
    return len(os.sched_getaffinity(0))


def describe() -> dict[str, str]:
    """The machine, for the report."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    return {
        "CPU": f"{models[0] if models else platform.machine()}, {cores()} cores",
        "Memory": f"{memory:,} MB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_version()}, {ssl.OPENSSL_VERSION}, uvloop {importlib.metadata.version('uvloop')}",
    }
