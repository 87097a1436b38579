"""Whole sessions: server CPU, rate and latency, with and without TLS, the servers taking turns."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.cpu import Meter
from benchmarks.dialog_client import load as run_load
from benchmarks.dialog_client import verify
from benchmarks.host import BenchmarkError, Peer, Running
from benchmarks.workload import Workload, client_context

CLIENTS = 16
FIRST_WARMUP = 4.0
"""Seconds; every user logs in to every worker, so that hashes and caches are no part of the figures."""
WARMUP = 0.3
SETTLE = 0.2
"""Seconds for the last connections to be cleared away before the clocks are read."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One server, one mode, one round."""

    sessions: int
    cpu_ms: float
    """Server CPU per session."""
    rate: float
    """Sessions per second with the load generator on the same cores."""
    p50_ms: float
    p99_ms: float
    unexplained: float
    """Share of the machine's busy time that was neither this server nor its clients."""


@dataclass(slots=True)
class Series:
    """All rounds of a server in one mode."""

    name: str
    tls: bool
    samples: list[Sample] = field(default_factory=list)

    def median(self, what: str) -> float:
        """Of one of a sample's fields."""
        return float(statistics.median(getattr(sample, what) for sample in self.samples))

    def ratio(self, other: Series) -> float:
        """How much more CPU `other` uses per session: the median over the rounds, each compared with itself."""
        return statistics.median(
            theirs.cpu_ms / ours.cpu_ms for ours, theirs in zip(self.samples, other.samples, strict=True)
        )


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie; the highest at most."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def measure(load: Workload, server: Running, *, tls: bool, seconds: float, warmup: float) -> Sample:
    """One round of a server in one mode. Raises BenchmarkError."""
    context = client_context(load) if tls else None
    mail = (load.messages, load.messages * load.size)
    run_load(server, context, load.logins, CLIENTS, mail, warmup)
    time.sleep(SETTLE)
    meter = Meter(server.pid)
    taken, elapsed = run_load(server, context, load.logins, CLIENTS, mail, seconds)
    time.sleep(SETTLE)
    used = meter.read()
    if used.server <= 0:
        raise BenchmarkError(f"{server.name} used no CPU time at all: the accounting does not see its processes")
    return Sample(
        len(taken),
        used.server / len(taken) * 1e3,
        len(taken) / elapsed,
        percentile(taken, 0.50) * 1e3,
        percentile(taken, 0.99) * 1e3,
        used.unexplained,
    )


def compare(load: Workload, peers: Sequence[Peer], *, rounds: int, seconds: float) -> list[Series]:
    """All servers run, and are measured in turn, round after round. Raises BenchmarkError."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(peer.running()) for peer in peers]
        context, login = client_context(load), load.logins[-1]
        for server in servers:
            verify(server, context, login, list(load.mail(login)))
        return take_turns(load, servers, rounds=rounds, seconds=seconds)


def take_turns(load: Workload, servers: Sequence[Running], *, rounds: int, seconds: float) -> list[Series]:
    """Each round begins with another server, so that none has the best place."""
    series = [Series(server.name, tls) for server in servers for tls in (True, False)]
    for number in range(rounds):
        warmup = WARMUP if number else FIRST_WARMUP
        turn = number % len(servers)
        for server in [*servers[turn:], *servers[:turn]]:
            for each in (each for each in series if each.name == server.name):
                sample = measure(load, server, tls=each.tls, seconds=seconds, warmup=warmup)
                each.samples.append(sample)
                mode = "POP3S" if each.tls else "POP3"
                print(
                    f"  round {number + 1}: {each.name:26} {mode:5} {sample.cpu_ms:6.2f} ms CPU/session, "
                    f"{sample.rate:5.0f} sessions/s",
                    flush=True,
                )
    return series
