from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gatepost.cli import quickstart as module
from gatepost.cli.main import build
from gatepost.config.settings import Server, Settings
from gatepost.identity.admin import create_account, find_account, set_password
from gatepost.net.listener import bind
from gatepost.net.privileges import Identity
from gatepost.net.status import Status, StatusFile
from gatepost.ports import BY_NAME
from gatepost.store.memory import MemoryStore

SECRET = b"s" * 32


class FakeEngine:
    """A store that lasts as long as the test, and a server that is ready at once and then stops."""

    def __init__(self) -> None:
        self.memory = MemoryStore()
        self.served: list[Any] = []

    @asynccontextmanager
    async def store(self, settings: Settings) -> AsyncIterator[MemoryStore]:
        yield self.memory

    def secret(self, settings: Settings) -> bytes:
        return SECRET

    def serve(self, settings: Any, config_file: Any, *, adjust: Any, on_ready: Any) -> int:
        self.served.append((settings, config_file, adjust))
        on_ready()
        return 0


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "choose_identity", lambda *_: None)
    monkeypatch.setattr(module, "may_bind_low_ports", lambda: False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return tmp_path


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def run(engine: FakeEngine, *arguments: str) -> Any:
    return CliRunner().invoke(build(engine), ["quickstart", *arguments])


def curl_line(output: str) -> str:
    return re.search(r"curl .*", output)[0]


def test_the_first_run_makes_everything_and_says_what_to_type(here: Path, engine: FakeEngine) -> None:
    result = run(engine)
    assert result.exit_code == 0, result.output
    login, password = (here / "data" / "tls" / "first-login.txt").read_text().split()
    assert login == "alice@example.test"
    for line in (
        "    Account type     POP3",
        "    Incoming server  localhost",
        "    Port             10995",
        "    Encryption       SSL/TLS",
        "    User name        alice@example.test",
        f"    Password         {password}",
        f"    {here}/data/tls/ca.pem",
    ):
        assert line in result.output.splitlines()
    assert curl_line(result.output) == (
        f"curl --cacert {here}/data/tls/ca.pem --user {login}:{password} pop3s://localhost:10995/1"
    )
    assert (here / "data").stat().st_mode & 0o777 == 0o700
    assert (here / "data" / "tls" / "first-login.txt").stat().st_mode & 0o777 == 0o600
    settings, config_file, adjust = engine.served[0]
    assert config_file is None
    assert adjust(Settings()).service["pop3s"].port == 10995
    assert settings.service["pop3s"].port == 10995


def test_the_welcome_messages_are_there(here: Path, engine: FakeEngine) -> None:
    run(engine, "--domain", "example.org", "--user", "bob")

    async def look() -> tuple[int, bytes]:
        account = await find_account(engine.memory, Settings(), "bob@example.org")
        drop = await engine.memory.maildrop(account.account_id, "INBOX")
        return len(drop.uids), await engine.memory.chunk(drop.blobs[0], 0)

    count, first = asyncio.run(look())
    assert count == 4
    assert b"To: <bob@example.org>" in first
    assert str(here / "data").encode() in first


def test_a_second_run_keeps_everything_and_prints_the_same(here: Path, engine: FakeEngine) -> None:
    first, second = run(engine), run(engine)
    assert curl_line(first.output) == curl_line(second.output)
    assert len(asyncio.run(engine.memory.accounts())) == 1


def test_a_changed_password_is_not_printed_any_more(here: Path, engine: FakeEngine) -> None:
    run(engine)

    async def change() -> None:
        account = await find_account(engine.memory, Settings(), "alice@example.test")
        await set_password(engine.memory, account, "her own choice")

    asyncio.run(change())
    result = run(engine)
    assert "(yours; a new one: gatepost password set alice@example.test)" in result.output
    assert "--user alice@example.test pop3s://" in curl_line(result.output)
    assert not (here / "data" / "tls" / "first-login.txt").exists()
    assert run(engine).exit_code == 0


def test_a_store_with_users_gets_no_other(here: Path, engine: FakeEngine) -> None:
    asyncio.run(create_account(engine.memory, Settings(), SECRET, "zoe@example.net", create_domain=True))
    result = run(engine)
    assert "User name        zoe@example.net" in result.output
    assert len(asyncio.run(engine.memory.accounts())) == 1


def test_a_certificate_of_ones_own_needs_no_authority(here: Path, engine: FakeEngine) -> None:
    (here / "gatepost.toml").write_text(
        '[server]\nhostname = "mail.example.org"\n[[tls.certificate]]\nfile = "cert.pem"\n'
    )
    result = run(engine)
    assert "--cacert" not in curl_line(result.output)
    assert "pop3s://mail.example.org:10995/1" in curl_line(result.output)


def test_without_a_secure_service_there_is_nothing_to_show(here: Path, engine: FakeEngine) -> None:
    (here / "gatepost.toml").write_text("[service.pop3s]\non = false\n")
    result = run(engine)
    assert result.exit_code == 1
    assert "no service with TLS" in result.output


def test_a_taken_standard_port_is_named_and_gone_round(
    here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "may_bind_low_ports", lambda: True)
    standard = BY_NAME["pop3s"].port
    monkeypatch.setattr(module, "bind", lambda each, copies: [] if each.port == standard else bind(each, copies))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (here / "gatepost.toml").write_text(
            f'[service.pop3s]\naddresses = ["127.0.0.1"]\nlisten = ["127.0.0.1:{port}"]\n'
        )
        result = run(engine)
    assert f"pop3s: 127.0.0.1:{port} is taken by" in result.output
    assert "moved up by 10,000" in result.output
    assert "Port             10995" in result.output


def test_a_server_that_runs_already_is_not_disturbed(here: Path, engine: FakeEngine) -> None:
    (here / "data").mkdir()
    file = StatusFile(here / "data")
    file.update(Status("0.1.0", "running", 4711, 1.0, (), (), (), {}, 0))
    result = run(engine)
    file.close()
    assert result.exit_code == 1
    assert "running already (process 4711)" in result.output
    assert engine.served == []


def test_data_moves_where_the_service_user_can_reach_it(
    here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = here / "shared"
    monkeypatch.setattr(module, "SHARED_PLACE", shared)
    monkeypatch.setattr(module, "can_use", lambda _, directory: directory == shared)
    result = run(engine)
    assert f"Data goes to {shared}" in result.output
    assert not (here / "data").exists()
    assert f'data = "{shared}"' in (here / "gatepost.toml").read_text()
    assert engine.served[0][1] == here / "gatepost.toml"
    assert f"--cacert {shared}/tls/ca.pem" in curl_line(result.output)


def test_a_configured_place_out_of_reach_is_an_error(
    here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "gatepost.toml").write_text("")
    monkeypatch.setattr(module, "can_use", lambda *_: False)
    result = run(engine)
    assert result.exit_code == 1
    assert "closed to other users" in result.output


def test_somebody_elses_directory_is_an_error(here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(module, "can_use", lambda *_: False)
    result = run(engine)
    assert result.exit_code == 1
    assert "you may not use" in result.output


def test_commands_are_shown_as_they_can_be_typed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = here / "bin" / "gatepost"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.argv", [str(program)])
    monkeypatch.setenv("PATH", str(here))
    assert module._program() == str(program)
    monkeypatch.setenv("PATH", str(program.parent))
    assert module._program() == "gatepost"
    monkeypatch.setattr("sys.argv", ["__main__.py"])
    assert module._program() == "gatepost"


def test_a_directory_that_cannot_be_made_is_an_error(here: Path, engine: FakeEngine) -> None:
    (here / "data").write_text("a file")
    result = run(engine)
    assert result.exit_code == 1
    assert "cannot make" in result.output


def test_root_hands_the_directory_over(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    me = Identity("me", os.getuid(), os.getgid())
    monkeypatch.setattr(module, "choose_identity", lambda *_: me)
    monkeypatch.setattr(module, "hand_over", lambda *arguments: given.append(arguments))
    monkeypatch.setattr(module, "can_use", lambda *_: True)
    settings = Settings(server=Server(data=str(here / "data")))
    assert module._make(here / "data", settings)
    assert given == [(me, here / "data", module.SERVICE_FILES)]
