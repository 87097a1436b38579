from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import json
from typer.testing import CliRunner

from gatepost.cli import sessions as module
from gatepost.cli.main import build
from gatepost.net.sessions import Question, SessionStatus
from gatepost.store.commands import CreateDomain
from gatepost.store.memory import MemoryStore

HOSTILE = "\x1b]0;owned\x07\u202eeve\n\x9b31m"
FOUND = [
    SessionStatus("a-1", "alice@example.com", "main", "PLAIN", "pop3s", "192.0.2.7", 125.0, 3.0, "worker 1", 100),
    SessionStatus("b-2", HOSTILE, HOSTILE, "PLAIN", "pop3s", "2001:db8::7", 0.5, 0.5, "worker 2", 101),
]


class Engine:
    @asynccontextmanager
    async def store(self, _settings: Any):
        store = MemoryStore()
        await store.execute(CreateDomain("example.com"))
        yield store


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Question]:
    """What a running server is asked; it answers with `FOUND`."""
    questions: list[Question] = []

    def ask(_directory: Path, question: Question) -> list[SessionStatus]:
        questions.append(question)
        return [] if question.login == "nobody@example.com" else FOUND

    monkeypatch.chdir(tmp_path)
    (tmp_path / "gatepost.toml").write_text('[server]\ndata = "."\n')
    monkeypatch.setattr(module, "ask", ask)
    monkeypatch.setattr(module, "read_status", lambda _: object())
    return questions


def run(*arguments: str) -> Any:
    return CliRunner().invoke(build(Engine()), ["session", *arguments])


def test_the_list_is_printable_and_has_a_line_for_each(asked: list[Question]) -> None:
    result = run("list")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["session", "user", "service", "address", "since", "last", "activity", "worker"]
    assert lines[1].split() == [
        "a-1",
        "alice@example.com",
        "pop3s",
        "192.0.2.7",
        "2",
        "minutes",
        "ago",
        "3",
        "s",
        "ago",
        "1",
    ]
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    assert asked == [Question()]


def test_programs_get_json(asked: list[Question]) -> None:
    result = run("list", "ALICE", "--json")
    assert result.stdout.replace("\n", "").isprintable()
    first, second = json.decode(result.stdout)
    assert (first["session"], first["user"], first["credential"], first["worker"], first["pid"]) == (
        "a-1", "alice@example.com", "main", "worker 1", 100,
    )  # fmt: skip
    assert first["since"] < first["last_activity"]
    assert second["address"] == "2001:db8::7"
    assert asked == [Question("alice@example.com")]


def test_sessions_are_ended_and_named(asked: list[Question]) -> None:
    result = run("end", "alice")
    assert result.exit_code == 0
    assert result.stdout.startswith("Ended: a-1 (alice@example.com), b-2 (")
    assert result.stdout.rstrip("\n").isprintable()
    assert json.decode(run("end", "--id", "a-1", "--json").stdout)[0]["session"] == "a-1"
    assert asked == [Question("alice@example.com", end=True), Question(session="a-1", end=True)]


def test_nobody_is_there(asked: list[Question]) -> None:
    assert run("list", "nobody").stdout == "Nobody is logged in.\n"
    result = run("end", "nobody")
    assert result.exit_code == 1
    assert "there is no such session" in result.stderr
    assert run("end", "nobody", "--json").exit_code == 1


@pytest.mark.parametrize("arguments", [("end",), ("end", "alice", "--id", "a-1")])
def test_whom_to_end_must_be_clear(asked: list[Question], arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2
    assert asked == []


def test_a_server_that_is_not_running(asked: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "read_status", lambda _: None)
    result = run("list")
    assert (result.exit_code, asked) == (3, [])
    assert "the server is not running" in result.stderr


@pytest.mark.parametrize(
    ("error", "said"), [(PermissionError(), "you may not look into"), (TimeoutError(), "does not answer")]
)
def test_what_goes_wrong_is_said(
    asked: list[Question], monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, "ask", fail)
    result = run("list")
    assert result.exit_code == 1
    assert said in result.stderr
