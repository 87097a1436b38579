"""The floor: a bare uvloop loop that sends the same octets from memory, with no store, no limits, no checks.

What it costs is what this language, loop and TLS library cost; everything above it is the server's own doing.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.host import Running, cores, free_ports, started
from benchmarks.workload import HOST, Workload, server_context

Replies = dict[bytes, bytes]


class Dialog(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, users: dict[bytes, Replies], strangers: Replies) -> None:
        self.users, self.replies, self.rest = users, strangers, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(b"+OK ready\r\n")

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\r\n")
        for line in lines:
            if line.startswith(b"USER "):
                self.replies = self.users[line[5:]]
            self.transport.write(self.replies.get(line, b"+OK\r\n"))
            if line == b"QUIT":
                self.transport.close()


def replies(mail: Sequence[bytes]) -> Replies:
    """Every answer for a user, ready to send."""
    listing = b"".join(b"%d %032x\r\n" % (number, number) for number in range(1, len(mail) + 1))
    answers = {
        b"STAT": b"+OK %d %d\r\n" % (len(mail), sum(map(len, mail))),
        b"UIDL": b"+OK\r\n" + listing + b".\r\n",
    }
    for number, content in enumerate(mail, 1):
        answers[b"RETR %d" % number] = b"+OK %d octets\r\n%s.\r\n" % (len(content), content)
    return answers


async def serve(load: Workload, plain: socket.socket, tls: socket.socket) -> None:
    """One worker, until SIGTERM."""
    users = {login.encode(): replies(list(load.mail(login))) for login in load.logins}
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await loop.create_server(lambda: Dialog(users, {}), sock=plain, backlog=1024)
    await loop.create_server(lambda: Dialog(users, {}), sock=tls, ssl=server_context(load), backlog=1024)
    await stop.wait()


def listening(port: int) -> socket.socket:
    """One of several sockets on the same port."""
    each = socket.socket()
    each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    each.bind((HOST, port))
    return each


def main(directory: str, sizes: str, plain: str, tls: str, workers: str) -> None:
    """Forks the workers and waits for them."""
    load = Workload(Path(directory), **json.loads(sizes))
    family = []
    for _ in range(int(workers)):
        pid = os.fork()
        if not pid:
            uvloop.run(serve(load, listening(int(plain)), listening(int(tls))))
            os._exit(0)
        family.append(pid)

    def end(_number: int, _frame: object) -> None:
        for pid in family:
            os.kill(pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    for pid in family:
        os.waitpid(pid, 0)


class Floor:
    """The bare loop as a peer."""

    name = "bare loop"
    crowd = 100_000

    def __init__(self, load: Workload) -> None:
        self.load = load
        self.detail = f"{cores()} worker processes, mail in memory"

    def prepare(self, logins: Sequence[str]) -> None:
        """Nothing: each worker makes the replies when it starts."""

    @contextmanager
    def running(self, *, crowd: int = 0) -> Iterator[Running]:
        del crowd
        ports = free_ports(2)
        sizes = json.dumps({"users": self.load.users, "messages": self.load.messages, "size": self.load.size})
        arguments = [str(self.load.directory), sizes, *map(str, ports), str(cores())]
        command = [sys.executable, "-m", "benchmarks.floor", *arguments]
        with started(self.name, command, ports, self.load.directory / "floor.log") as server:
            yield server


if __name__ == "__main__":
    main(*sys.argv[1:])
