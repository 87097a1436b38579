"""A real `gatepost serve` for tests: its own directory, free ports on loopback, ready when it says so by sd_notify."""

from __future__ import annotations

import os
import poplib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from msgspec import json

from gatepost.net.status import Status

PATIENCE = 60.0
"""Seconds for anything to happen; only a broken server takes so long."""
LOGIN = "alice@example.test"
PASSWORD = "correct horse battery"


ENDED = "the server has ended"


def _tell(address: str) -> None:
    """To whoever waits for news that will not come any more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller, suppress(OSError):
        teller.sendto(ENDED.encode(), address)


def free_port() -> int:
    """A port that nobody listens on now, below those that the system gives to outgoing connections."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(15_000, 32_000)))
            return int(probe.getsockname()[1])


@dataclass
class Lines:
    """What a process writes, line by line, as it comes."""

    lines: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    ended: bool = False

    def read_from(self, stream: object, at_end: Callable[[], object]) -> threading.Thread:
        def follow() -> None:
            for line in stream:  # type: ignore[attr-defined]
                with self.changed:
                    self.lines.append(line.rstrip("\n"))
                    self.changed.notify_all()
            with self.changed:
                self.ended = True
                self.changed.notify_all()
            stream.close()  # type: ignore[attr-defined]
            at_end()

        thread = threading.Thread(target=follow)
        thread.start()
        return thread

    def await_line(self, pattern: str, start: int = 0) -> re.Match[str]:
        """The first line from number `start` on in which `pattern` is found."""

        def found() -> re.Match[str] | None:
            return next((match for line in self.lines[start:] if (match := re.search(pattern, line))), None)

        with self.changed:
            self.changed.wait_for(lambda: found() or self.ended, PATIENCE)
            match = found()
        assert match, f"no line {pattern!r} in:\n" + "\n".join(self.lines)
        return match


class Server:
    """One installation. `start` and `stop` may alternate; the data stays."""

    def __init__(self, directory: Path, *, config: str = "", workers: int = 2) -> None:
        """`config`: more TOML; it must not begin with keys of a section that is here already."""
        self.directory = directory
        self.data = directory / "data"
        self.config_file = directory / "gatepost.toml"
        self.ports = {"pop3s": free_port(), "pop3": free_port()}
        self.login, self.password = LOGIN, PASSWORD
        self.ca = self.data / "tls" / "ca.pem"
        self._more = config
        self.workers = workers
        self.environ: dict[str, str] = {}
        self.process: subprocess.Popen[str] | None = None
        self.log = Lines()
        self._reader: threading.Thread | None = None
        self._notify: socket.socket | None = None
        self.write_config()

    def write_config(
        self, more: str | None = None, *, server: str = "drain = 5", pop3s: str = "", pop3: str = ""
    ) -> None:
        """`server`, `pop3s`, `pop3`: more keys of these sections; `more`: other sections."""
        self._more = self._more if more is None else more
        self.config_file.write_text(
            f'[server]\ndata = "{self.data}"\nhostname = "localhost"\nworkers = {self.workers}\n{server}\n'
            f'[service.pop3s]\nport = {self.ports["pop3s"]}\naddresses = ["127.0.0.1"]\n{pop3s}\n'
            f'[service.pop3]\non = true\nport = {self.ports["pop3"]}\naddresses = ["127.0.0.1"]\n{pop3}\n'
            f"{self._more}\n"
        )

    # -- The command line ----------------------------------------------------------------------------------

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "gatepost", "--config", str(self.config_file), *arguments]

    def gatepost(self, *arguments: str, stdin: bytes = b"", code: int = 0) -> str:
        """Runs a command on this installation; returns what it printed."""
        done = subprocess.run(self.command(*arguments), input=stdin, capture_output=True, check=False, timeout=PATIENCE)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode() + done.stderr.decode()

    def add_user(self, login: str = LOGIN, password: str = PASSWORD) -> None:
        self.gatepost("user", "add", login, "--password-stdin", stdin=password.encode() + b"\n")

    def deliver(self, message: bytes, login: str = LOGIN) -> None:
        self.gatepost("mail", "deliver", login, stdin=message)

    def status(self) -> Status:
        report = json.decode(self.gatepost("status", "--json"))
        return json.decode(json.encode(report["server"]), type=Status)

    # -- Life ----------------------------------------------------------------------------------------------

    def start(self, *options: str, ready: bool = True, sockets: Sequence[socket.socket] = ()) -> None:
        """Returns when all workers accept. `sockets` are handed over as systemd does."""
        address = str(self.directory / "notify")
        Path(address).unlink(missing_ok=True)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(address)
        self._notify.settimeout(PATIENCE)
        environ = os.environ | {"NOTIFY_SOCKET": address} | self.environ
        command = self.command("serve", *options)
        if sockets:
            command, environ = _activated(command, environ, sockets)
        self.log = Lines()
        self.process = subprocess.Popen(
            command,
            env=environ,
            cwd=self.directory,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[each.fileno() for each in sockets],
        )
        self._reader = self.log.read_from(self.process.stderr, lambda: _tell(address))
        if ready:
            self.await_news("READY=1")

    def await_news(self, wanted: str) -> str:
        """Waits for an sd_notify message that has the line `wanted`."""
        assert self._notify
        while True:
            try:
                news = self._notify.recv(4096).decode()
            except TimeoutError:
                raise AssertionError(f"no {wanted} from the server:\n" + "\n".join(self.log.lines)) from None
            if wanted in news.splitlines():
                return news
            assert news != ENDED, f"the server ended before {wanted}:\n" + "\n".join(self.log.lines)

    def signal(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    def wait(self) -> int:
        """Until it has ended by itself; returns the exit code."""
        assert self.process
        code = self.process.wait(PATIENCE)
        self._clean_up()
        return code

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """SIGKILL to the supervisor, as a test's end or on purpose."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self._clean_up()

    def _clean_up(self) -> None:
        if self._reader:
            self._reader.join(PATIENCE)
            self._reader = None
        if self._notify:
            self._notify.close()
            self._notify = None
        self.process = None

    # -- Clients -------------------------------------------------------------------------------------------

    def context(self) -> ssl.SSLContext:
        """Trusts this installation's authority and nobody else."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.check_hostname = True
        return context

    def pop3s(self, context: ssl.SSLContext | None = None) -> poplib.POP3_SSL:
        """Connected and greeted, not logged in."""
        return poplib.POP3_SSL("localhost", self.ports["pop3s"], context=context or self.context(), timeout=PATIENCE)

    def session(self) -> poplib.POP3_SSL:
        """Logged in."""
        client = self.pop3s()
        client.user(self.login)
        client.pass_(self.password)
        return client


_ACTIVATE = """
import os, sys
wanted = [os.dup(int(number)) for number in sys.argv[1].split(",")]
for position, descriptor in enumerate(wanted):
    os.dup2(descriptor, 3 + position)
    os.set_inheritable(3 + position, True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Moves descriptors to 3 and up, and knows the process id that the server will have: what systemd does."""


def _activated(
    command: list[str], environ: dict[str, str], sockets: Sequence[socket.socket]
) -> tuple[list[str], dict[str, str]]:
    numbers = ",".join(str(each.fileno()) for each in sockets)
    more = {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join("pop3s" for _ in sockets)}
    return [sys.executable, "-c", _ACTIVATE, numbers, *command], environ | more


S = TypeVar("S", bound=Server)


@contextmanager
def installation(*, config: str = "", workers: int = 2, kind: type[S] = Server) -> Iterator[S]:
    """An installation in a directory that the unprivileged service user can reach; not started, without users."""
    directory = Path(tempfile.mkdtemp(prefix="gatepost-test-", dir="/tmp"))
    directory.chmod(0o755)
    server = kind(directory, config=config, workers=workers)
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory)


@contextmanager
def running(*, config: str = "", workers: int = 2, messages: Sequence[bytes] = ()) -> Iterator[Server]:
    """A running server with `LOGIN` and `PASSWORD`, and these messages in its INBOX."""
    with installation(config=config, workers=workers) as server:
        server.gatepost("domain", "add", LOGIN.rpartition("@")[2])
        server.add_user()
        for message in messages:
            server.deliver(message)
        server.start()
        yield server
