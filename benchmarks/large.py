"""One user with a very large maildrop: UIDL, then every message."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.cpu import cpu_seconds, memory_kb
from benchmarks.dialog_client import END, Client
from benchmarks.host import BenchmarkError, Peer, Running
from benchmarks.workload import Workload, client_context

SETTLE = 0.2


@dataclass(frozen=True, slots=True)
class Step:
    """Seconds on the clock and of server CPU."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Large:
    """One server's session with the large maildrop, over TLS."""

    name: str
    visit: int
    """1: the first ever; 2: again, with warm caches."""
    messages: int
    opened: Step
    """USER, PASS and STAT."""
    uidl: Step
    retrieve: Step
    grown_mb: float
    """Memory that the server has more at the end of the session than before it."""


def timed(server: Running, action: Callable[[], int]) -> tuple[Step, int]:
    """Does it; gives what it took and what it returned."""
    cpu, began = cpu_seconds(server.pid), time.monotonic()
    result = action()
    wall = time.monotonic() - began
    time.sleep(SETTLE)
    return Step(wall, cpu_seconds(server.pid) - cpu), result


def visit(load: Workload, server: Running, number: int) -> Large:
    """Raises BenchmarkError."""
    before, _ = memory_kb(server.pid)
    client = Client(server.tls, client_context(load))
    try:
        opened, _ = timed(server, lambda: client.login(load.large) + client.ask(b"STAT\r\n"))
        uidl, listed = timed(server, lambda: client.ask(b"UIDL\r\n", END))
        wanted = [b"RETR %d\r\n" % each for each in range(1, load.large_messages + 1)]
        retrieve, octets = timed(server, lambda: sum(client.ask(command, END) for command in wanted))
        after, _ = memory_kb(server.pid)
        client.ask(b"QUIT\r\n")
    finally:
        client.close()
    if octets < load.large_messages * load.large_size or listed < load.large_messages * 8:
        raise BenchmarkError(f"{server.name}: the large maildrop is not complete ({octets:,} octets)")
    return Large(server.name, number, load.large_messages, opened, uidl, retrieve, (after - before) / 1024)


def compare(load: Workload, peers: Sequence[Peer], failures: list[str]) -> list[Large]:
    """Each server twice. One that fails is named in `failures`, and the others go on."""
    found = []
    for peer in peers:
        with peer.running(crowd=1) as server:
            for number in (1, 2):
                try:
                    large = visit(load, server, number)
                except (BenchmarkError, OSError) as error:
                    failures.append(f"{peer.name}, large maildrop, visit {number}: {error}")
                    print(f"  {failures[-1]}", flush=True)
                    break
                print(
                    f"  {large.name:26} visit {number}: UIDL {large.uidl.wall:.2f} s, "
                    f"RETR of {large.messages:,} {large.retrieve.wall:.1f} s, {large.retrieve.cpu:.1f} s CPU",
                    flush=True,
                )
                found.append(large)
    return found
