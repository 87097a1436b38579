from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gatepost.net import systemd
from gatepost.net.systemd import Notifier, inherited_sockets

UNITS = Path(__file__).parents[3] / "packaging" / "systemd"


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """Three neighbouring descriptors, as systemd leaves them: a TCP listener, a UNIX one, a TCP listener."""
    made = [
        socket.create_server(("127.0.0.1", 0)),
        socket.socket(socket.AF_UNIX),
        socket.create_server(("127.0.0.1", 0)),
    ]
    numbers = []
    base = 200
    for position, each in enumerate(made):
        os.dup2(each.fileno(), base + position)
        numbers.append(base + position)
    monkeypatch.setattr(systemd, "FIRST_DESCRIPTOR", base)
    yield made
    for number in numbers:
        with suppress(OSError):
            os.close(number)
    for each in made:
        each.close()


def test_listening_sockets_are_taken(three: list[socket.socket]) -> None:
    environ = {"LISTEN_PID": "42", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "pop3s:control", "HOME": "/"}
    found = inherited_sockets(environ, 42)
    assert [each.getsockname() for each in found] == [each.getsockname() for each in three]
    assert not any(each.get_inheritable() for each in found)
    assert environ == {"HOME": "/"}
    for each in found:
        each.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_PID": "41", "LISTEN_FDS": "1"},
        {"LISTEN_PID": "42", "LISTEN_FDS": "many"},
        {"LISTEN_PID": "42", "LISTEN_FDS": "\u00b2"},
    ],
)
def test_sockets_of_another_process_are_not_ours(environ: dict[str, str]) -> None:
    assert inherited_sockets(environ, 42) == []
    assert environ == {}


@pytest.mark.parametrize("abstract", [False, True])
def test_news_reaches_the_service_manager(tmp_path: Path, *, abstract: bool) -> None:
    if abstract and sys.platform != "linux":
        pytest.skip("abstract sockets are a thing of Linux")
    address = f"@gatepost-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address[1:] if abstract else address)
        environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}
        notifier = Notifier(environ)
        assert environ == {}
        assert notifier.watchdog_seconds == 3.0
        notifier.ready("serving\n2 ports")
        notifier.reloading()
        notifier.stopping("draining")
        notifier.alive()
        notifier.opening()
        messages = [manager.recv(1000).decode() for _ in range(5)]
        notifier.close()
        notifier.close()
        notifier.alive()
    assert messages[0] == f"READY=1\nMAINPID={os.getpid()}\nSTATUS=serving 2 ports"
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", messages[1])
    assert messages[2:] == [
        "STOPPING=1\nSTATUS=draining",
        "WATCHDOG=1",
        "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=Waiting for the store",
    ]


def test_outside_systemd_nothing_happens() -> None:
    notifier = Notifier({})
    notifier.ready("serving")
    notifier.alive()
    assert notifier.watchdog_seconds == 0
    notifier.close()


def test_a_manager_that_is_gone_does_not_matter(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    notifier.ready("serving")
    notifier.close()


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """The unit files, with a program that exists here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze, to check the unit files")
    for name in ("gatepost.service", "gatepost.socket"):
        text = (UNITS / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/local/bin/gatepost", "/bin/true"))
    return [str(tmp_path / name) for name in ("gatepost.service", "gatepost.socket")]


def test_the_unit_files_are_right(units: list[str]) -> None:
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_is_hardened(units: list[str]) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", units[0]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-300:]
