"""The doctor on a real Gatepost host: quiet where it is well, and one thing broken at a time.

Nobody outside this machine is asked: no resolver but our own, and no mail server elsewhere.
"""

from __future__ import annotations

import asyncio
import os
import poplib
import signal
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from gatepost.app.engine import SqliteEngine
from gatepost.cli.environment import Environment
from gatepost.config.settings import Settings
from gatepost.doctor.knowledge import load
from gatepost.doctor.model import Report, Status
from gatepost.doctor.names.resolver import Resolver
from gatepost.doctor.own.gather.system import System
from gatepost.doctor.own.host import Outside, examine_host
from gatepost.doctor.show.words import ExitCode, exit_code
from gatepost.net import authority
from gatepost.net.status import read_status
from support.dns_server import DnsServer
from support.server import LOGIN, PATIENCE, Server, running

NOBODY = Outside()
QUIET = "[limits]\nconnections = 1000\n"
"""Fewer than the open files that any machine of tests allows."""
UNAVOIDABLE = {"O19"}
"""Warnings of the healthy one: POP3 with STLS is switched on, and the configuration check says what that means."""
NOTES = {"O27", "O30", "O59", "O60", "O75", "O80", "O83", "O53", "O56", "O70", "O72"}
"""Notes that depend on the machine: own authority, loopback only, clock, backup, queue, unit, disk, memory, filter."""


@pytest.fixture(scope="module")
def healthy() -> Iterator[Server]:
    with running(config=QUIET) as server:
        yield server


def examined(server: Server, outside: Outside = NOBODY, **system: object) -> Report:
    environment = Environment(SqliteEngine(), Settings(), server.config_file)
    whole = System(**{"run": lambda _: "", **system})
    return asyncio.run(examine_host(environment, book=load(), outside=outside, system=whole))


def said(report: Report, *statuses: Status) -> set[str]:
    return {each.id for each in report.all_findings() if each.status in statuses}


def troubles(report: Report) -> set[str]:
    return said(report, Status.WARN, Status.FAIL) - UNAVOIDABLE


def test_a_host_that_is_well(healthy: Server) -> None:
    before = {path: path.stat().st_mtime_ns for path in healthy.data.rglob("*") if path.is_file()}
    report = examined(healthy)
    assert said(report, Status.WARN) == UNAVOIDABLE
    assert said(report, Status.FAIL) == set()
    assert said(report, Status.INFO) <= NOTES
    assert {"O91", "O92", "O95", "O96"} <= said(report, Status.PASS)
    assert {(each.target.service.name, each.target.port) for each in report.services} == set(healthy.ports.items())
    assert {each.status for each in report.services} == {Status.PASS}
    assert exit_code(report) is ExitCode.WARNINGS
    assert report.seconds < 5
    changed = {path.name for path in before if path.stat().st_mtime_ns != before[path]}
    assert changed <= {"server.status", "store.db-shm"}


def test_names_and_records(healthy: Server) -> None:
    healthy.write_config(server='drain = 5\ndefault_domain = ""')
    text = healthy.config_file.read_text()
    healthy.config_file.write_text(text.replace('hostname = "localhost"', 'hostname = "mail.example.test"'))
    zone = {
        "example.test": {"MX": ["10 mail.example.test."]},
        "mail.example.test": {"A": ["127.0.0.1", "192.0.2.99"]},
        "_pop3s._tcp.example.test": {"SRV": [f"0 1 {healthy.ports['pop3s'] + 1} mail.example.test."]},
        "_imaps._tcp.example.test": {"SRV": ["0 1 993 mail.example.test."]},
        "_pop3._tcp.example.test": {"SRV": ["0 0 0 ."]},
        "_imap._tcp.example.test": {"SRV": ["0 0 0 ."]},
    }
    try:
        with DnsServer(zone) as dns:
            report = examined(healthy, Outside(Resolver((dns.where,))))
    finally:
        healthy.config_file.write_text(text)
    assert {"O7", "O40", "O41", "O42", "O17", "O87"} <= said(report, Status.WARN, Status.FAIL, Status.INFO)
    by_id = {each.id: each for each in report.findings}
    assert by_id["O7"].evidence == "192.0.2.99"
    assert "_submissions._tcp.example.test. SRV 0 0 0 ." in by_id["O17"].fix


def test_a_certificate_that_was_renewed_and_not_reloaded(healthy: Server) -> None:
    """A supervisor that stands still serves what it has, and watches no file."""
    assert healthy.process
    healthy.process.send_signal(signal.SIGSTOP)
    folder = healthy.data / "tls"
    kept = {name: (folder / name).read_bytes() for name in ("server.pem", "server.key")}
    try:
        authority.ensure(folder, ["localhost", "127.0.0.1", "new-name.example.test"])
        report = examined(healthy)
    finally:
        for name, content in kept.items():
            (folder / name).write_bytes(content)
        healthy.process.send_signal(signal.SIGCONT)
    assert troubles(report) == {"O4"}
    assert report.verdict.status is Status.WARN


def test_an_expired_certificate(healthy: Server) -> None:
    report = examined(healthy, now=lambda: time.time() + 400 * 86_400)
    assert {"O20"} <= troubles(report)
    assert report.verdict.because == "O20"
    soon = examined(healthy, now=lambda: time.time() + 390 * 86_400)
    assert "O18" in troubles(soon)


def test_a_key_that_everybody_may_read(healthy: Server) -> None:
    key = healthy.data / "tls" / "server.key"
    key.chmod(0o644)
    try:
        report = examined(healthy)
    finally:
        key.chmod(0o600)
    assert troubles(report) == {"O14"}
    assert report.verdict.status is Status.FAIL


def test_a_full_disk(healthy: Server) -> None:
    report = examined(healthy, statvfs=lambda _: os.statvfs_result((4096, 4096, 10**6, 10, 10, 10**6, 10, 10, 0, 255)))
    assert troubles(report) == {"O9", "O52"}


def test_a_clock_that_went_back(healthy: Server) -> None:
    assert "O10" in troubles(examined(healthy, now=lambda: time.time() - 86_400))


def test_a_port_that_moved_without_a_reload(healthy: Server) -> None:
    text = healthy.config_file.read_text()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    healthy.config_file.write_text(text.replace(f"port = {healthy.ports['pop3s']}", f"port = {port}"))
    try:
        report = examined(healthy)
    finally:
        healthy.config_file.write_text(text)
    assert troubles(report) == {"O3", "O64"}


def test_a_keeper_that_does_not_answer(healthy: Server) -> None:
    status = read_status(healthy.data)
    assert status
    keeper = next(each.pid for each in status.processes if each.name == "keeper")
    os.kill(keeper, signal.SIGSTOP)
    try:
        report = examined(healthy)
    finally:
        os.kill(keeper, signal.SIGCONT)
    assert troubles(report) == {"O77"}


def test_a_server_that_is_stopped_and_its_port_taken() -> None:
    with running(config=QUIET) as server:
        server.stop()
        report = examined(server)
        assert troubles(report) == {"O2"}
        assert exit_code(report) is ExitCode.FAILS
        assert report.services == ()
        with socket.create_server(("127.0.0.1", server.ports["pop3s"])):
            report = examined(server)
        assert {"O2", "O73"} <= troubles(report)
        found = next(each for each in report.findings if each.id == "O73")
        assert report.verdict.because == "O73"
        assert str(os.getpid()) in found.evidence


def test_who_is_held_up() -> None:
    limits = "connections = 1000\nallow = []\nfailures_before_refusal = 3\nfailure_delay = 0\nfailure_delay_most = 0\n"
    with running(config=f"[limits]\n{limits}") as server:
        fail_to_log_in(server)
        until(lambda: bool((status := read_status(server.data)) and status.limited))
        report = examined(server)
        found = {each.id: each for each in report.findings}
        assert LOGIN in found["O66"].cause
        until(lambda: any(each.refused for each in (read_status(server.data) or report).limited))
        found = {each.id: each for each in examined(server).findings}
        assert "127.0.0.1" in found["O13"].cause
        table = server.gatepost("status")
        assert "127.0.0.1" in table
        assert "refused" in table


def fail_to_log_in(server: Server) -> None:
    for number in range(3):
        client = server.pop3s()
        client.user(LOGIN)
        with pytest.raises(poplib.error_proto):
            client.pass_(f"wrong {number}")
        client.close()


def until(condition: Callable[[], bool]) -> None:
    """The server writes its status now and then; nothing tells when."""
    end = time.monotonic() + PATIENCE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(0.05)
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            with pytest.raises(TimeoutError):
                silent.recv(1)
