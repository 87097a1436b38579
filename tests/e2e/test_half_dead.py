"""A client's network goes away without a word: its maildrop is free again after the lease. One that just reads nothing
for as long keeps it.

Server and client live in network namespaces of their own, joined by a cable that the test pulls.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest

from support.live import Visitor, letter, person
from support.server import LOGIN, Server, free_port, installation

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and the program ip (package iproute2)"
)

OURS, THEIRS = "198.18.0.1", "198.18.0.2"
"""From the range for such tests (RFC 2544 §C.2.2); nobody outside the two namespaces sees them."""
LEASE = 8
"""Seconds; the shortest there is."""
OTHER = "paused@example.com"
NEWNET = 0x40000000


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"network namespaces cannot be made here: {done.stderr.strip()}")


class Cable:
    """Two namespaces, `server` and `client`, and the link between them."""

    def __init__(self, stack: ExitStack) -> None:
        self.server, self.client = (f"gatepost-{end}-{os.getpid()}" for end in ("s", "c"))
        for name in (self.server, self.client):
            ip("netns", "add", name)
            stack.callback(ip, "netns", "del", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", self.server, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", self.client)
        for name, address in ((self.server, OURS), (self.client, THEIRS)):
            ip("-n", name, "address", "add", f"{address}/30", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")

    def pull(self) -> None:
        """What is sent to the client is lost from now on. A link that is down would tell the other end so."""
        ip("-n", self.client, "address", "del", f"{THEIRS}/30", "dev", "cable")

    def connect(self, namespace: str, address: tuple[str, int]) -> socket.socket:
        """A connection made inside a namespace; the socket stays there."""
        made: list[socket.socket | BaseException] = []

        def work() -> None:
            try:
                with Path(f"/run/netns/{namespace}").open("rb") as file:
                    if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                made.append(socket.create_connection(address, 60))
            except BaseException as error:  # noqa: BLE001 -- handed to the test's own thread
                made.append(error)

        thread = Thread(target=work)  # only this thread moves
        thread.start()
        thread.join()
        if isinstance(made[0], BaseException):
            raise made[0]
        return made[0]


class CabledServer(Server):
    """Serves inside `namespace`; its commands work from outside, by the file system."""

    namespace = ""

    def command(self, *arguments: str) -> list[str]:
        inner = super().command(*arguments)
        return ["ip", "netns", "exec", self.namespace, *inner] if arguments[0] == "serve" else inner


@pytest.fixture
def cable() -> Iterator[Cable]:
    with ExitStack() as stack:
        yield Cable(stack)


@pytest.fixture
def server(cable: Cable) -> Iterator[CabledServer]:
    with installation(kind=CabledServer) as server:
        server.namespace = cable.server
        server.ports["cable"] = free_port()
        server.write_config(f"[pop3]\nlease = {LEASE}\n", pop3s=f'listen = ["{OURS}:{server.ports["cable"]}"]')
        server.start()
        yield server


def test_the_maildrop_of_a_vanished_client_is_free_after_the_lease(cable: Cable, server: CabledServer) -> None:
    def visitor(namespace: str, host: str, port: str) -> Visitor:
        sock = cable.connect(namespace, (host, server.ports[port]))
        found = Visitor(0, server.context(), sock=sock)
        assert found.line().startswith(b"+OK")
        return found

    person(server, LOGIN, [letter(1)])
    with visitor(cable.client, OURS, "cable") as gone, visitor(cable.server, "127.0.0.1", "pop3s") as other:
        assert gone.log_in(LOGIN).startswith(b"+OK")
        assert gone.say("DELE 1").startswith(b"+OK")
        assert other.log_in(LOGIN).startswith(b"-ERR [IN-USE]")
        cable.pull()
        assert other.log_in(LOGIN).startswith(b"-ERR [IN-USE]")
        line = server.log.await_line(rf"\bport={gone.port}\b.*").string
        assert re.search(r'outcome="connection lost" .*timed out', line), line
        assert other.log_in(LOGIN).startswith(b"+OK")
        assert other.say("STAT").startswith(b"+OK 1 "), "what was only marked is not deleted"
        assert other.quit().startswith(b"+OK")


def test_in_the_middle_of_a_message_who_pauses_goes_on_and_who_vanished_does_not(
    cable: Cable, server: CabledServer
) -> None:
    """Both read nothing for more than a lease; only the system of one still answers."""

    def reader(login: str, namespace: str, host: str, port: str) -> Visitor:
        found = Visitor(0, server.context(), sock=cable.connect(namespace, (host, server.ports[port])))
        assert found.line().startswith(b"+OK")
        assert found.log_in(login).startswith(b"+OK")
        assert found.say("RETR 1").startswith(b"+OK")
        return found

    local = "127.0.0.1", server.ports["pop3s"]
    body = b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 300_000
    for login in (LOGIN, OTHER):
        person(server, login, [body])
    with (
        reader(OTHER, cable.server, "127.0.0.1", "pop3s") as paused,
        reader(LOGIN, cable.client, OURS, "cable") as gone,
        Visitor(0, server.context(), sock=cable.connect(cable.server, local)) as next_one,
    ):
        assert next_one.line().startswith(b"+OK")
        cable.pull()
        assert next_one.log_in(LOGIN).startswith(b"-ERR [IN-USE]")
        line = server.log.await_line(rf"\bport={gone.port}\b.*").string
        assert re.search(r'outcome="connection lost" .*timed out', line), line
        assert next_one.log_in(LOGIN).startswith(b"+OK"), "its maildrop is free"
        assert next_one.quit().startswith(b"+OK")
        assert paused.file.read(len(body)) == body
        assert paused.line() == b"."
        assert paused.quit().startswith(b"+OK")
