import json
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner

from gatepost.cli.main import build
from gatepost.errors import AlreadyExistsError
from gatepost.store.api import Finding


class Maintenance:
    def __init__(self, findings):
        self.findings = findings

    async def verify(self, progress):
        progress(1, 1)
        return self.findings

    async def backup(self, file, progress):
        progress(1, 1)
        with open(file, "xb") as made:  # noqa: ASYNC230, PTH123 -- a few octets
            made.write(b"12345")


class Engine:
    def __init__(self, findings=()):
        self.findings = findings
        self.restored = []

    @asynccontextmanager
    async def maintenance(self, _settings):
        yield Maintenance(self.findings)

    def compact(self, _settings):
        return 5000, 3000

    def restore(self, settings, backup):
        if self.restored:
            raise AlreadyExistsError("There is mail already.")
        self.restored.append((settings.server.data, backup))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gatepost.config.load.PLACES", (tmp_path / "none",))
    return lambda engine, *arguments: CliRunner().invoke(build(engine), ["store", *arguments])


FOUND = Finding("alice@example.com", "INBOX 7", "the body does not match its hash", "Restore it from a backup.")


def test_compact(run):
    assert run(Engine(), "compact").stdout == "The store had 5,000 octets and has 3,000 now.\n"
    assert json.loads(run(Engine(), "compact", "--json").stdout) == {"before": 5000, "after": 3000}


def test_a_sound_store(run):
    assert run(Engine(), "verify").stdout == "The store is sound.\n"
    assert json.loads(run(Engine(), "verify", "--json").stdout) == []


def test_a_store_with_faults(run):
    result = run(Engine([FOUND]), "verify")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "alice@example.com INBOX 7: the body does not match its hash",
        "    Restore it from a backup.",
        "1 found wrong.",
    ]
    result = run(Engine([FOUND]), "verify", "--json")
    assert (result.exit_code, json.loads(result.stdout)[0]["place"]) == (1, "INBOX 7")


def test_backup(run, tmp_path):
    assert run(Engine(), "backup", "b").stdout.startswith("Wrote b (5 octets).")
    assert (tmp_path / "b").exists()
    assert json.loads(run(Engine(), "backup", "c", "--json").stdout) == {"file": "c", "octets": 5}


def test_restore(run, tmp_path):
    (tmp_path / "b").touch()
    engine = Engine()
    assert run(engine, "restore", "b").stdout.startswith(f"Restored b to {tmp_path}/data.")
    assert engine.restored == [(f"{tmp_path}/data", tmp_path / "b")]
    result = run(engine, "restore", "b")
    assert (result.exit_code, result.stderr) == (1, "gatepost: There is mail already.\n")


def test_restore_from_nothing(run):
    assert run(Engine(), "restore", "none").exit_code == 0
