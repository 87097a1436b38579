"""The composition root without forks: engine, crew and embedded server. `tests/e2e` runs the real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import uvloop
from msgspec.structs import replace

from gatepost import app
from gatepost.app import crew as crew_module
from gatepost.app import engine as engine_module
from gatepost.app import opening
from gatepost.app import site as site_module
from gatepost.app.crew import ServerCrew, WorkerGeneration
from gatepost.app.embedded import serve_in_process
from gatepost.app.engine import SqliteEngine
from gatepost.config.settings import Limits, Server, ServiceSettings, Settings
from gatepost.errors import (
    CertificateError,
    ConfigError,
    GatepostError,
    NoSuchDomainError,
    StoreHeldError,
    StoreUnavailableError,
)
from gatepost.identity.admin import create_account
from gatepost.net.child import DRAIN, Channel
from gatepost.net.hub import Hub
from gatepost.net.landlock import CHANGE, WRITE
from gatepost.net.log import Log
from gatepost.net.places import SERVICE_FILES, SUPERVISOR_ONLY, bindable, ensure_certificate, hostnames, tls_files
from gatepost.net.privileges import Identity
from gatepost.net.sessions import SessionDesk
from gatepost.net.status import StatusFile, read_status
from gatepost.net.supervisor import Process
from gatepost.net.systemd import Notifier
from gatepost.net.tls import TICKET_KEYS_LIVE, TlsContexts
from gatepost.ports import BY_NAME, Listener
from gatepost.store.api import Health
from gatepost.store.commands import CreateDomain, RemoveDomain
from gatepost.store.generation import Generation
from gatepost.store.memory import MemoryStore
from gatepost.store.sqlite.local import LocalStore, open_local
from gatepost.store.sqlite.migrate import steps


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(server=Server(data=str(tmp_path / "data"), hostname="localhost", workers=2))


# -- The engine ---------------------------------------------------------------------------------------------


def test_the_store_opens_here_when_no_server_runs(settings: Settings) -> None:
    async def work() -> list[str]:
        async with SqliteEngine().store(settings) as store:
            await store.execute(CreateDomain("example.test"))
        async with SqliteEngine().store(settings) as store:
            with pytest.raises(NoSuchDomainError):
                await store.execute(RemoveDomain("other.test"))
            return [domain.name for domain in await store.domains()]

    assert uvloop.run(work()) == ["example.test"]
    assert Path(settings.server.data).stat().st_mode & 0o777 == 0o700


def test_the_store_goes_through_a_running_keeper(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Opened:
        async def close(self) -> None:
            pass

    opened = Opened()
    monkeypatch.setattr(opening, "connected_socket", lambda _: socket.socket())
    monkeypatch.setattr(opening, "open_remote", lambda _: opened)

    async def work() -> object:
        async with SqliteEngine().store(settings) as store:
            return store

    assert uvloop.run(work()) is opened


def test_a_command_waits_for_one_that_has_the_store(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(opening, "SILENT_SECONDS", 0.0)
    directory = Path(settings.server.data)

    async def work() -> None:
        async with SqliteEngine().store(settings) as store:
            await store.execute(CreateDomain("example.test"))
            other = asyncio.ensure_future(opening.opened(directory))
            await asyncio.sleep(0)
            with pytest.raises(StoreHeldError, match=f"is open in process {os.getpid()}"):
                await opening.opened(directory, patience=0)
            assert not other.done()
        found = await asyncio.wait_for(other, 60)
        assert [domain.name for domain in await found.domains()] == ["example.test"]
        await found.close()

    uvloop.run(work())
    assert "waiting: the store in" in caplog.text


def test_beside_a_server_nobody_takes_the_store_from_its_next_keeper(settings: Settings) -> None:
    directory = Path(settings.server.data)
    directory.mkdir()
    status = StatusFile(directory)
    with pytest.raises(StoreHeldError, match=rf"the server \(process {os.getpid()}\) is starting, and its keeper"):
        uvloop.run(opening.opened(directory, patience=0))
    status.clear()
    status.close()
    store = uvloop.run(opening.opened(directory))
    assert isinstance(store, LocalStore)
    uvloop.run(store.close())


def test_a_stranger_is_told_whom_to_ask(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(opening, "connected_socket", refuse)

    async def work() -> None:
        async with SqliteEngine().store(settings):
            pass

    with pytest.raises(StoreUnavailableError, match="as its owner, or as root"):
        uvloop.run(work())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to work as somebody else")
def test_root_works_as_the_owner(settings: Settings) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        directory = Path(folder) / "data"
        directory.mkdir()
        os.chown(directory, 4242, 4242)
        SqliteEngine().secret(replace(settings, server=replace(settings.server, data=str(directory))))
        assert (directory / "secret").stat().st_uid == 4242
        assert os.geteuid() == 0


def test_every_file_of_the_service_is_known_by_name(settings: Settings, tmp_path: Path) -> None:
    """Those that root makes are given away by name: one that is not on the list would stay root's."""
    directory = Path(settings.server.data)

    async def work() -> None:
        async with SqliteEngine().store(settings) as store:
            await create_account(store, settings, b"s" * 32, "a@example.test", "a good password", create_domain=True)
        async with SqliteEngine().maintenance(settings) as maintenance:
            await maintenance.backup(str(tmp_path / "copy"), lambda *_: None)
            look()

    def look() -> None:
        seen.update(entry.name for entry in directory.iterdir())

    seen: set[str] = set()
    SqliteEngine().secret(settings)
    ensure_certificate(settings)
    uvloop.run(work())
    StatusFile(directory).close()
    Generation(directory).close()
    look()
    unknown = {name for name in seen if not any(fnmatchcase(name, pattern) for pattern in SERVICE_FILES)}
    assert unknown == set(SUPERVISOR_ONLY)
    assert {"store.db-wal", "store.db-shm"} <= seen


def test_an_inspection_makes_nothing(settings: Settings) -> None:
    assert uvloop.run(SqliteEngine().inspect(settings)) == Health(present=False, newest=len(steps()))
    assert not Path(settings.server.data).exists()


def test_an_inspection_raises_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    Path(settings.server.data).mkdir()
    monkeypatch.setattr(engine_module, "health", refuse)
    found = uvloop.run(SqliteEngine().inspect(settings))
    assert found.present
    assert "as its owner, or as root" in found.problem


def test_an_inspection_sees_the_store(settings: Settings) -> None:
    async def work() -> Health:
        async with SqliteEngine().store(settings) as store:
            await store.execute(CreateDomain("example.test"))
        return await SqliteEngine().inspect(settings)

    assert uvloop.run(work()).domains == ("example.test",)


def test_the_secret_is_made_once(settings: Settings) -> None:
    first = SqliteEngine().secret(settings)
    assert len(first) == 32
    assert SqliteEngine().secret(settings) == first
    file = Path(settings.server.data) / "secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["secret"]
    file.write_bytes(b"short")
    with pytest.raises(ConfigError, match="damaged"):
        SqliteEngine().secret(settings)


def test_the_faster_process_makes_the_secret(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def beaten(_: Path, file: Path) -> None:
        file.write_bytes(b"x" * 32)
        raise FileExistsError

    monkeypatch.setattr(engine_module.os, "link", beaten)
    assert SqliteEngine().secret(settings) == b"x" * 32


def test_a_backup_leaves_its_time_and_can_be_restored(settings: Settings, tmp_path: Path) -> None:
    async def back_up() -> list[Any]:
        async with SqliteEngine().store(settings) as store:
            await store.execute(CreateDomain("example.test"))
        async with SqliteEngine().maintenance(settings) as maintenance:
            await maintenance.backup(str(tmp_path / "copy"), lambda *_: None)
            return list(await maintenance.verify(lambda *_: None))

    assert uvloop.run(back_up()) == []
    assert (Path(settings.server.data) / "last-backup").exists()
    elsewhere = replace(settings, server=replace(settings.server, data=str(tmp_path / "elsewhere")))
    SqliteEngine().restore(elsewhere, tmp_path / "copy")

    async def read() -> list[str]:
        async with SqliteEngine().store(elsewhere) as store:
            return [domain.name for domain in await store.domains()]

    assert uvloop.run(read()) == ["example.test"]


def test_main_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["gatepost", "--version"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("gatepost ")


def test_the_package_can_be_run() -> None:
    done = subprocess.run([sys.executable, "-m", "gatepost", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("gatepost ")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_stop_no_command(tmp_path: Path, closed: str) -> None:
    (tmp_path / "gatepost.toml").write_text(f'[server]\ndata = "{tmp_path}/data"\n')
    command = f"{sys.executable} -m gatepost -c {tmp_path}/gatepost.toml domain add example.com {closed}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
    assert done.returncode == 0
    again = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
    assert again.returncode == 1
    assert not again.stdout


def test_a_full_disk_behind_standard_output_is_no_refusal(tmp_path: Path) -> None:
    (tmp_path / "gatepost.toml").write_text(f'[server]\ndata = "{tmp_path}/data"\n')
    command = [sys.executable, "-m", "gatepost", "-c", f"{tmp_path}/gatepost.toml", "mail", "deliver", "a@example.com"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=full, stderr=full, check=False)
    assert done.returncode in {os.EX_DATAERR, os.EX_TEMPFAIL}


# -- The crew -----------------------------------------------------------------------------------------------


class Rig:
    """A crew on loopback, with what it logs and publishes."""

    def __init__(self, settings: Settings, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.directory = Path(settings.server.data)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config = tmp_path / "gatepost.toml"
        self.lines: list[bytes] = []
        self.ready = 0
        self.now = 1000.0
        self.inherited: list[socket.socket] = []
        self.status = StatusFile(self.directory)
        log = Log("text", self.lines.append, stamped=False)
        self.crew = ServerCrew(
            settings,
            self.config,
            b"s" * 32,
            None,
            log,
            Notifier({}),
            self.status,
            self.inherited,
            None,
            lambda s: s,
            self.on_ready,
            lambda: self.now,
        )

    def on_ready(self) -> None:
        self.ready += 1

    def write(self, more: str) -> None:
        self.config.write_text(f'[server]\ndata = "{self.directory}"\nhostname = "localhost"\n{more}')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def on_port(settings: Settings, port: int) -> Settings:
    return replace(settings, service={"pop3s": ServiceSettings(port=port, addresses=("127.0.0.1",))})


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def rig(settings: Settings, tmp_path: Path, port: int) -> Iterator[Rig]:
    rig = Rig(on_port(settings, port), tmp_path)
    yield rig
    for generation in list(rig.crew._generations):
        generation.abandon()
    rig.status.close()


def sockets(generation: WorkerGeneration) -> list[socket.socket]:
    return [each for row in generation.rows for each in row.sockets]


def test_the_first_generation_is_prepared_before_powers_are_gone(rig: Rig, port: int) -> None:
    rig.crew.prepare()
    assert sockets(rig.crew._generations[0])
    generation = rig.crew.load()
    assert [job.name for job in generation.workers] == ["worker 1", "worker 2"]
    assert {each.getsockname() for each in sockets(generation)} == {("127.0.0.1", port)}
    assert generation.drain_seconds == 30
    assert rig.crew.keeper().name == "keeper"


def test_a_reload_keeps_sockets_and_contexts(rig: Rig, port: int) -> None:
    rig.crew.prepare()
    old = rig.crew.load()
    rig.write(f'workers = 1\n[service.pop3s]\nport = {port}\naddresses = ["127.0.0.1"]\n')
    new = rig.crew.load()
    assert sockets(new) == sockets(old)
    assert new.plan.contexts is old.plan.contexts
    assert new.plan.tally is old.plan.tally
    assert len(new.workers) == 1
    old.abandon()
    assert all(each.fileno() >= 0 for each in sockets(new))


def test_a_reload_opens_new_listeners_and_closes_old_ones(rig: Rig) -> None:
    rig.crew.prepare()
    old = rig.crew.load()
    rig.write(
        f'[tls]\nminimum = "TLSv1.3"\n[limits]\nconnections_per_address = 7\n[service.pop3s]\nport = {free_port()}\n'
    )
    new = rig.crew.load()
    assert not set(sockets(new)) & set(sockets(old))
    assert new.plan.contexts is not old.plan.contexts
    assert new.plan.tally is not old.plan.tally
    old.abandon()
    assert all(each.fileno() < 0 for each in sockets(old))


def test_a_reload_that_fails_leaves_no_socket_behind(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.crew.prepare()
    rig.crew.load()
    new = free_port()
    rig.write(f'[service.pop3s]\nport = {new}\naddresses = ["127.0.0.1"]\n[[tls.certificate]]\nfile = "missing.pem"\n')
    with pytest.raises(Exception, match=r"missing\.pem"):
        rig.crew.load()
    assert len(rig.crew._generations) == 1
    socket.create_server(("127.0.0.1", new)).close()


def test_other_data_needs_a_restart(rig: Rig) -> None:
    rig.crew.prepare()
    rig.crew.load()
    rig.config.write_text('[server]\ndata = "elsewhere"\n')
    with pytest.raises(ConfigError, match="needs a restart"):
        rig.crew.load()


def test_replaced_certificates_are_noticed(rig: Rig, settings: Settings) -> None:
    rig.crew.prepare()
    rig.crew.load()
    assert not rig.crew.changed()
    tls_files(settings).certificate.unlink()
    assert rig.crew.changed()
    rig.now += crew_module.RENEWAL_EVERY
    assert rig.crew.changed(), "the local authority has issued a new one"
    assert tls_files(settings).certificate.exists()


def test_a_certificate_that_changes_while_it_is_read_is_noticed(
    rig: Rig, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = TlsContexts.reload

    def read(contexts: TlsContexts, *arguments: Any, **named: Any) -> Any:
        loaded = real(contexts, *arguments, **named)
        tls_files(settings).certificate.touch()
        return loaded

    monkeypatch.setattr(TlsContexts, "reload", read)
    rig.crew.prepare()
    rig.crew.load()
    assert rig.crew.changed()
    assert not rig.crew.changed()


def test_authorities_of_clients_are_watched(rig: Rig, settings: Settings, tmp_path: Path, port: int) -> None:
    ensure_certificate(settings)
    clients = tmp_path / "clients.pem"
    clients.write_bytes(tls_files(settings).authority.read_bytes())
    rig.write(f'[service.pop3s]\nport = {port}\naddresses = ["127.0.0.1"]\nclient_ca = "{clients}"\n')
    rig.crew.load()
    assert not rig.crew.changed()
    clients.touch()
    assert rig.crew.changed()


def test_ticket_keys_do_not_live_for_ever(rig: Rig, port: int) -> None:
    rig.write(f'[service.pop3s]\nport = {port}\naddresses = ["127.0.0.1"]\n')
    first = rig.crew.load()
    rig.now += TICKET_KEYS_LIVE - 1
    assert not rig.crew.changed()
    assert rig.crew.load().plan.contexts is first.plan.contexts
    rig.now += 1
    assert rig.crew.changed()
    assert not rig.crew.changed(), "should that reload fail, the next comes later"
    rig.now += crew_module.RENEWAL_EVERY
    assert rig.crew.changed()
    second = rig.crew.load()
    assert second.plan.contexts is not first.plan.contexts
    assert sockets(second) == sockets(first)
    assert not rig.crew.changed()
    rig.now += TICKET_KEYS_LIVE
    assert rig.crew.changed()


def test_a_reload_that_fails_changes_nothing(rig: Rig, port: int) -> None:
    rig.crew.prepare()
    old = rig.crew.load()
    rig.crew._scoreboard.begin(0, 999_999_999)
    old.plan.tally.bind_worker(0)
    for _ in range(old.plan.settings.limits.connections_per_account):
        assert old.plan.tally.enter(1)
    certificate = '[[tls.certificate]]\nfile = "missing.pem"\n'
    service = f'[service.pop3s]\nport = {port}\naddresses = ["127.0.0.1"]\n'
    rig.write(f"{service}[limits]\nconnections_per_account = 7\n{certificate}")
    with pytest.raises(CertificateError):
        rig.crew.load()
    rig.crew.tick([], "running")
    assert old.plan.tally.enter(1), "the dead worker's sessions were taken back from the counts that are in use"


def test_a_reload_that_is_taken_back_leaves_counts_and_policy(rig: Rig, port: int) -> None:
    """Its workers did not start; the next reload goes on from what serves."""
    rig.crew.prepare()
    old = rig.crew.load()
    service = f'[service.pop3s]\nport = {port}\naddresses = ["127.0.0.1"]\n'
    rig.write(f'{service}[tls]\nminimum = "TLSv1.3"\n[limits]\nconnections_per_address = 7\n')
    rig.crew.load().abandon()
    rig.write(service)
    new = rig.crew.load()
    assert new.plan.tally is old.plan.tally
    assert new.plan.contexts is old.plan.contexts


def test_places_are_given_back_before_they_are_used_again(rig: Rig, port: int) -> None:
    board = rig.crew._scoreboard
    rig.write(f'[service.pop3s]\nport = {port}\naddresses = ["127.0.0.1"]\n')
    rig.crew.prepare()
    generations = [rig.crew.load()]
    while len(board.owners()) + 4 <= board.rows:
        for place in generations[-1].places:
            board.begin(place, 1000 + place)
        generations.append(rig.crew.load())
        generations[-2].abandon()
    for place in generations[-1].places:
        board.begin(place, 1000 + place)
    assert len({place for each in generations for place in each.places}) == board.rows
    assert generations[-1].room == board.rows - 4
    with pytest.raises(GatepostError, match="go on with open sessions"):
        rig.crew.load()
    assert not rig.crew.changed()
    rig.now += crew_module.AGAIN_AFTER
    assert rig.crew.changed()
    for place in generations[0].places:
        board.end(place, 1000 + place)
    assert rig.crew.load().places == generations[0].places


def test_many_more_workers_need_a_restart(rig: Rig) -> None:
    rig.crew.prepare()
    rig.crew.load()
    most = rig.crew._scoreboard.rows // 4
    rig.write(f"workers = {most + 1}\n")
    with pytest.raises(ConfigError, match=f"more than {most} need a restart"):
        rig.crew.load()


def test_too_few_open_files_are_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[bytes] = []
    log = Log("text", lines.append, stamped=False)
    monkeypatch.setattr(crew_module, "room_for_connections", lambda: settings.limits.connections)
    crew_module._warn(settings, log)
    assert lines == []
    monkeypatch.setattr(crew_module, "room_for_connections", lambda: 16)
    crew_module._warn(settings, log)
    assert b"takes 16 connections at a time, in place of `limits.connections` = 20000: allow more" in lines[0]


def test_the_state_is_published(rig: Rig, port: int) -> None:
    rig.crew.tick([], "starting")
    assert read_status(rig.directory).listeners == ()
    rig.crew.prepare()
    rig.crew.load()
    rig.crew._scoreboard.begin(3, 999_999_999)
    rig.crew.tick([Process("keeper", 12, 1.0, "running")], "running")
    assert rig.crew._scoreboard.owners() == {}, "a worker that is no more is forgotten"
    rig.crew.ready(again=False)
    rig.crew.ready(again=True)
    rig.crew.reloading()
    found = read_status(rig.directory)
    assert found.state == "running"
    assert found.processes[0].name == "keeper"
    assert found.listeners[0].where == f"127.0.0.1:{port}"
    assert "localhost" in found.certificates[0].names
    assert rig.ready == 1
    assert rig.lines == [f"gatepost: serving pop3s on 127.0.0.1:{port}\n".encode()]


def test_stopping_closes_the_ports(rig: Rig) -> None:
    rig.crew.prepare()
    generation = rig.crew.load()
    rig.crew.stopping()
    assert all(each.fileno() < 0 for each in sockets(generation))


@pytest.mark.parametrize(("sockets", "workers"), [(4, 2), (2, 4), (1, 3), (3, 2)])
def test_together_the_workers_accept_on_every_socket(sockets: int, workers: int) -> None:
    all_sockets: list[Any] = list(range(sockets))
    shares = [crew_module.share(all_sockets, number, workers) for number in range(workers)]
    assert all(shares)
    assert {each for share in shares for each in share} == set(all_sockets)


def test_data_that_the_user_cannot_reach_is_explained(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(settings.server.data).mkdir()
    monkeypatch.setattr(crew_module, "can_use", lambda *_: False)
    monkeypatch.setattr(crew_module, "choose_identity", lambda *_: Identity("nobody", os.getuid(), os.getgid()))
    with pytest.raises(ConfigError, match=r"User nobody cannot use.*\n.*chmod o\+x"):
        crew_module._identity(settings)


def test_names_of_this_machine(settings: Settings) -> None:
    assert hostnames(settings)[:4] == ("localhost", "127.0.0.1", "::1", *hostnames(settings)[3:4])
    unnamed = replace(settings, server=replace(settings.server, hostname=""))
    assert hostnames(unnamed)[0] == socket.gethostname()


def test_without_ipv6_the_wildcard_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Listener(BY_NAME["pop3s"], address, 995) for address in ("0.0.0.0", "::", "::1")]

    def none(*_: object) -> None:
        raise OSError

    assert bindable(rows) == tuple(rows)
    monkeypatch.setattr(socket, "socket", none)
    assert [each.address for each in bindable(rows)] == ["0.0.0.0", "::1"]
    assert bindable(rows[1:2]) == tuple(rows[1:2]), "nothing else was asked for: to bind it will say why it cannot be"


# -- Embedded -----------------------------------------------------------------------------------------------


def test_the_whole_server_runs_in_one_loop(settings: Settings) -> None:
    records: list[Any] = []

    async def work() -> list[bytes]:
        store = MemoryStore()
        await create_account(store, settings, b"s" * 32, "alice@example.test", "a good password", create_domain=True)
        listeners = (Listener(BY_NAME["pop3s"], "127.0.0.1", 0), Listener(BY_NAME["pop3"], "127.0.0.1", 0))
        async with serve_in_process(settings, store, listeners, secret=b"s" * 32, report=records.append) as ports:
            assert ports["pop3s"] != ports["pop3"]
            context = ssl.create_default_context(cafile=str(tls_files(settings).authority))
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", ports["pop3s"], ssl=context, server_hostname="localhost"
            )
            answers = [await reader.readline()]
            for command in (b"USER alice@example.test\r\n", b"PASS a good password\r\n", b"QUIT\r\n"):
                writer.write(command)
                answers.append(await reader.readline())
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
            wrong_reader, wrong_writer = await asyncio.open_connection("127.0.0.1", ports["pop3s"])
            wrong_writer.write(b"USER alice\r\n")
            answers.append(await wrong_reader.readline())
            wrong_writer.close()
            await wrong_writer.wait_closed()
        return answers

    answers = uvloop.run(work())
    assert [answer[:3] for answer in answers[:4]] == [b"+OK"] * 4
    assert b"choose SSL/TLS" in answers[4]
    assert [record["outcome"] for record in records][-1] == "wrong door"
    assert records[0]["user"] == "alice@example.test"


@pytest.mark.parametrize(("room", "most"), [(2, 2), (1_000_000, 20_000)])
def test_connections_leave_open_files_to_the_store(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, room: int, most: int
) -> None:
    """The system's limit counts where it is lower than ours, less what a worker itself needs."""
    limits: list[Limits] = []

    def hub(**named: Any) -> Hub:
        limits.append(named["limits"])
        return Hub(**named)

    monkeypatch.setattr(site_module, "room_for_connections", lambda: room)
    monkeypatch.setattr(site_module, "Hub", hub)

    async def work() -> None:
        async with serve_in_process(settings, MemoryStore(), ()):
            assert limits == [replace(settings.limits, connections=most)]

    uvloop.run(work())


# -- What the children run, without becoming somebody else --------------------------------------------------


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What children may change, instead of this process, which could not go back."""
    found: list[Any] = []
    monkeypatch.setattr(crew_module.landlock, "restrict", lambda rules: found.append(rules) or 7)
    return found


@pytest.fixture
def tame(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Nobody loses privileges, nobody dies."""
    done: list[Any] = []
    monkeypatch.setattr(crew_module, "become", lambda identity: done.append(("become", identity)))
    monkeypatch.setattr(crew_module, "die_with", lambda parent: done.append(("die with", parent)))
    monkeypatch.setattr(crew_module.os, "kill", lambda _, number: done.append(("kill", number)))
    return done


def test_a_worker_keeps_its_own_sockets_only(
    rig: Rig, tame: list[Any], allowed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(open_local(rig.directory).close())
    rig.crew.prepare()
    generation = rig.crew.load()
    seen: list[Any] = []

    def serve(channel: Channel, open_site: Any) -> int:
        async def work() -> int:
            async with open_site() as site:
                seen.extend(site.acceptors)
                assert rig.crew._scoreboard.owners() == {0: os.getpid()}
                await site.chores()
            return 5

        return uvloop.run(work())

    monkeypatch.setattr(crew_module, "run_worker", serve)
    ours, theirs = socket.socketpair()
    assert generation.workers[0].run(Channel(theirs, 77)) == 5
    assert tame == [("become", None), ("die with", 77)]
    assert allowed == [{rig.directory / "store.db-shm": WRITE}]
    assert len(seen) == 1
    assert rig.crew._scoreboard.owners() == {}
    assert [each.fileno() for each in sockets(generation)] == [-1, -1], "one by the site, the other at once"
    ours.close()
    theirs.close()


def test_a_socket_for_both_families_is_accepted_on_once(
    rig: Rig, settings: Settings, tame: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What systemd makes of `ListenStream=995` serves the rows of 0.0.0.0 and of [::]."""
    asyncio.run(open_local(rig.directory).close())
    dual = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    rig.inherited.append(dual)
    service = f"[service.pop3s]\nport = {dual.getsockname()[1]}\n"
    rig.write(f'{service}[[tls.certificate]]\nfile = "missing.pem"\n')
    with pytest.raises(CertificateError):
        rig.crew.load()
    rig.write(service)
    generation = rig.crew.load()
    assert [row.sockets for row in generation.rows] == [(dual,), (dual,)]
    assert [row.sockets for row in rig.crew.load().rows] == [(dual,), (dual,)]
    for each in list(rig.crew._generations)[1:]:
        each.abandon()
    assert dual.fileno() >= 0
    seen: list[Any] = []

    def serve(channel: Channel, open_site: Any) -> int:
        async def work() -> int:
            async with open_site() as site:
                seen.extend(acceptor._listening for acceptor in site.acceptors)
            return 5

        return uvloop.run(work())

    monkeypatch.setattr(crew_module, "run_worker", serve)
    ours, theirs = socket.socketpair()
    generation.workers[1].run(Channel(theirs, 77))
    assert seen == [dual]
    ours.close()
    theirs.close()


def test_a_worker_after_a_crash_takes_back_what_its_predecessor_held(rig: Rig) -> None:
    asyncio.run(open_local(rig.directory).close())
    rig.crew.prepare()
    plan = rig.crew.load().plan
    rig.crew._scoreboard.begin(0, 999)
    plan.tally.bind_worker(0)
    assert plan.tally.enter(1)
    desk = SessionDesk(rig.directory, 0, "worker 1")

    async def work() -> int:
        async with rig.crew._open_site(plan, 0, [], desk):
            return sum(plan.tally.enter(1) for _ in range(plan.settings.limits.connections_per_account + 1))

    assert uvloop.run(work()) == plan.settings.limits.connections_per_account
    desk.close()


def test_the_keeper_ends_when_told(
    rig: Rig, tame: list[Any], allowed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.crew.prepare()
    generation = rig.crew.load()
    ours, theirs = socket.socketpair()

    def keep(directory: Path, ready: Any, beat: Any, family: int) -> int:
        assert directory == rig.directory
        assert family == 77
        beat()
        ready()
        assert ours.recv(10) == b"+"
        ours.send(DRAIN)
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and thread.daemon:
                thread.join()
        return 0

    monkeypatch.setattr(crew_module, "run_keeper", keep)
    assert rig.crew.keeper().run(Channel(theirs, 77)) == 0
    assert tame == [("become", None), ("die with", 77), ("kill", signal.SIGTERM)]
    assert allowed == [{rig.directory: CHANGE}]
    assert all(each.fileno() < 0 for each in sockets(generation)), "the keeper has no business at the ports"
    ours.close()
    theirs.close()


def test_after_a_fork_the_supervisors_own_files_are_closed(rig: Rig) -> None:
    child = os.fork()
    if child == 0:
        rig.crew.after_fork()
        try:
            os.fstat(rig.status._descriptor)
        except OSError:
            os._exit(3)
        os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


def test_renewal_that_fails_is_logged(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Settings) -> None:
        raise CertificateError("the disk is full")

    rig.crew.prepare()
    rig.crew.load()
    rig.now += crew_module.RENEWAL_EVERY
    monkeypatch.setattr(crew_module, "ensure_certificate", refuse)
    assert not rig.crew.changed()
    assert rig.lines == [b"gatepost: the local certificate was not renewed: the disk is full\n"]


def test_ctrl_c_while_the_program_is_read_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def __getattr__(self, name: str) -> Any:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "gatepost.cli.main", Interrupted())
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 130
