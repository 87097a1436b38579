"""Real mail programs, run as a person would run them: one function each, which returns the mail it fetched.

Every one verifies the server's certificate against the local authority. A function takes where the server is,
and whether to speak TLS from the first byte or to upgrade by STLS; it returns the messages as octets.
"""

from __future__ import annotations

import poplib
import shutil
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Target:
    """What a person types into a mail program."""

    host: str
    port: int
    stls: bool
    ca: Path
    login: str
    password: str


def run(home: Path, *command: str, stdin: str = "") -> bytes:
    """The program's standard output; its messages if it fails."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs the program {command[0]}")
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin:/usr/sbin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, input=stdin.encode(), capture_output=True, timeout=60, cwd=home, env=environment, check=False
    )
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout!r}\n{done.stderr.decode()}"
    return done.stdout


def settings(home: Path, name: str, text: str) -> Path:
    """A client's file of settings, readable by its owner only, as they all demand."""
    path = home / name
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def curl(target: Target, home: Path) -> list[bytes]:
    scheme = "pop3" if target.stls else "pop3s"
    base = f"{scheme}://{target.host}:{target.port}/"
    common = ("curl", "-sS", "--ssl-reqd", "--cacert", str(target.ca), "--user", f"{target.login}:{target.password}")
    listing = run(home, *common, base)
    return [run(home, *common, base + line.split()[0].decode()) for line in listing.splitlines()]


def fetched(home: Path) -> list[bytes]:
    return [path.read_bytes() for path in (home / "fetched").iterdir()]


def keeper_of_mail(home: Path) -> Path:
    """A delivery agent that writes each message on its standard input to a file, for `fetched`."""
    (home / "fetched").mkdir()
    script = home / "store-one"
    script.write_text(f'#!/bin/sh\nexec cat > "$(mktemp "{home}/fetched/XXXXXX")"\n')
    script.chmod(0o700)
    return script


def fetchmail(target: Target, home: Path) -> list[bytes]:
    how = 'sslproto "TLS1.2+"' if target.stls else "ssl"
    rc = settings(
        home,
        "fetchmailrc",
        f'poll {target.host} protocol POP3 port {target.port} user "{target.login}" password "{target.password}"\n'
        f' {how} sslcertck sslcertfile "{target.ca}" keep fetchall no rewrite\n mda "{keeper_of_mail(home)}"\n',
    )
    run(home, "fetchmail", "--nodetach", "--nosyslog", "--invisible", "-f", str(rc), "--pidfile", str(home / "pid"))
    return fetched(home)


def mpop(target: Target, home: Path) -> list[bytes]:
    maildir = home / "mpop"
    for part in ("new", "cur", "tmp"):
        (maildir / part).mkdir(parents=True)
    rc = settings(
        home,
        "mpoprc",
        f"account test\nhost {target.host}\nport {target.port}\nuser {target.login}\npassword {target.password}\n"
        f"tls on\ntls_starttls {'on' if target.stls else 'off'}\ntls_trust_file {target.ca}\n"
        f"keep on\nreceived_header off\ndelivery maildir {maildir}\nuidls_file {home}/uidls\n",
    )
    run(home, "mpop", "--file", str(rc), "--half-quiet", "test")
    return [path.read_bytes() for path in (maildir / "new").iterdir()]


def getmail(target: Target, home: Path) -> list[bytes]:
    rc = settings(
        home,
        "getmailrc",
        f"[retriever]\ntype = SimplePOP3SSLRetriever\nserver = {target.host}\nport = {target.port}\n"
        f"username = {target.login}\npassword = {target.password}\nca_certs = {target.ca}\n"
        f"[destination]\ntype = MDA_external\npath = {keeper_of_mail(home)}\nallow_root_commands = true\n"
        "[options]\ndelete = false\nread_all = true\ndelivered_to = false\nreceived = false\n",
    )
    run(home, "getmail", "--getmaildir", str(home), "--rcfile", rc.name)
    return fetched(home)


def python_poplib(target: Target, _: Path) -> list[bytes]:
    context = ssl.create_default_context(cafile=str(target.ca))
    if target.stls:
        client = poplib.POP3(target.host, target.port, timeout=30)
        client.stls(context)
    else:
        client = poplib.POP3_SSL(target.host, target.port, timeout=30, context=context)
    client.user(target.login)
    client.pass_(target.password)
    count, _ = client.stat()
    messages = [b"\r\n".join(client.retr(number)[1]) + b"\r\n" for number in range(1, count + 1)]
    client.quit()
    return messages


CLIENTS: dict[str, Callable[[Target, Path], list[bytes]]] = {
    "curl": curl,
    "fetchmail": fetchmail,
    "mpop": mpop,
    "getmail6": getmail,
    "poplib": python_poplib,
}

WITHOUT_STLS = {"getmail6"}
"""getmail's POP3 retrievers speak TLS from the first byte, or not at all."""
