"""`python -m benchmarks.profile`: where a worker's time goes.

Runs Gatepost with one worker under cProfile, gives it sessions as the benchmark does, and prints each process's
functions. cProfile makes Python functions dearer than they are and does not see into uvloop or OpenSSL, so compare
lines with each other, and the result with the benchmark. `--tls` adds the handshake and the encryption.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from benchmarks.cpu import Meter
from benchmarks.dialog_client import load as run_load
from benchmarks.gatepost_server import Gatepost
from benchmarks.sessions import CLIENTS
from benchmarks.workload import Workload, client_context, write_certificate, write_maildir

DIRECTORY = "GATEPOST_PROFILES"
"""Environment variable that tells the server below where its processes put their profiles."""

WARMUP = 3.0
"""Seconds; long enough to hash every user's password once."""
BUSY = 10
"""Calls for each session, below which a process has nothing to do with sessions and is not shown."""


def serve_profiled() -> None:
    """In the server: every forked process profiles itself, and writes what it found when it ends."""
    from gatepost.app import main  # noqa: PLC0415 - only the server needs it

    directory, leave = Path(os.environ[DIRECTORY]), os._exit
    directory.chmod(0o777)
    profiles: list[cProfile.Profile] = []

    def begin() -> None:
        # CPU time, not the clock: what others do on these cores, and waiting, is no cost of ours.
        profiles.append(cProfile.Profile(time.thread_time))
        profiles[-1].enable()

    def end(status: int) -> NoReturn:
        if profiles:
            profiles[-1].disable()
            profiles[-1].dump_stats(directory / f"{os.getpid()}.pstats")
        leave(status)

    os.register_at_fork(after_in_child=begin)
    os._exit = end
    sys.argv[0] = "gatepost"
    main()


def show(file: Path, sort: str, lines: int, sessions: int) -> None:
    """Prints one process's functions, if it was busy."""
    stats = pstats.Stats(str(file))
    if stats.total_calls < BUSY * sessions:  # type: ignore[attr-defined]
        return
    print(f"\nProcess {file.stem}, by {sort}; divide by {sessions} for one session")
    stats.strip_dirs().sort_stats(sort).print_stats(lines)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--tls", action="store_true", help="sessions with TLS")
    parser.add_argument("--seconds", type=float, default=6.0, help="of load")
    parser.add_argument("--sort", default="tottime", help="tottime, cumtime or ncalls")
    parser.add_argument("--lines", type=int, default=45, help="functions to show")
    parser.add_argument("--save", type=Path, help="directory to keep the .pstats files in")
    return parser.parse_args()


def measure(directory: Path, options: argparse.Namespace) -> int:
    """Runs server and load; returns the number of all sessions. The profiles are in `directory` afterwards."""
    load = Workload(directory)
    write_certificate(load)
    for login in load.logins:
        write_maildir(load, login)
    peer = Gatepost(load, workers=1, command=(sys.executable, "-m", "benchmarks.profile"))
    peer.prepare(load.logins)
    os.environ[DIRECTORY] = str(directory)
    with peer.running() as server:
        context = client_context(load) if options.tls else None
        mail = (load.messages, load.messages * load.size)
        warmup, _elapsed = run_load(server, context, load.logins, CLIENTS, mail, WARMUP)
        meter = Meter(server.pid)
        taken, _elapsed = run_load(server, context, load.logins, CLIENTS, mail, options.seconds)
        print(f"{len(taken)} sessions, {meter.read().server / len(taken) * 1e3:.2f} ms CPU each with the profiler on")
    return len(warmup) + len(taken)


def main() -> None:
    """Measures and prints."""
    options = arguments()
    directory = Path(tempfile.mkdtemp(prefix="gatepost-profile-"))
    directory.chmod(0o755)
    try:
        sessions = measure(directory, options)
        for file in sorted(directory.glob("*.pstats")):
            show(file, options.sort, options.lines, sessions)
            if options.save:
                options.save.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, options.save)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    if DIRECTORY in os.environ:
        serve_profiled()
    else:
        main()
