"""Whether clients who ask for little notice those who ask for as much as they can: forty hostile pipelines beside
fifteen good clients, on one worker."""

from __future__ import annotations

import mailbox
import os
import random
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from benchmarks.dialog_client import END, Client, children, hear
from benchmarks.gatepost_server import Gatepost
from benchmarks.host import Running
from benchmarks.sessions import percentile
from benchmarks.workload import DOMAIN, HOST, PASSWORD, Workload, client_context

GOOD, HOSTILE = 15, 40
EVERY = 0.02
"""Seconds between two commands of a good client: a program that fetches mail over a slow line."""
TIMES = 2.0
"""By how much the p99 of good clients may grow."""
USER = f"hostile@{DOMAIN}"
HEADER = b"".join(b"X-N%06d: %b\r\n" % (number, "\u00fcbung".encode() * 4) for number in range(25_000))
MAIL = (
    HEADER + b"\r\nlarge header\r\n",
    b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 100_000,
    b"Subject: small\r\n\r\nx\r\n",
)
KINDS: dict[str, bytes] = {
    "TOP of a header of 1 MiB": b"TOP 1 0\r\n",
    "RETR of 7 MB": b"RETR 2\r\n",
    "NOOP": b"NOOP\r\n",
    "LIST, UIDL, STAT": b"LIST\r\nUIDL\r\nSTAT\r\n",
    "DELE, RSET": b"DELE 1\r\nDELE 2\r\nDELE 3\r\nRSET\r\n",
    "CAPA, TOP, RETR": b"CAPA\r\nTOP 3 0\r\nRETR 3\r\n",
}
"""What a pipeline repeats."""
MIXED = "all of these"


@dataclass(frozen=True, slots=True)
class Fairness:
    """Milliseconds that a good client waits for a reply, alone and beside hostile ones: medians of the rounds."""

    kind: str
    alone: tuple[float, float]
    """p50, p99."""
    beside: tuple[float, float]
    times: float
    """p99 beside to p99 alone, of each round; the median."""


def _write_mail(load: Workload) -> None:
    place = load.maildir(USER)
    mailbox.Maildir(place, create=True)
    for number, content in enumerate(MAIL):
        Path(place, "new", f"{1_700_000_000 + number}.M{number}.bench").write_bytes(content)


def _good(port: int, tls: ssl.SSLContext, user: str, start: float, seconds: float) -> list[float]:
    """One good client; how long it waited for each reply."""
    client, waited = Client(port, tls), []
    client.login(user)
    asks = cycle([(b"STAT\r\n", b"\r\n"), (b"UIDL\r\n", END), (b"RETR 1\r\n", END), (b"NOOP\r\n", b"\r\n")])
    due = start + random.random() * EVERY
    while due < start + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        due, began = due + EVERY, time.monotonic()
        client.ask(*next(asks))
        waited.append(time.monotonic() - began)
    client.close()
    return waited


def _hostile(port: int, pipelines: Sequence[bytes], pipe: Connection) -> None:
    """All hostile clients in one process, which writes as much as the server takes and reads whatever comes."""
    os.nice(19)
    selector = selectors.DefaultSelector()
    for commands in pipelines:
        made = socket.create_connection((HOST, port))
        made.sendall(b"USER %s\r\nPASS %s\r\n" % (USER.encode(), PASSWORD.encode()))
        made.setblocking(False)
        block = commands * (65_536 // len(commands))
        selector.register(made, selectors.EVENT_READ | selectors.EVENT_WRITE, [block, 0])
    pipe.send("ready")
    while True:
        for key, events in selector.select():
            client, (block, at) = key.fileobj, key.data
            assert isinstance(client, socket.socket)
            if events & selectors.EVENT_READ:
                client.recv(1 << 18)
            if events & selectors.EVENT_WRITE:
                key.data[1] = (at + client.send(block[at:])) % len(block)


def _waited(load: Workload, server: Running, pipelines: Sequence[bytes], seconds: float) -> tuple[float, float]:
    """p50 and p99 of the good clients. Raises BenchmarkError."""
    tls = client_context(load)
    works: list[Callable[[Connection], None]] = []
    if pipelines:
        works.append(lambda pipe: _hostile(server.plain, pipelines, pipe))
    with children(works) as hostile:
        for pipe in hostile:
            hear(pipe, 60)
        start = time.monotonic() + 1.0
        good = [
            lambda pipe, user=user: pipe.send(_good(server.tls, tls, user, start, seconds))
            for user in load.logins[:GOOD]
        ]
        with children(good) as pipes:
            found = [each for pipe in pipes for each in _numbers(hear(pipe, 60 + seconds))]
    return percentile(found, 0.5) * 1e3, percentile(found, 0.99) * 1e3


def _numbers(said: object) -> list[float]:
    assert isinstance(said, list)
    return said


def measure(load: Workload, *, rounds: int, seconds: float) -> list[Fairness]:
    """Each kind of pipeline in turn, and forty that are of all kinds."""
    _write_mail(load)
    peer = Gatepost(load, workers=1, name="Gatepost, one worker")
    peer.prepare([*load.logins[:GOOD], USER])
    mixed = list(islice(cycle(KINDS.values()), HOSTILE))
    found = []
    with peer.running(crowd=HOSTILE * 2) as server:
        for kind, pipelines in [*((kind, [each] * HOSTILE) for kind, each in KINDS.items()), (MIXED, mixed)]:
            alone, beside = [], []
            for _ in range(rounds):
                alone.append(_waited(load, server, [], seconds))
                beside.append(_waited(load, server, pipelines, seconds))
            times = median(much[1] / little[1] for little, much in zip(alone, beside, strict=True))
            found.append(Fairness(kind, _medians(alone), _medians(beside), times))
            print("  {:26} p50 {} -> {} ms, p99 {} -> {} ms".format(kind, *figures(found[-1])), flush=True)
    return found


def _medians(rounds: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return median(each[0] for each in rounds), median(each[1] for each in rounds)


def figures(found: Fairness) -> list[str]:
    """p50 alone and beside, p99 alone and beside."""
    return [f"{each:.1f}" for pair in zip(found.alone, found.beside, strict=True) for each in pair]
