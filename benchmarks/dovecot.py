"""The peer: Dovecot from Debian's package, as it comes and as well tuned as we know how.

It runs as a private instance below the benchmark's directory, on loopback ports, and never touches the
system's own: not its configuration, not its service.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.host import BenchmarkError, Running, cores, free_ports, run, started
from benchmarks.workload import HOST, PASSWORD, Workload

PACKAGE = "dovecot-pop3d"
EACH = 4000
"""Connections for each shared process: a login process keeps TLS sessions, with several descriptors for each."""
VMAIL = 26214
"""Number of the mail's owner; it needs no name, and Dovecot refuses root."""

COMMON = """\
base_dir = {run}
state_dir = {state}
log_path = {log}
instance_name = {instance}
protocols = pop3
listen = {host}
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
mail_location = {location}
mail_uid = {vmail}
mail_gid = {vmail}
first_valid_uid = {vmail}
mail_max_userip_connections = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {users}
}}
userdb {{
  driver = static
  args = uid={vmail} gid={vmail} home={homes}/%u
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {plain}
  }}
  inet_listener pop3s {{
    port = {tls}
    ssl = yes
  }}
}}
"""
"""Both configurations. Passwords are kept plain for Dovecot, so that no hash is charged to it."""

TUNED = """\
auth_cache_size = 64 M
auth_cache_ttl = 1 hour
mail_save_crlf = yes
pop3_no_flag_updates = yes
pop3_fast_size_lookups = yes
stats_writer_socket_path =
service pop3-login {{
  service_count = 0
  process_min_avail = {cores}
  process_limit = {shared}
  client_limit = {each}
  vsz_limit = 4 G
}}
service pop3 {{
  service_count = 0
  process_min_avail = {ready}
  process_limit = {sessions}
}}
service auth {{
  client_limit = {auth_clients}
}}
service anvil {{
  client_limit = {auth_clients}
}}
"""
"""Added when tuned: high-performance login processes, reused session processes, cached logins, mail kept with CRLF."""

SHARED = """\
service pop3 {{
  client_limit = {each}
  process_min_avail = {cores}
  process_limit = {shared}
  vsz_limit = 4 G
}}
"""
"""Added to that when session processes are shared. Dovecot's manual leaves one client to a process: in a shared one,
a slow disk or client of one user holds up the others, and all mail must belong to one system user."""

CROWDED = """\
service pop3-login {{
  process_limit = {crowd}
}}
service pop3 {{
  process_limit = {crowd}
}}
service auth {{
  client_limit = {auth_clients}
}}
service anvil {{
  client_limit = {auth_clients}
}}
"""
"""Added to the default configuration when many connections must find room."""


def version() -> str:
    """Of the installed Dovecot. Raises BenchmarkError if it cannot run here."""
    if not shutil.which("dovecot"):
        raise BenchmarkError(
            f"Dovecot is not installed: run `tools/system-packages {PACKAGE}`, or leave it out (--only)"
        )
    if os.geteuid():
        raise BenchmarkError("Dovecot's private instance needs root, for its users; or leave it out (--only)")
    return run(["dovecot", "--version"]).split()[0]


@dataclass(frozen=True, slots=True)
class Flavour:
    """One way to configure it."""

    name: str
    extra: str
    """Configuration after what is common."""
    location: str
    crowd: int
    """Most idle sessions; where each has a process of its own, a machine holds few."""


DEFAULT = Flavour("Dovecot, default", "", "maildir:~/Maildir", 1000)
TUNED_FLAVOUR = Flavour("Dovecot, tuned", TUNED, "sdbox:~/sdbox", 1000)
SHARED_FLAVOUR = Flavour("Dovecot, tuned+shared", TUNED + SHARED, "sdbox:~/sdbox", 100_000)


class Dovecot:
    """A peer, in one of its flavours."""

    def __init__(self, load: Workload, flavour: Flavour) -> None:
        self.load, self.flavour = load, flavour
        self.name, self.crowd = flavour.name, flavour.crowd
        self.detail = f"{version()} ({PACKAGE}), {flavour.location.partition(':')[0]}"
        self.home = load.directory / flavour.name.replace(", ", "-").replace("+", "-").lower()
        for name in ("run", "state", "homes"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        os.chown(self.home / "homes", VMAIL, VMAIL)

    def _configure(self, ports: Sequence[int], crowd: int) -> Path:
        room = max(crowd, 500)
        values = {
            "run": self.home / "run",
            "state": self.home / "state",
            "log": self.home / "dovecot.log",
            "instance": self.home.name,
            "host": HOST,
            "certificate": self.load.certificate,
            "key": self.load.key,
            "location": self.flavour.location,
            "vmail": VMAIL,
            "users": self.home / "users",
            "homes": self.home / "homes",
            "plain": ports[0],
            "tls": ports[1],
            "cores": cores(),
            "ready": 20,
            "each": EACH,
            "shared": cores() + room // (EACH // 2),
            "sessions": room + 100,
            "crowd": room + 100,
            "auth_clients": 4 * room + 1000,
        }
        text = COMMON + (self.flavour.extra or (CROWDED if crowd else ""))
        file = self.home / "dovecot.conf"
        file.write_text(text.format(**values))
        return file

    def prepare(self, logins: Sequence[str]) -> None:
        config = self._configure(free_ports(2), 0)
        (self.home / "users").write_text("".join(f"{login}:{PASSWORD}\n" for login in logins))
        with self._instance(config, None):
            for login in logins:
                source = self.load.maildir(login)
                _give(source)
                run(["doveadm", "-c", str(config), "import", "-u", login, f"maildir:{source}", "", "ALL"], seconds=1800)

    @contextmanager
    def running(self, *, crowd: int = 0) -> Iterator[Running]:
        ports = free_ports(2)
        with self._instance(self._configure(ports, crowd), ports) as server:
            yield server

    @contextmanager
    def _instance(self, config: Path, ports: Sequence[int] | None) -> Iterator[Running]:
        command = ["dovecot", "-F", "-c", str(config)]
        if ports is None:
            ports = [int(line.split("=")[1]) for line in config.read_text().splitlines() if " port = " in line]
        with started(self.name, command, ports, self.home / "dovecot.log") as server:
            yield server


def _give(maildir: Path) -> None:
    for place, _folders, files in os.walk(maildir):
        os.chown(place, VMAIL, VMAIL)
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                os.chown(Path(place, name), VMAIL, VMAIL)
