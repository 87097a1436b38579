from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import json
from typer.testing import CliRunner

from gatepost.cli import server as module
from gatepost.cli.main import build
from gatepost.net.status import CertificateStatus, ListenerStatus, ProcessStatus, Status, StatusFile
from gatepost.net.tally import Limited


class FakeEngine:
    """Serves by writing down what it was asked."""

    def __init__(self) -> None:
        self.served: list[Any] = []

    def serve(self, settings: Any, config_file: Any, **options: Any) -> int:
        self.served.append((settings, config_file, options))
        return 7


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "gatepost.toml").write_text('[server]\ndata = "here"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path / "here"


def run(*arguments: str, engine: FakeEngine | None = None):
    return CliRunner().invoke(build(engine or FakeEngine()), list(arguments))


def look(now: float, **changes: Any) -> Status:
    values: dict[str, Any] = {
        "version": "0.1.0",
        "state": "running",
        "pid": 100,
        "started": now - 3 * 86400,
        "processes": (
            ProcessStatus("keeper", 101, now - 7300, "running"),
            ProcessStatus("worker 1", 102, now - 5, "draining"),
        ),
        "listeners": (ListenerStatus("pop3s", "0.0.0.0:995", "implicit"),),
        "certificates": (
            CertificateStatus(("mail.example.com", "*.example.org"), int(now) + 86400 * 60, "/etc/cert.pem"),
        ),
        "connections": {"pop3s": 12},
        "accepted": 345,
        "user": "gatepost",
    }
    return Status(**values | changes)


def test_serve_hands_over_to_the_engine(data: Path) -> None:
    engine = FakeEngine()
    result = run("serve", "--trace", "192.0.2.7", engine=engine)
    assert result.exit_code == 7
    settings, config_file, options = engine.served[0]
    assert settings.server.data == str(data)
    assert config_file == Path("gatepost.toml")
    assert options == {"trace": "192.0.2.7"}


def test_status_for_people(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time())
    monkeypatch.setattr("time.time", lambda: now)
    data.mkdir()
    (data / "mail").write_bytes(b"x" * 2500)
    (data / "last-backup").touch()
    os.utime(data / "last-backup", (now, now))
    file = StatusFile(data)
    file.update(look(now))
    result = run("status")
    file.close()
    assert result.exit_code == 0
    text = result.output
    for expected in (
        "Gatepost 0.1.0 is running for 3 days, as user gatepost.",
        "keeper      101  2 hours  running",
        "worker 1    102  5 s      draining",
        "0.0.0.0:995",
        "345 connections accepted.",
        "mail.example.com, *.example.org  in 60 days  /etc/cert.pem",
        "kB. Last backup: 0 s ago.",
    ):
        assert expected in text


def test_status_tells_whom_the_limits_hold_up(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time())
    monkeypatch.setattr("time.time", lambda: now)
    data.mkdir()
    limited = (
        Limited("address", "192.0.2.7", 25, 15.0, now + 300.0, refused=True, connections=0, full=False),
        Limited("login", "al\x1b[2Jice", 2, 2.0, now + 50.0, refused=False, connections=0, full=False),
        Limited("account", "7", 0, 0.0, 0.0, refused=False, connections=20, full=True),
    )
    file = StatusFile(data)
    file.update(look(now, limited=limited, limited_in_all=9))
    text = run("status").output
    file.close()
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "address 192.0.2.7 25 refused 5 minutes 0" in rows
    assert r"login al\x1b[2Jice 2 2 s 50 s 0" in rows
    assert "account 7 0 0 s - 20 (full)" in rows
    assert "9 in all." in text


def test_status_for_programs(data: Path) -> None:
    data.mkdir()
    file = StatusFile(data)
    file.update(look(1000.0))
    result = run("status", "--json")
    file.close()
    report = json.decode(result.stdout, type=module.Report)
    assert report.running
    assert report.server == look(1000.0)
    assert report.store.last_backup is None


def test_not_running_is_said_clearly(data: Path) -> None:
    result = run("status")
    assert result.exit_code == 3
    assert f"Gatepost is not running with the data in {data}." in result.output
    assert "gatepost serve" in result.output
    assert "Store: " in result.output
    assert "never (`gatepost store backup FILE`)" in result.output
    result = run("status", "--json")
    assert result.exit_code == 3
    assert json.decode(result.stdout)["running"] is False


def test_a_directory_that_is_closed_is_explained(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(module, "read_status", refuse)
    result = run("status")
    assert result.exit_code == 1
    assert "Ask as its owner, or as root." in result.output


@pytest.mark.parametrize(
    ("left", "shown"),
    [(-5, "EXPIRED"), (86400 * 3, "in 3 days  RENEW NOW"), (86400 * 90 + 9, "in 90 days"), (61, "in 61 s  RENEW NOW")],
)
def test_certificates_that_need_care_stand_out(left: float, shown: str) -> None:
    assert module._expiry(left) == shown


@pytest.mark.parametrize(
    ("octets", "shown"), [(5, "5 octets"), (1500, "1.5 kB"), (2_500_000, "2.5 MB"), (3 * 10**9, "3.0 GB")]
)
def test_sizes(octets: int, shown: str) -> None:
    assert module._size(octets) == shown


def test_spans() -> None:
    assert [module.span(each) for each in (-1, 119, 120, 7200, 172800)] == [
        "0 s",
        "119 s",
        "2 minutes",
        "2 hours",
        "2 days",
    ]
