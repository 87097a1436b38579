"""Gatepost as a peer: its own commands make the accounts, import the mail and serve."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.host import Running, cores, free_ports, run, started
from benchmarks.workload import DOMAIN, HOST, PASSWORD, Workload

COMMAND = (str(Path(sys.executable).with_name("gatepost")),)

CONFIG = """\
[server]
hostname = "mail.{domain}"
data = "{data}"
workers = {workers}
drain = 1

[[tls.certificate]]
file = "{certificate}"
key = "{key}"

[pop3]
kept_replies = {kept}
{crowded}
[service.pop3s]
port = {tls}
addresses = ["{host}"]

[service.pop3]
on = true
port = {plain}
addresses = ["{host}"]
cleartext_login_from = ["127.0.0.0/8"]
"""
"""What anybody would set, and logins without TLS, which are measured too."""

CROWDED = """\
maildrop = "snapshot"
login_timeout = 900

[limits]
connections_per_account = {crowd}
"""
"""For many idle sessions of a few users."""
KEPT = 16 * 1024 * 1024
"""The default of `pop3.kept_replies`."""


class Gatepost:
    """Ours. `kept`: octets of `pop3.kept_replies`; with 0 every message is read from the store each time."""

    def __init__(
        self, load: Workload, *, workers: int = 0, kept: int = KEPT, name: str = "", command: Sequence[str] = COMMAND
    ) -> None:
        self.load, self.workers, self.kept, self.command = load, workers or cores(), kept, command
        self.name = name or ("Gatepost" if kept else "Gatepost, none kept")
        self.crowd = 100_000 if kept else 0
        version = run([*COMMAND, "--version"]).split()[-1]
        self.detail = f"{version}, SQLite, {self.workers} workers, argon2id passwords, kept_replies = {kept}"
        self.home = load.directory / self.name.replace(", ", "-").replace(" ", "-")
        self.home.mkdir(exist_ok=True)
        self.config = self.home / "gatepost.toml"

    def _configure(self, ports: Sequence[int], crowd: int) -> None:
        values = {
            "domain": DOMAIN,
            "data": self.home / "data",
            "workers": self.workers,
            "certificate": self.load.certificate,
            "key": self.load.key,
            "host": HOST,
            "plain": ports[0],
            "tls": ports[1],
            "kept": self.kept,
            "crowded": CROWDED.format(crowd=crowd) if crowd else "",
        }
        self.config.write_text(CONFIG.format(**values))

    def _run(self, *arguments: str, stdin: str | None = None) -> None:
        run([*COMMAND, "--config", str(self.config), *arguments], stdin=stdin, seconds=1800)

    def prepare(self, logins: Sequence[str]) -> None:
        self._configure(free_ports(2), 0)
        self._run("domain", "add", DOMAIN)
        self._run("user", "import", "-", stdin="login,password\n" + "".join(f"{each},{PASSWORD}\n" for each in logins))
        for login in logins:
            self._run("mail", "import", login, str(self.load.maildir(login)))

    @contextmanager
    def running(self, *, crowd: int = 0) -> Iterator[Running]:
        ports = free_ports(2)
        self._configure(ports, crowd)
        command = [*self.command, "--config", str(self.config), "serve"]
        with started(self.name, command, ports, self.home / "gatepost.log") as server:
            yield server
