from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gatepost.cli import cert
from gatepost.cli.main import build
from gatepost.config.settings import Certificate
from gatepost.net import authority
from gatepost.net.tls import TlsContexts


class Door(threading.Thread):
    """Serves one TLS connection after the other, after `script` in the clear."""

    def __init__(self, pairs: list[Certificate], script: list[tuple[bytes, bytes]] | None) -> None:
        super().__init__(daemon=True)
        self.contexts = TlsContexts(pairs)
        self.script = script
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                accepted, _ = self.listening.accept()
            except OSError:
                return
            with accepted, contextlib.suppress(ConnectionError):  # a probe leaves tickets unread behind
                self.serve(accepted)

    def serve(self, accepted: socket.socket) -> None:
        for say, expect in self.script or []:
            accepted.sendall(say)
            if expect:
                assert accepted.recv(100) == expect
        if self.script and not self.script[-1][1] and not self.script[-1][0].startswith(b"+OK go"):
            return
        pipe = self.contexts.accept("")
        done = False
        while not done and (data := accepted.recv(65536)):
            done = pipe.handshake(data)
            accepted.sendall(pipe.take())
        while accepted.recv(65536):
            pass

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.join()


GREETING, OK = (b"+OK ready\r\n", b"STLS\r\n"), (b"+OK go\r\n", b"")
Show = Callable[..., Result]


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Show:
    monkeypatch.setattr(cert, "may_bind_low_ports", lambda: True)

    def run(door: Door | None, *arguments: str, service: str = "pop3s", more: str = "") -> Result:
        other = "pop3s" if service == "pop3" else "pop3"
        port = door.port if door else 9
        text = (
            f"[server]\ndata = '{tmp_path}/data'\n{more}\n[service.{other}]\non = false\n"
            f"[service.{service}]\non = {'true' if door else 'false'}\nport = {port}\naddresses = ['127.0.0.1']\n"
        )
        (tmp_path / "x.toml").write_text(text)
        return CliRunner().invoke(build(None), ["--config", str(tmp_path / "x.toml"), "cert", "show", *arguments])  # type: ignore[arg-type]

    return run


@pytest.fixture
def files(tmp_path: Path) -> authority.Paths:
    return authority.ensure(tmp_path / "data" / "tls", ["mail.test"])


def at(door: Door) -> Door:
    door.start()
    return door


def test_the_local_certificate(show: Show, files: authority.Paths) -> None:
    door = at(Door([files.pair], None))
    result = show(door)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"pop3s on 127.0.0.1:{door.port}"
    assert lines[1] == "  names        mail.test"
    assert lines[3] == "  expires      in 396 days"
    assert lines[4] == "  key          ECDSA P-256"
    assert lines[-1] == "  configured   yes"
    (row,) = json.loads(show(door, "--json").stdout)
    assert row["as_configured"] is True
    assert row["names"] == ["mail.test"]
    assert len(row["fingerprint"]) == 95
    door.close()


def test_stls(show: Show, files: authority.Paths) -> None:
    door = at(Door([files.pair], [GREETING, OK]))
    result = show(door, service="pop3")
    assert result.exit_code == 0, result.output
    door.close()


@pytest.mark.parametrize(
    ("script", "problem"),
    [([GREETING, (b"-ERR no\r\n", b"")], "refused STLS"), ([(b"+O", b"")], "closed the connection before TLS")],
)
def test_no_stls(show: Show, files: authority.Paths, script: list[tuple[bytes, bytes]], problem: str) -> None:
    door = at(Door([files.pair], script))
    result = show(door, service="pop3")
    assert result.exit_code == 1
    assert problem in result.stdout
    door.close()


def test_not_what_the_files_hold(show: Show, files: authority.Paths) -> None:
    door = at(Door([files.pair], None))
    files.certificate.unlink()
    assert "no certificate file" in show(door).stderr
    authority.ensure(files.key.parent, ["mail.test"])
    result = show(door)
    assert result.exit_code == 1
    assert "NO: not what the files hold now" in result.stdout
    door.close()


def test_several_certificates_are_asked_for_by_name(show: Show, files: authority.Paths, tmp_path: Path) -> None:
    wild = authority.ensure(tmp_path / "b", ["*.wild.test"])
    more = "".join(f"[[tls.certificate]]\nfile='{f.certificate}'\nkey='{f.key}'\n" for f in (files, wild))
    door = at(Door([files.pair], None))
    result = show(door, more=more)
    assert result.exit_code == 0, result.output
    assert f"pop3s on 127.0.0.1:{door.port}, asked for mail.test" in result.stdout
    assert result.stdout.count("pop3s on") == 2
    door.close()


def test_nothing_to_see(show: Show, files: authority.Paths) -> None:
    result = show(None)
    assert result.exit_code == 1
    assert "No service with TLS is on" in result.stderr
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    door = Door([files.pair], None)
    door.listening.close()
    door.port = port
    result = show(door)
    assert "nobody listens there; is the server running?" in result.stdout
