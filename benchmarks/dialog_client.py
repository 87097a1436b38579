"""The load: a blocking POP3 client that does as little as it can, in processes of its own.

Commands are not pipelined: each waits for its reply, so a reply is complete when its last octets say so.
"""

from __future__ import annotations

import multiprocessing
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from benchmarks.host import BenchmarkError, Running
from benchmarks.workload import HOST, PASSWORD

FORK = multiprocessing.get_context("fork")
END = b"\r\n.\r\n"
REPLY_SECONDS = 60.0


class Client:
    """One connection. Raises BenchmarkError for anything but +OK."""

    def __init__(self, port: int, tls: ssl.SSLContext | None, source: str = HOST) -> None:
        plain = socket.create_connection((HOST, port), REPLY_SECONDS, source_address=(source, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = plain if tls is None else tls.wrap_socket(plain, server_hostname="mail.bench.test")
        self.buffer = bytearray(1 << 16)
        self.view = memoryview(self.buffer)
        self.reply(b"\r\n")

    def reply(self, end: bytes) -> int:
        """Reads up to `end`; returns the number of octets. The buffer holds the last of them."""
        buffer, view, receive = self.buffer, self.view, self.socket.recv_into
        total = have = 0
        while True:
            got = receive(view[have:])
            if not got:
                raise BenchmarkError(f"the server closed the connection after {bytes(buffer[:have])[:200]!r}")
            if not total and buffer[0] != 0x2B:
                raise BenchmarkError(f"the server answered {bytes(buffer[:got])[:200]!r}")
            total += got
            have += got
            if buffer.endswith(end, 0, have):
                return total
            if have > len(buffer) // 2:
                buffer[:8] = buffer[have - 8 : have]
                have = 8

    def ask(self, command: bytes, end: bytes = b"\r\n") -> int:
        """Sends a command and reads its reply; returns the reply's octets."""
        self.socket.sendall(command)
        return self.reply(end)

    def login(self, user: str) -> int:
        """USER and PASS; returns the replies' octets."""
        named = self.ask(b"USER %s\r\n" % user.encode())
        return named + self.ask(b"PASS %s\r\n" % PASSWORD.encode())

    def close(self) -> None:
        self.socket.close()


def session(port: int, tls: ssl.SSLContext | None, user: str, messages: int) -> int:
    """The session that is measured; returns the octets of its RETR replies."""
    client = Client(port, tls)
    try:
        client.login(user)
        client.ask(b"STAT\r\n")
        client.ask(b"UIDL\r\n", END)
        octets = sum(client.ask(b"RETR %d\r\n" % number, END) for number in range(1, messages + 1))
        client.ask(b"QUIT\r\n")
        return octets
    finally:
        client.close()


def verify(server: Running, tls: ssl.SSLContext, user: str, mail: Sequence[bytes]) -> None:
    """Downloads a user's mail once with TLS and compares it. Raises BenchmarkError."""
    client = Client(server.tls, tls)
    try:
        client.login(user)
        for number, expected in enumerate(mail, 1):
            total = client.ask(b"RETR %d\r\n" % number, END)
            body = bytes(client.buffer[:total]).partition(b"\r\n")[2]
            if body != expected + b".\r\n":
                raise BenchmarkError(f"{server.name}: message {number} of {user} is not what was imported")
        client.ask(b"QUIT\r\n")
    finally:
        client.close()


@dataclass(frozen=True, slots=True)
class Share:
    """What one client process has to do."""

    server: Running
    tls: ssl.SSLContext | None
    users: tuple[str, ...]
    messages: int
    octets: int
    """Of all message bodies; a session that gets fewer is an error."""
    start: float
    seconds: float


def _sessions(share: Share) -> list[float]:
    """Sessions one after the other until time is up; returns how long each took."""
    taken: list[float] = []
    time.sleep(max(0.0, share.start - time.monotonic()))
    port, now = share.server.port(tls=share.tls is not None), time.monotonic()
    while now < share.start + share.seconds:
        user = share.users[len(taken) % len(share.users)]
        got = session(port, share.tls, user, share.messages)
        if got < share.octets:
            raise BenchmarkError(f"{share.server.name}: {got} octets of mail for {user}, not {share.octets}")
        began, now = now, time.monotonic()
        taken.append(now - began)
    return taken


def _child(work: Callable[[Connection], None], pipe: Connection) -> None:
    # The parent alone decides about Ctrl-C, and ends its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        work(pipe)
    except (BenchmarkError, OSError) as error:
        pipe.send(BenchmarkError(f"{type(error).__name__}: {error}"))


@contextmanager
def children(works: Sequence[Callable[[Connection], None]]) -> Iterator[list[Connection]]:
    """Forks a process for each piece of work; gives our ends of their pipes, and ends them all at last."""
    forked, pipes = [], []
    try:
        for work in works:
            ours, theirs = FORK.Pipe()
            process = FORK.Process(target=_child, args=(work, theirs), daemon=True)
            process.start()
            theirs.close()
            forked.append(process)
            pipes.append(ours)
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in forked:
            process.terminate()
        for process in forked:
            process.join()


def hear(pipe: Connection, seconds: float) -> object:
    """What a child says. Raises BenchmarkError if it fails or stays silent."""
    if not pipe.poll(seconds):
        raise BenchmarkError(f"a client said nothing for {seconds:.0f} s")
    try:
        said: object = pipe.recv()
    except EOFError:
        raise BenchmarkError("a client process died") from None
    if isinstance(said, BenchmarkError):
        raise said
    return said


def load(
    server: Running,
    tls: ssl.SSLContext | None,
    users: Sequence[str],
    clients: int,
    mail: tuple[int, int],
    seconds: float,
) -> tuple[list[float], float]:
    """Runs `clients` processes; returns the seconds of every session and of the whole. `mail`: count, octets."""
    start = time.monotonic() + 0.2
    shares = [
        Share(server, tls, tuple(users[number::clients]), mail[0], mail[1], start, seconds) for number in range(clients)
    ]
    with children([lambda pipe, share=share: pipe.send(_sessions(share)) for share in shares]) as pipes:  # type: ignore[misc]
        taken: list[float] = []
        for pipe in pipes:
            said = hear(pipe, seconds + 2 * REPLY_SECONDS)
            assert isinstance(said, list)
            taken.extend(said)
        elapsed = time.monotonic() - start
    return taken, elapsed
