"""A worker or keeper that hangs is noticed and replaced; whoever another process serves notices nothing."""

from __future__ import annotations

import os
import poplib
import signal
import sys
from collections.abc import Iterator

import pytest
from tests.support.server import LOGIN, Server, installation

IMPATIENT = """
from gatepost.app import crew, main
from gatepost.net.life import Patience
crew.WORKER_PATIENCE = crew.KEEPER_PATIENCE = Patience(idle=2.0, busy=1000.0)
main()
"""


class Impatient(Server):
    """With limits that a test can wait for."""

    def command(self, *arguments: str) -> list[str]:
        if arguments[0] != "serve":
            return super().command(*arguments)
        return [sys.executable, "-c", IMPATIENT, "--config", str(self.config_file), *arguments]

    def pid(self, name: str) -> int:
        return next(each.pid for each in self.status().processes if each.name == name)


@pytest.fixture
def server() -> Iterator[Impatient]:
    with installation(kind=Impatient) as server:
        server.gatepost("domain", "add", "example.test")
        server.add_user()
        server.start()
        yield server


def replaced(server: Impatient, name: str) -> int:
    """The process that came after one that was stopped."""
    pid = server.pid(name)
    os.kill(pid, signal.SIGSTOP)
    server.log.await_line(rf"{name} \(process {pid}\) hangs: no sign of life for \d+ s; it is ended by force")
    server.log.await_line(rf"{name} \(process {pid}\) was ended by SIGKILL; starting it again now")
    return pid


def test_a_worker(server: Impatient) -> None:
    sessions = [server.pop3s() for _ in range(16)]
    first = server.pid("worker 1")
    assert replaced(server, "worker 1") == first
    alive = 0
    for each in sessions:
        try:
            each._shortcmd("CAPA")
            alive += 1
        except (OSError, EOFError, poplib.error_proto):
            pass
        finally:
            each.close()
    assert 0 < alive < len(sessions), "those of the other worker live on"
    for _ in range(8):
        server.session().quit()
    assert server.stop() == 0


def test_the_keeper(server: Impatient) -> None:
    session = server.session()
    replaced(server, "keeper")
    server.deliver(b"Subject: after\n\nx\n", LOGIN)
    session.quit()
    session = server.session()
    assert len(session.list()[1]) == 1
    session.quit()
    assert server.stop() == 0
