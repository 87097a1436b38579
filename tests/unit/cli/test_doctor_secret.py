"""A password never comes out of the doctor again, even when the server does its worst to show it."""

import asyncio
import base64
import contextlib
import os
import queue
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gatepost.cli import examination
from gatepost.cli.main import build
from support import doctor_zoo as zoo

MARK = "Zq7"
passwords = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x24F, exclude_categories=["Cc", "Zs", "Cf", "Cn"]),
    min_size=3,
    max_size=16,
).map(lambda text: f"{MARK}{text}{MARK}")


class NoEngine:
    """Foreign servers are examined without it."""


@contextlib.contextmanager
def running(script):
    """A server of the zoo in a thread of its own."""
    ready, loop = queue.Queue(), asyncio.new_event_loop()

    async def main():
        ended = asyncio.Event()
        async with zoo.serve(script) as server:
            ready.put((server, ended))
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    server, ended = ready.get(timeout=10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def authority():
    return zoo.Authority()


def echo(line):
    return b"-ERR [AUTH] I heard: " + line.strip() + b" and " + base64.b64encode(line) + b"\r\n"


def parrot(authority):
    """Says back whatever it hears, plainly and in base64."""
    script = zoo.healthy("pop3", authority.issue("localhost"))
    return script.answering(PASS=echo, USER=[b"+OK\r\n"], AUTH=echo, CONTINUE=echo)


def forms(password):
    """How it could show itself: as it is, in JSON, in a URL, in HTML, in base64 anywhere in a text."""
    octets = password.encode()
    yield password
    yield password.encode("unicode_escape").decode()
    yield urllib.parse.quote(password, safe="")
    yield octets.hex()
    for shift in range(3):
        blob = base64.b64encode(bytes(shift) + octets).decode().rstrip("=")
        yield blob[(2 * shift) :][2:-4] if shift else blob[:-4]


def assert_silent(password, *texts):
    for text in texts:
        for form in forms(password):
            assert form not in text, f"{form!r} is in the output"
        assert MARK not in text


def arguments(server, authority, *more):
    base = ["doctor", f"localhost:{server.port}", "--service", "pop3s", "--user", "alice@example.test", "-4"]
    return [*base, "--ca", authority.file, "--timeout", "2", *more]


def through_the_command(server, authority, password, folder):
    """Everything that every way out says."""
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCTOR_TEST_PASSWORD", password)
        patch.chdir(folder)
        for more in (["--verbose"], ["--json"], ["--nagios"], ["--html", "a.html", "--bundle", "b.txt"]):
            options = arguments(server, authority, "--password-env", "DOCTOR_TEST_PASSWORD", *more)
            result = CliRunner().invoke(build(NoEngine()), options)
            assert result.exit_code == 2, result.output
            said.append(result.output)
    return [*said, *((Path(folder) / name).read_text("utf-8") for name in ("a.html", "b.txt"))]


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(password=passwords)
def test_it_is_in_no_output_whatever_the_server_echoes(password, authority, tmp_path):
    with running(parrot(authority)) as server:
        said = through_the_command(server, authority, password, tmp_path)
        assert any(line.inside_tls and line.octets.startswith((b"PASS", b"AUTH")) for line in server.heard)
    assert "I heard" in said[0], "the server's words are the evidence"
    assert_silent(password, *said)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=passwords)
def test_it_is_in_no_traceback(password, monkeypatch):
    async def fails(question, *_, **__):
        secret = question.secret.reveal()
        try:
            raise ValueError(secret, base64.b64encode(f"\0alice\0{secret}".encode()))
        except ValueError as error:
            raise RuntimeError(f"{question} {secret}") from error

    monkeypatch.setattr(examination, "_foreign", fails)
    monkeypatch.setenv("DOCTOR_TEST_PASSWORD", password)
    result = CliRunner().invoke(build(NoEngine()), ["doctor", "me@x", "--password-env", "DOCTOR_TEST_PASSWORD"])
    assert result.exit_code == 3
    assert "Traceback" in result.stderr
    assert_silent(password, result.output)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="the list of processes is read from /proc")
def test_it_is_in_no_list_of_processes(authority):
    """The process is looked at while the server has just been given the password."""
    password = f"{MARK}correct-horse{MARK}"
    seen, child = [], []

    def look(line):
        seen.append(
            Path(f"/proc/{child[0].pid}/cmdline").read_bytes() + Path(f"/proc/{child[0].pid}/environ").read_bytes()
        )
        return echo(line)

    script = parrot(authority).answering(PASS=look, AUTH=look, CONTINUE=look)
    reading, writing = os.pipe()
    os.write(writing, f"{password}\n".encode())
    os.close(writing)
    with running(script) as server:
        command = [sys.executable, "-m", "gatepost", *arguments(server, authority, "--password-fd", str(reading))]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, pass_fds=[reading], text=True, **streams)
        child.append(process)
        out, err = process.communicate(timeout=60)
    os.close(reading)
    assert process.returncode == 2, out + err
    assert seen
    assert not any(password.encode() in each for each in seen)
    assert_silent(password, out, err)
