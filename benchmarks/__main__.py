"""`make bench`: prepares every server, measures them in turn, and writes RESULTS.md."""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import fairness, idle, large, report, scale, sessions, startup
from benchmarks.dovecot import DEFAULT, SHARED_FLAVOUR, TUNED_FLAVOUR, Dovecot
from benchmarks.floor import Floor
from benchmarks.gatepost_server import Gatepost
from benchmarks.host import BenchmarkError, Peer
from benchmarks.workload import Workload, write_certificate, write_maildir

RESULTS = Path(__file__).parent / "RESULTS.md"
PARTS = ("sessions", "idle", "large", "scale", "fairness", "startup")

PEERS: dict[str, Callable[[Workload], Peer]] = {
    "floor": Floor,
    "dovecot-default": lambda load: Dovecot(load, DEFAULT),
    "dovecot-tuned": lambda load: Dovecot(load, TUNED_FLAVOUR),
    "dovecot-shared": lambda load: Dovecot(load, SHARED_FLAVOUR),
    "gatepost": Gatepost,
    "gatepost-none-kept": lambda load: Gatepost(load, kept=0),
}
WITHOUT_LARGE = ("floor", "dovecot-default", "dovecot-shared", "gatepost-none-kept")


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a run does."""

    rounds: int
    seconds: float
    crowds: tuple[int, ...]
    large_messages: int
    scale_messages: int
    scale_accounts: int


FULL = Plan(
    rounds=7,
    seconds=3.0,
    crowds=(1_000, 10_000),
    large_messages=100_000,
    scale_messages=1_000_000,
    scale_accounts=100_000,
)
QUICK = Plan(rounds=2, seconds=1.0, crowds=(200,), large_messages=2_000, scale_messages=100_000, scale_accounts=10_000)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of fifteen; rough figures")
    parser.add_argument("--only", default=",".join(PEERS), help=f"servers, with commas: {', '.join(PEERS)}")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"measurements, with commas: {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, help="how often the servers take turns")
    parser.add_argument("--seconds", type=float, help="length of one server's turn")
    parser.add_argument("--output", type=Path, help="file for the results; a full run writes RESULTS.md")
    options = parser.parse_args(given)
    options.only, options.parts = options.only.split(","), options.parts.split(",")
    if unknown := {*options.only, *options.parts} - {*PEERS, *PARTS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return options


def plan(options: argparse.Namespace) -> Plan:
    """The plan with what the command line changes."""
    base = QUICK if options.quick else FULL
    changes = {name: getattr(options, name) for name in ("rounds", "seconds") if getattr(options, name)}
    return dataclasses.replace(base, **changes)


def _prepare(load: Workload, names: Sequence[str], *, with_large: bool) -> list[Peer]:
    """Writes the mail and fills every server's store."""
    write_certificate(load)
    for login in [*load.logins, *([load.large] if with_large else [])]:
        write_maildir(load, login)
    peers = []
    for name in names:
        peer, began = PEERS[name](load), time.monotonic()
        more = [load.large] if with_large and name not in WITHOUT_LARGE else []
        peer.prepare([*load.logins, *more])
        print(f"  {peer.name}: {peer.detail}; filled in {time.monotonic() - began:.1f} s", flush=True)
        peers.append(peer)
    return peers


def measure(load: Workload, options: argparse.Namespace) -> report.Findings:
    """Everything that was asked for. Raises BenchmarkError."""
    todo = plan(options)
    print("Preparing", flush=True)
    peers = _prepare(load, options.only, with_large="large" in options.parts)
    found = report.Findings(load, peers, todo.rounds, todo.seconds)
    if "sessions" in options.parts:
        print("Sessions", flush=True)
        found.series = sessions.compare(load, peers, rounds=todo.rounds, seconds=todo.seconds)
    if "idle" in options.parts:
        print("Idle connections", flush=True)
        found.idle = idle.compare(load, peers, todo.crowds, found.failures)
    if "large" in options.parts:
        print("Large maildrop", flush=True)
        visited = [peer for name, peer in zip(options.only, peers, strict=True) if name not in WITHOUT_LARGE]
        found.large = large.compare(load, visited, found.failures)
    if "scale" in options.parts:
        print("A million messages", flush=True)
        found.scale = scale.measure(load.directory, messages=todo.scale_messages, accounts=todo.scale_accounts)
    if "fairness" in options.parts:
        print("Hostile pipelines beside good clients", flush=True)
        found.fairness = fairness.measure(load, rounds=todo.rounds, seconds=todo.seconds)
    if "startup" in options.parts:
        print("Start-up", flush=True)
        found.startup = startup.measure()
    return found


def _interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Returns 0 if every promise was kept and everything was measured, 1 if not, 2 if something went wrong."""
    options = arguments()
    signal.signal(signal.SIGTERM, _interrupted)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    directory = Path(tempfile.mkdtemp(prefix="gatepost-bench-"))
    directory.chmod(0o755)
    load = Workload(directory, large_messages=plan(options).large_messages)
    try:
        found = measure(load, options)
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmark: interrupted; nothing was written", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    page = report.render(found)
    print("\n" + page)
    full = not options.quick and options.only == list(PEERS) and options.parts == list(PARTS)
    if output := options.output or (RESULTS if full else None):
        output.write_text(page)
        print(f"written to {os.path.relpath(output)}")
    return 0 if not found.failures and all(each.kept for each in report.verdicts(found)) else 1


if __name__ == "__main__":
    sys.exit(main())
