"""`gatepost talk` with a real server: in a pipe, and on a terminal with a person's keys."""

import os
import re
import subprocess
import sys

import pytest

from support.server import LOGIN, PASSWORD, PATIENCE, Server, running
from support.terminal import Terminal

MESSAGES = (
    b"From: bob@example.test\r\nSubject: one\r\n\r\n.hidden\r\n\x1b[2Jcontrol\r\n",
    b"Subject: two\r\n\r\nbye\r\n",
)


@pytest.fixture(scope="module")
def server():
    """One with two messages, of its own: some are deleted here."""
    with running(messages=MESSAGES) as running_server:
        yield running_server


class Said:
    def __init__(self, done):
        self.code, self.output, self.remarks = done.returncode, done.stdout.decode(), done.stderr.decode()
        assert PASSWORD not in self.output + self.remarks


def command(server: Server, service: str, *options: str) -> list[str]:
    where = f"{service}://localhost:{server.ports[service]}"
    return [sys.executable, "-m", "gatepost", "talk", where, "--ca", str(server.ca), *options]


def pipe(server, typed, service="pop3s", *options):
    done = subprocess.run(
        command(server, service, *options), input=typed.encode(), capture_output=True, check=False, timeout=PATIENCE
    )
    return Said(done)


@pytest.mark.parametrize("service", ["pop3s", "pop3"])
class TestPipe:
    def test_what_the_server_can_do(self, server, service):
        said = pipe(server, "CAPA\nQUIT\n", service)
        assert said.code == 0
        assert said.output.startswith("+OK ")
        assert "\nUIDL\n" in said.output
        assert said.output.count("\n.\n") == 1
        assert "the certificate is verified." in said.remarks

    @pytest.mark.parametrize("mechanism", ["", "SCRAM-SHA-256", "PLAIN", "LOGIN", "USER"])
    def test_every_login(self, server, service, mechanism):
        said = pipe(server, f"/auth {LOGIN} {mechanism}\n{PASSWORD}\nSTAT\n/quit\n", service)
        assert said.code == 0
        assert "messages, " in said.remarks

    def test_by_hand(self, server, service):
        said = pipe(server, f"USER {LOGIN}\nPASS {PASSWORD}\nTOP 1 5\nQUIT\n", service)
        assert said.code == 0
        assert "\n..hidden\n\\x1b[2Jcontrol\n" in said.output
        assert "> PASS [secret]" in said.remarks

    def test_a_wrong_password_is_explained(self, server, service):
        said = pipe(server, f"/auth {LOGIN}\nwrong wrong wrong\n", service)
        assert said.code == 2
        assert "# the name or the password is wrong (RFC 3206)" in said.remarks
        assert "# A1: " in said.remarks


def test_pipelined(server):
    said = pipe(server, f"USER {LOGIN}\nPASS {PASSWORD}\nSTAT\nLIST\nUIDL 1\nQUIT\n", "pop3s", "--pipeline")
    assert said.code == 0
    assert said.output.count("+OK") == 7


def test_in_the_clear_no_password_is_sent(server):
    said = pipe(server, f"USER {LOGIN}\nPASS {PASSWORD}\nQUIT\n", "pop3", "--no-starttls")
    assert said.code == 2
    assert "Not sent: this connection is not encrypted" in said.remarks


def test_a_script_from_a_file(server, tmp_path):
    script = tmp_path / "script"
    script.write_text("CAPA\n")
    with script.open() as stdin:
        done = subprocess.run(command(server, "pop3s"), stdin=stdin, capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0


def test_who_has_read_enough_may_go(server):
    line = "exec 2>&1; " + " ".join(command(server, "pop3s")) + " | head -1"
    done = subprocess.run(["bash", "-c", f"yes CAPA | {line}"], capture_output=True, check=False, timeout=PATIENCE)
    assert b"Traceback" not in done.stdout + done.stderr
    assert done.stdout.startswith(b"+OK")


@pytest.fixture
def terminal(server):
    opened = Terminal(command(server, "pop3s"), environ=dict(os.environ))
    yield opened
    opened.kill()


def test_a_person(server, terminal):
    terminal.wait_for("pop3> ")
    terminal.type("CA\t\r")
    assert "UIDL                        unique-ids: mail can stay on the server" in terminal.wait_for(".\npop3> ")
    terminal.type("/auth\r")
    terminal.wait_for("User name: ")
    terminal.type(f"{LOGIN}\r")
    terminal.wait_for("Password: ")
    terminal.type(PASSWORD)
    terminal.wait_for("Password: " + "*" * len(PASSWORD))
    terminal.type("\r")
    terminal.wait_for("you are logged in")
    terminal.type("PASS hunter2hunter2")
    terminal.wait_for("pop3> PASS *************")
    terminal.type("\r")
    terminal.wait_for("pop3> PASS [secret]")
    terminal.type("\x1b[A")
    assert "hunter2" not in terminal.wait_for("pop3> /auth")
    terminal.type("\x15RETR 1\r")
    assert r"\x1b[2Jcontrol" in terminal.wait_for("control")
    terminal.type("/tls\r")
    terminal.wait_for("fingerprint")
    terminal.type("\x04")
    assert terminal.end() == 0
    assert PASSWORD.encode() not in terminal.raw
    assert b"hunter2" not in terminal.raw
    screen = terminal.screen().splitlines()
    assert max(len(line) for line in screen if not re.match(r"\+ |.*it says|    [rv]=", line)) < 80


def test_ctrl_c_deletes_nothing(server, terminal):
    terminal.wait_for("pop3> ")
    terminal.type(f"USER {LOGIN}\r")
    terminal.wait_for("PASS\n")
    terminal.type(f"PASS {PASSWORD}\r")
    terminal.wait_for("you are logged in; messages: 2")
    terminal.type("DELE 1\r")
    terminal.wait_for("deleted at QUIT")
    terminal.type("\x03")
    assert terminal.end() == 0
    assert "Messages marked with DELE stay" in terminal.screen()
    assert terminal.screen().endswith("\n"), "a prompt that is left would stand before the shell's"
    assert "\n+OK 2 " in pipe(server, f"USER {LOGIN}\nPASS {PASSWORD}\nSTAT\nQUIT\n").output
