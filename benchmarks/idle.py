"""Memory of connections that do nothing: how many kilobytes the server grows by for each."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from benchmarks.cpu import memory_kb
from benchmarks.dialog_client import Client, children, hear
from benchmarks.dialog_client import load as run_load
from benchmarks.host import BenchmarkError, Peer, Running
from benchmarks.workload import Workload, client_context

HOLDERS = 4
"""Client processes."""
WARMERS = 4
"""Clients that fetch mail first, so that what a process allocates once is not charged to idle connections."""
PER_ADDRESS = 10
STEP_SECONDS = 300.0
SETTLE = 1.0


@dataclass(frozen=True, slots=True)
class Idle:
    """One server, one mode, one number of connections. Kilobytes of proportional set size, kernel memory apart."""

    name: str
    tls: bool
    connections: int
    before_login: float
    """For each connection."""
    after_login: float
    processes: int
    """That the server had in the end."""
    base_mb: float
    """Of the whole server before the first connection."""


def source(number: int) -> str:
    """The loopback address that connection `number` comes from: 10 share one."""
    block, host = divmod(number // PER_ADDRESS, 250)
    return f"127.0.{block + 1}.{host + 1}"


def _hold(load: Workload, server: Running, numbers: range, pipe: Connection, *, tls: bool) -> None:
    """Opens connections, says so, logs them in when told, says so, and holds them until told to end."""
    context = client_context(load) if tls else None
    clients = [Client(server.port(tls=tls), context, source(number)) for number in numbers]
    pipe.send("open")
    pipe.recv()
    for number, client in zip(numbers, clients, strict=True):
        client.login(load.logins[number % load.users])
    pipe.send("logged in")
    with contextlib.suppress(EOFError):
        pipe.recv()


def _settled(server: Running) -> tuple[float, int]:
    time.sleep(SETTLE)
    return memory_kb(server.pid)


def hold(load: Workload, server: Running, connections: int, *, tls: bool) -> Idle:
    """Measures a server that has just been started. Raises BenchmarkError."""
    context = client_context(load) if tls else None
    run_load(server, context, load.logins, WARMERS, (load.messages, 0), 2.0)
    base, _ = _settled(server)
    works = [
        lambda pipe, first=first: _hold(load, server, range(first, connections, HOLDERS), pipe, tls=tls)
        for first in range(HOLDERS)
    ]
    with children(works) as pipes:
        for pipe in pipes:
            hear(pipe, STEP_SECONDS)
        opened, _ = _settled(server)
        for pipe in pipes:
            pipe.send("log in")
        for pipe in pipes:
            hear(pipe, STEP_SECONDS)
        logged_in, processes = _settled(server)
    grown = ((opened - base) / connections, (logged_in - base) / connections)
    return Idle(server.name, tls, connections, *grown, processes, base / 1024)


def compare(load: Workload, peers: Sequence[Peer], counts: Sequence[int], failures: list[str]) -> list[Idle]:
    """Each server, mode and number with a fresh server; no server more than its `crowd`.

    A server that cannot hold them is named in `failures`, and the others go on.
    """
    found = []
    for peer in peers:
        for connections in (count for count in counts if count <= peer.crowd):
            for tls in (True, False):
                try:
                    with peer.running(crowd=connections) as server:
                        idle = hold(load, server, connections, tls=tls)
                except BenchmarkError as error:
                    failures.append(f"{peer.name}, {connections:,} idle connections, TLS {tls}: {error}")
                    print(f"  {failures[-1]}", flush=True)
                    continue
                print(
                    f"  {idle.name:26} {'POP3S' if tls else 'POP3':5} {connections:6,} idle: "
                    f"{idle.before_login:7.1f} kB each, {idle.after_login:7.1f} kB logged in",
                    flush=True,
                )
                found.append(idle)
    return found
