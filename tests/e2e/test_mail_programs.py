"""A person starts Gatepost, reads what it prints, types that into a mail program, and has the welcome mail.

Nothing is used but the printed lines: a wrong name, number or path in them fails here. Certificates are verified.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.mail_clients import CLIENTS, WITHOUT_STLS, Target
from support.server import PATIENCE, Lines, free_port

CONFIGURATION = """
[service.pop3s]
port = {tls}
[service.pop3]
on = true
port = {clear}
"""


class Started:
    """`gatepost quickstart` in an empty directory that the unprivileged service user can reach."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clear_port = free_port()
        text = CONFIGURATION.format(tls=free_port(), clear=self.clear_port)
        (directory / "gatepost.toml").write_text(text)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gatepost", "quickstart"],
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.printed = Lines()
        self.reader = self.printed.read_from(self.process.stdout, lambda: None)
        self.printed.await_line("Ctrl-C")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return code

    def row(self, name: str) -> str:
        return self.printed.await_line(rf"^\s*{name}\s\s+(\S+)")[1]

    def target(self) -> Target:
        """What is printed, as a person reads it."""
        return Target(
            host=self.row("Incoming server"),
            port=int(self.row("Port")),
            stls=False,
            ca=Path(self.printed.await_line(r"^\s*(/\S+\.pem)\s*$")[1]),
            login=self.row("User name"),
            password=self.row("Password"),
        )


@pytest.fixture(scope="module")
def started() -> Iterator[Started]:
    directory = Path(tempfile.mkdtemp(prefix="gatepost-test-", dir="/tmp"))
    directory.chmod(0o755)
    quickstart = Started(directory)
    try:
        yield quickstart
    finally:
        if quickstart.process.poll() is None:
            quickstart.stop()
        shutil.rmtree(directory)


def is_welcome(messages: list[bytes]) -> bool:
    return any(re.search(rb"^Subject: .*Gatepost", message, re.MULTILINE) for message in messages)


@pytest.mark.parametrize("name", CLIENTS)
def test_the_welcome_mail_arrives_over_tls(name: str, started: Started, tmp_path: Path) -> None:
    assert is_welcome(CLIENTS[name](started.target(), tmp_path))


@pytest.mark.parametrize("name", sorted(CLIENTS.keys() - WITHOUT_STLS))
def test_the_welcome_mail_arrives_over_stls(name: str, started: Started, tmp_path: Path) -> None:
    target = replace(started.target(), port=started.clear_port, stls=True)
    assert is_welcome(CLIENTS[name](target, tmp_path))


def test_the_printed_curl_line_works_when_pasted(started: Started, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs the program curl")
    line = started.printed.await_line(r"^\s*(curl .*)$")[1]
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, check=True, timeout=PATIENCE)
    assert is_welcome([done.stdout])


def test_ctrl_c_stops_cleanly_and_the_next_start_keeps_everything(started: Started, tmp_path: Path) -> None:
    before, target = CLIENTS["poplib"](started.target(), tmp_path), started.target()
    assert started.stop() == 0
    assert not [line for line in started.printed.lines if "Traceback" in line or "level=error" in line]
    started.start()
    assert started.target() == target
    assert CLIENTS["poplib"](started.target(), tmp_path) == before


def test_a_group_signal_ends_it_as_cleanly(started: Started) -> None:
    """A terminal's Ctrl-C reaches every process of the group at once."""
    assert started.stop() == 0
    with subprocess.Popen(
        [sys.executable, "-m", "gatepost", "quickstart"],
        cwd=started.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        printed = Lines()
        reader = printed.read_from(process.stdout, lambda: None)
        printed.await_line("Ctrl-C")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        reader.join(PATIENCE)
    assert not [line for line in printed.lines if "warning" in line or "by itself" in line or "Traceback" in line]
    started.start()
