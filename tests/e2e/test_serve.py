"""The whole server as an administrator runs it: signals, crashes, reloads, sockets, status. Nothing sleeps."""

from __future__ import annotations

import os
import poplib
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import gatepost
from gatepost.net import authority
from gatepost.store.sqlite.database import DirectoryLock
from support.server import LOGIN, PASSWORD, Server, free_port, installation

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs processes and signals")


def body(client: poplib.POP3) -> bytes:
    return b"\n".join(client.retr(1)[1])


def await_refusal(port: int) -> None:
    """Until nobody has the port open any more."""
    with suppress(ConnectionRefusedError, ConnectionResetError):
        while True:
            socket.create_connection(("127.0.0.1", port), 60).close()


def test_curl_fetches_mail_over_tls_with_a_verified_certificate(shared_server: Server) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs the program curl")
    url = f"pop3s://localhost:{shared_server.ports['pop3s']}/2"
    command = ["curl", "-sS", "--cacert", str(shared_server.ca), "--user", f"{LOGIN}:{PASSWORD}", url]
    assert b"This is message 2." in subprocess.run(command, capture_output=True, check=True).stdout


def test_each_connection_leaves_one_line(shared_server: Server) -> None:
    client = shared_server.session()
    port = client.sock.getsockname()[1]
    client.retr(1)
    client.quit()
    line = shared_server.log.await_line(rf"pop3s: .*\bport={port}\b.*").string
    assert f"user={LOGIN}" in line
    assert "tls=TLSv1.3" in line
    assert "retrieved=1" in line
    assert PASSWORD not in "\n".join(shared_server.log.lines)


def test_a_clients_text_cannot_forge_the_log(shared_server: Server) -> None:
    client = shared_server.pop3s()
    port = client.sock.getsockname()[1]
    client.user('mallory outcome=ok "\x1b[2J')
    with pytest.raises(poplib.error_proto):
        client.pass_("wrong")
    client.close()
    line = shared_server.log.await_line(rf"\bport={port}\b.*").string
    assert "\x1b" not in line
    assert not re.search(r"(?<!\S)outcome=ok(?!\S)", re.sub(r'"(\\.|[^"\\])*"', "QUOTED", line))


def test_status_tells_everything(shared_server: Server) -> None:
    client = shared_server.session()
    clock, owner = shared_server.data / "store.clock", shared_server.data.stat()
    if not clock.exists():  # the keeper makes it within the first two minutes
        clock.write_text("{}")
        os.chown(clock, owner.st_uid, owner.st_gid)
    status = shared_server.status()
    assert [each.name for each in status.processes] == ["keeper", "worker 1", "worker 2"]
    assert {each.state for each in status.processes} == {"running"}
    assert [each.where for each in status.listeners] == [
        f"127.0.0.1:{shared_server.ports['pop3s']}",
        f"127.0.0.1:{shared_server.ports['pop3']}",
    ]
    assert "localhost" in status.certificates[0].names
    text = shared_server.gatepost("status")
    assert "Last backup: never" in text
    client.quit()


def test_status_of_a_server_that_does_not_run() -> None:
    with installation() as server:
        assert "not running" in server.gatepost("status", code=3)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_root_is_given_up(shared_server: Server) -> None:
    status = shared_server.status()
    for process in status.processes:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        values = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        assert set(values["Uid"]) != {"0"}, process.name
        assert set(values["Uid"]) & {"0"} == set()
        assert values["CapEff"] == ["0" * 16]
        assert values["NoNewPrivs"] == ["1"]
        assert values["Umask"] == ["0077"]


@pytest.mark.parametrize("victim", ["worker 1", "keeper"])
def test_a_killed_process_comes_back(server: Server, victim: str) -> None:
    pid = next(each.pid for each in server.status().processes if each.name == victim)
    os.kill(pid, signal.SIGKILL)
    server.log.await_line(rf"{victim} \(process {pid}\) was ended by SIGKILL; starting it again now")
    for _ in range(4):
        client = server.session()
        assert b"This is message 1." in body(client)
        client.quit()


def test_a_write_survives_the_keepers_death(server: Server) -> None:
    client = server.session()
    client.dele(1)
    pid = next(each.pid for each in server.status().processes if each.name == "keeper")
    os.kill(pid, signal.SIGKILL)
    server.log.await_line(rf"keeper \(process {pid}\) was ended")
    assert client.quit().startswith(b"+OK")
    again = server.session()
    assert again.stat() == (0, 0)
    again.quit()


def test_reload_leaves_open_sessions_alone(server: Server) -> None:
    client = server.session()
    old = {each.pid for each in server.status().processes if each.name != "keeper"}
    server.signal(signal.SIGHUP)
    server.await_news("RELOADING=1")
    server.await_news("READY=1")
    assert b"This is message 1." in body(client)
    client.dele(1)
    assert client.quit().startswith(b"+OK")
    other = server.session()
    assert other.stat() == (0, 0)
    status = server.status()
    assert not old & {each.pid for each in status.processes if each.state == "running"}
    other.quit()


def test_reload_adds_and_removes_listeners(server: Server) -> None:
    new, old = free_port(), server.ports["pop3"]
    server.ports["pop3"] = new
    server.write_config()
    server.signal(signal.SIGHUP)
    server.log.await_line("reloaded")
    client = poplib.POP3("127.0.0.1", new, timeout=60)
    client.stls(server.context())
    client.quit()
    server.await_news("READY=1")
    await_refusal(old)  # the old workers close their copies when they have read the word


def test_bad_configuration_is_refused_at_a_reload(server: Server) -> None:
    server.write_config(pop3s="prot = 1")
    server.signal(signal.SIGHUP)
    server.log.await_line("reload failed, the old configuration stays in force")
    server.log.await_line("prot")
    server.session().quit()


def test_a_renewed_certificate_is_served_by_itself(server: Server) -> None:
    def serial() -> object:
        with (
            socket.create_connection(("127.0.0.1", server.ports["pop3s"]), 60) as plain,
            server.context().wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            return (secure.getpeercert() or {})["serialNumber"]

    before = serial()
    client = server.session()
    authority.ensure(server.data / "tls", ["localhost", "127.0.0.1", "new-name.example.test"])
    server.log.await_line("reloaded")
    assert any(serial() != before for _ in range(1000))  # an old worker may accept until it has read the word
    assert client.noop().startswith(b"+OK")
    client.quit()


def test_sessions_resume_in_every_worker_and_after_a_reload(server: Server) -> None:
    context = server.context()

    def connect(session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
        with (
            socket.create_connection(("127.0.0.1", server.ports["pop3s"]), 60) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as secure,
        ):
            assert secure.recv(100).startswith(b"+OK")
            return bool(secure.session_reused), secure.session

    resumed, ticket = connect(None)
    assert not resumed
    assert all(connect(ticket)[0] for _ in range(8))
    server.signal(signal.SIGHUP)
    server.log.await_line("reloaded")
    assert connect(ticket)[0]


def test_sigterm_says_goodbye_and_ends_clean(server: Server) -> None:
    client = server.session()
    client.dele(1)
    server.signal(signal.SIGTERM)
    server.await_news("STOPPING=1")
    farewell = client.file.readline()
    assert farewell.startswith(b"-ERR") or farewell == b""
    client.close()
    assert server.wait() == 0
    server.start()
    after = server.session()
    assert after.stat()[0] == 1, "a session that ends without QUIT deletes nothing"
    after.quit()


def test_the_ports_refuse_while_it_drains_and_a_second_signal_ends_it(server: Server) -> None:
    server.write_config(server="drain = 1000")
    server.stop()
    server.deliver(b"Subject: large\r\n\r\n" + b"x" * 60 + b"\r\n" * 4_000_000)
    server.start()
    client = server.session()
    client._putcmd("RETR 2")
    client.file.readline()
    server.signal(signal.SIGTERM)
    server.log.await_line("stopping")
    await_refusal(server.ports["pop3s"])
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    client.close()


def test_children_do_not_outlive_a_killed_supervisor(server: Server) -> None:
    pids = [each.pid for each in server.status().processes]
    descriptors = [os.pidfd_open(pid) for pid in pids] if hasattr(os, "pidfd_open") else []
    server.kill()
    for descriptor in descriptors:
        assert select.select([descriptor], [], [], 60)[0], "a child lives on"
        os.close(descriptor)
    server.start()
    server.session().quit()


def test_a_taken_port_names_its_holder(server: Server) -> None:
    with installation() as second:
        second.ports = server.ports
        second.write_config()
        second.start(ready=False)
        second.log.await_line(rf"pop3s: 127.0.0.1:{server.ports['pop3s']} is taken by process \d+ \(.*gatepost")
        assert second.wait() == 1


def test_the_same_data_is_not_served_twice(server: Server) -> None:
    assert "running already" in server.gatepost("serve", code=1)


def test_sockets_from_systemd(server: Server) -> None:
    server.stop()
    with socket.create_server(("127.0.0.1", server.ports["pop3s"])) as listening:
        server.start(sockets=[listening])
        client = server.session()
        assert b"This is message 1." in body(client)
        client.quit()
        assert server.stop() == 0
        with socket.create_connection(("127.0.0.1", server.ports["pop3s"]), 60):
            pass  # queued by the kernel: systemd's copy is open while nobody serves


def test_sockets_that_fit_nothing(server: Server) -> None:
    """One on all addresses does not serve a listener for one; each is told of by what it is."""
    server.stop()
    with socket.create_server(("0.0.0.0", 0)) as wide, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(server.directory / "odd"))
        unix.listen()
        server.start(sockets=[wide, unix])
        server.log.await_line(rf"0\.0\.0\.0:{wide.getsockname()[1]}, handed over .* is not served: no listener")
        server.log.await_line(rf"Unix socket {server.directory / 'odd'}, handed over .* TCP only")
        server.log.await_line(r"pop3s: the service manager handed over no socket for 127\.0\.0\.1")
        server.session().quit()


def test_what_a_socket_is(server: Server) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("needs IPv6")
    server.stop()
    port = server.ports["pop3s"]
    text = server.config_file.read_text()
    server.config_file.write_text(text.replace('addresses = ["127.0.0.1"]', 'addresses = ["0.0.0.0"]', 1))
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as dual:
        server.start(sockets=[dual])
        server.log.await_line(rf"serving pop3s on \[::\]:{port} \(IPv4 too\)")
        server.session().quit()
        assert f"[::]:{port} (IPv4 too)" in server.gatepost("status")
        shown = server.gatepost("ports")
        assert f"pop3s on 0.0.0.0:{port} is served by the service manager's socket [::]:{port} (IPv4 too)." in shown


def test_trace_shows_the_dialog_without_secrets(server: Server) -> None:
    server.stop()
    server.start("--trace", LOGIN)
    client = server.session()
    client.noop()
    client.quit()
    server.log.await_line(r"trace pop3s .* C: NOOP")
    server.log.await_line(r"trace pop3s .* C: USER")
    server.log.await_line(r"trace pop3s .* S: \+OK")
    assert PASSWORD not in "\n".join(server.log.lines)


@pytest.fixture
def held() -> Iterator[tuple[Server, DirectoryLock]]:
    """A server that was told to start while a command has its store to itself."""
    with installation(workers=1) as server:
        server.gatepost("domain", "add", "example.test")
        lock = DirectoryLock(server.data)
        try:
            server.start(ready=False)
            server.log.await_line(rf"waiting: the store in {server.data} is open in process {os.getpid()} ")
            server.await_news("EXTEND_TIMEOUT_USEC=30000000")
            yield server, lock
        finally:
            lock.release()


def test_the_server_waits_for_a_command_that_has_the_store(held: tuple[Server, DirectoryLock]) -> None:
    server, lock = held
    assert server.status().state == "starting"
    lock.release()
    server.await_news("READY=1")
    server.add_user()
    client = server.session()
    assert client.stat() == (0, 0)
    client.quit()


def test_a_server_that_waits_for_the_store_can_be_stopped(held: tuple[Server, DirectoryLock]) -> None:
    server, _ = held
    assert server.stop() == 0


def test_commands_work_beside_the_running_server(server: Server) -> None:
    server.add_user("bob@example.test", "another password")
    client = server.pop3s()
    client.user("bob@example.test")
    client.pass_("another password")
    client.quit()
    server.gatepost("store", "backup", str(server.directory / "copy.backup"))
    assert re.search(r"Last backup: \d+ s ago", server.gatepost("status"))
    assert "sound" in server.gatepost("store", "verify")


def test_quickstart_prints_a_line_that_works_when_pasted() -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs the program curl")
    with installation() as place:
        lines = []
        for _ in range(2):
            process = subprocess.Popen(
                place.command("quickstart"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            assert process.stdout
            with process.stdout as output:
                lines.append(next(line.strip() for line in output if line.strip().startswith("curl ")))
                fetched = subprocess.run(lines[-1], shell=True, capture_output=True, check=False)
                assert b"Subject: Welcome to Gatepost" in fetched.stdout, fetched.stderr
                process.send_signal(signal.SIGINT)
                assert "Stopped. The data stays" in output.read()
            assert process.wait(60) == 0
        assert lines[0] == lines[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_code_that_only_root_can_read_serves_all_the_same(server: Server) -> None:
    """As after `git clone` into /root: whatever is imported or read late would fail in the children."""
    server.stop()
    closed = server.directory / "closed"
    shutil.copytree(Path(gatepost.__file__).parent, closed / "src" / "gatepost")
    closed.chmod(0o700)
    server.environ["PYTHONPATH"] = str(closed / "src")
    server.start()
    client = server.session()
    assert b"This is message 1." in body(client)
    client.dele(1)
    client.quit()
    for process in server.status().processes:
        os.kill(process.pid, signal.SIGKILL)
        server.log.await_line(rf"process {process.pid}\) was ended by SIGKILL")
    wrong = server.pop3s()
    wrong.user("alice")
    with pytest.raises(poplib.error_proto):
        wrong.pass_("guess")
    wrong.close()
    again = server.session()
    assert again.stat() == (0, 0)
    again.quit()
