"""Postfix and Exim that hand mail over to Gatepost, set up by the very lines of docs/incoming-mail.md. Only for root.

with postfix(server) as mta, or exim(server) as mta:
    mta.send(b"Subject: x\n\n", "alice@example.test")
    mta.await_log("status=sent")
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import smtplib
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.mail_daemons import run
from support.server import PATIENCE, Lines, Server, free_port

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "incoming-mail.md"
EXIM = ROOT / "build" / "packages" / "exim" / "usr" / "sbin" / "exim4"
"""Where `make test` unpacks it: as a package it would take Postfix's place."""
OWNER = "nobody"
"""Owns the data, as `gatepost` does on a real machine."""
SENDER = "bob@sender.test"
INTERPRETER = {
    "python": Path(sys.base_prefix),
    "packages": Path(sysconfig.get_path("purelib")),
    "src": ROOT / "src",
}
MANY = "many.test"
"""A domain whose recipients Postfix hands over together."""

POSTFIX = """
compatibility_level = 3.6
myhostname = mail.example.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
queue_directory = {place}/queue
data_directory = {place}/data
maillog_file = {place}/log
maillog_file_prefixes = {place}
alias_maps =
alias_database =
default_transport = discard
transport_maps = inline:{{ {many}=many }}
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
discard unix - - n - - discard
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
flush unix n - n 1000? 0 flush
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""
EXIM_CONFIG = """
primary_hostname = mail.example.test
exim_path = {exim}
keep_environment =
spool_directory = {place}/spool
log_file_path = {place}/%slog
never_users = root
begin routers
{router}
elsewhere:
  driver = accept
  transport = discard
begin transports
{transport}
discard:
  driver = appendfile
  file = /dev/null
  user = nobody
begin retry
* * F,2d,10m
"""

postfix_here = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("postfix"), reason="needs root and Postfix (package postfix)"
)
exim_here = pytest.mark.skipif(
    os.geteuid() != 0 or not EXIM.exists(), reason="needs root and Exim, unpacked by `make test` (exim4-daemon-light)"
)


def written(page: str, kind: str) -> str:
    """The block of that kind on the page."""
    found = re.search(rf"^```{re.escape(kind)}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert found, kind
    return found[1]


def _mounted(place: Path, more: Mapping[str, Path] | None = None) -> list[str]:
    """Begins a command in a mount namespace of its own, in which the interpreter and what it runs are where everybody
    may read them: a virtual environment often lies in a closed home. `more`: what to put over files of the system.
    """
    found = {str(place / name): path for name, path in INTERPRETER.items()} | dict(more or {})
    mounts = "; ".join(f"mount --bind {shlex.quote(str(path))} {shlex.quote(name)}" for name, path in found.items())
    return ["unshare", "--mount", "sh", "-ec", f'{mounts}; exec "$@"', "sh"]


class MailServer:
    """A mail server with its log."""

    def __init__(self, place: Path, log: str) -> None:
        self.place = place
        self.log = Lines()
        self._file = place / log

    def await_log(self, pattern: str, start: int = 0) -> re.Match[str]:
        return self.log.await_line(pattern, start)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Its log, line by line as it comes."""
        command = ["tail", "--lines=+1", "--follow=name", str(self._file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tail:
            reader = self.log.read_from(tail.stdout, lambda: None)
            try:
                yield
            finally:
                tail.terminate()
                reader.join(PATIENCE)


class Postfix(MailServer):
    def __init__(self, place: Path, port: int) -> None:
        super().__init__(place, "log")
        self._port = port

    def send(self, message: bytes, *recipients: str) -> None:
        with smtplib.SMTP("127.0.0.1", self._port, timeout=PATIENCE) as client:
            client.sendmail(SENDER, recipients, message)

    def retry(self) -> None:
        """All that is deferred is tried again now."""
        run("postfix", "-c", str(self.place / "etc"), "flush")


class Exim(MailServer):
    def send(self, message: bytes, *recipients: str) -> None:
        self._exim("-odf", "-i", "-f", SENDER, *recipients, stdin=message)

    def retry(self) -> None:
        self._exim("-qff")

    def _exim(self, *arguments: str, stdin: bytes = b"") -> None:
        """In an /etc of its own: Debian's Exim looks there for its configuration, and for the user it wants to be."""
        command = [*_mounted(self.place, {"/etc": self.place / "etc"}), str(EXIM), *arguments]
        subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=PATIENCE)


@contextmanager
def postfix(server: Server) -> Iterator[Postfix]:
    """Listens on loopback until the block ends."""
    with _place(server) as (place, words):
        port = free_port()
        for name in ("etc", "queue", "data"):
            (place / name).mkdir()
        shutil.chown(place / "data", "postfix")
        page = _adapted(words)
        transport = written(page, "master.cf")
        many = transport.replace("gatepost  ", "many  ", 1).replace("DRXhu", "RX")
        (place / "etc" / "main.cf").write_text(POSTFIX.format(place=place, many=MANY) + written(page, "main.cf"))
        (place / "etc" / "master.cf").write_text(MASTER.format(port=port) + transport + many)
        mta = Postfix(place, port)
        (place / "log").touch()
        run(*_mounted(place), "postfix", "-c", str(place / "etc"), "start")
        try:
            with mta.following():
                yield mta
        finally:
            run("postfix", "-c", str(place / "etc"), "stop")


@contextmanager
def exim(server: Server) -> Iterator[Exim]:
    """Has no process of its own: each call of `send` and `retry` ends when it has tried."""
    with _place(server) as (place, words):
        page = _adapted(words)
        (place / "etc" / "exim4").mkdir(parents=True)
        for name in ("passwd", "group", "nsswitch.conf", "hosts", "ld.so.cache"):
            shutil.copy(Path("/etc", name), place / "etc")
        for name, more in (("passwd", "26215::/:/bin/false"), ("group", "")):
            with (place / "etc" / name).open("a") as known:
                known.write(f"Debian-exim:x:26215:{more}\n")
        (place / "spool").mkdir()
        os.chown(place / "spool", 26215, 26215)
        (place / "mainlog").touch()
        os.chown(place / "mainlog", 26215, 26215)
        (place / "etc" / "exim4" / "exim4.conf").write_text(
            EXIM_CONFIG.format(
                place=place, exim=EXIM, router=written(page, "router"), transport=written(page, "transport")
            )
        )
        mta = Exim(place, "mainlog")
        with mta.following():
            yield mta


def _adapted(words: Mapping[str, str]) -> str:
    """The page with the names of this place."""
    page = PAGE.read_text()
    for old, new in words.items():
        page = page.replace(old, new)
    return page


@contextmanager
def _place(server: Server) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """A folder, and what to write in place of the page's names."""
    with ExitStack() as stack:
        place = Path(tempfile.mkdtemp(prefix="gatepost-mta-"))
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        place.chmod(0o755)
        program = place / "gatepost"
        python = place / "python" / "bin" / Path(sys.executable).resolve().name
        program.write_text(
            f"#!/bin/sh\nexport PYTHONPATH={place}/src:{place}/packages LD_LIBRARY_PATH={place}/python/lib\n"
            f'exec {python} -m gatepost "$@"\n'
        )
        program.chmod(0o755)
        for name in INTERPRETER:
            (place / name).mkdir()
        if subprocess.run([*_mounted(place), "true"], check=False, capture_output=True).returncode:
            pytest.skip("no mount namespace can be made here")
        yield (
            place,
            {
                "/usr/local/bin/gatepost": str(program),
                "/etc/gatepost/gatepost.toml": str(server.config_file),
                "user=gatepost": f"user={OWNER}",
                "user = gatepost": f"user = {OWNER}",
                "example.com": "example.test",
            },
        )
