import json

import pytest
from typer.testing import CliRunner

from gatepost.cli.main import build
from gatepost.ports import SERVICES


@pytest.fixture
def run(tmp_path, monkeypatch):
    def ports(*arguments, text="", privileged=True):
        monkeypatch.setattr("gatepost.cli.ports.may_bind_low_ports", lambda: privileged)
        (tmp_path / "x.toml").write_text(text)
        return CliRunner().invoke(build(None), ["--config", str(tmp_path / "x.toml"), "ports", *arguments])

    return ports


def test_every_service_is_there_in_80_columns(run):
    lines = run().stdout.splitlines()
    assert lines[0].split() == ["service", "port", "address", "TLS", "state", "who", "may", "use", "it"]
    assert list(dict.fromkeys(line.split()[0] for line in lines[1:])) == [service.name for service in SERVICES]
    assert max(map(len, lines)) <= 80
    assert "pop3s        995   0.0.0.0  implicit       on       people with an account" in lines
    assert "imaps        993   -        implicit       not yet  people with an account" in lines
    assert "pop3         110   -        starttls       off      people with an account" in lines


def test_the_table_is_the_live_one(run):
    text = "[service.pop3s]\nport = 1995\naddresses = ['127.0.0.1']\nlisten = ['[::1]:1996']\n"
    rows = [line.split()[:3] for line in run(text=text).stdout.splitlines() if line.startswith("pop3s")]
    assert rows == [["pop3s", "1995", "127.0.0.1"], ["pop3s", "1996", "::1"]]


def test_moved_ports_are_explained(run):
    result = run(privileged=False)
    assert "10995" in result.stdout
    assert "Ports below 1024 need root" in result.stderr
    assert run().stderr == ""


def test_for_programs(run):
    rows = json.loads(run("--json").stdout)
    assert rows[0] == {
        "service": "pop3s",
        "port": 995,
        "address": "0.0.0.0",
        "tls": "implicit",
        "on": True,
        "ready": True,
        "users": "people with an account",
        "purpose": "retrieve mail with POP3",
        "proxy_from": [],
        "cleartext_login_from": [],
        "standard_port": True,
        "socket": None,
    }
    assert [row["on"] for row in rows if row["service"] != "pop3s"] == [False] * 9
