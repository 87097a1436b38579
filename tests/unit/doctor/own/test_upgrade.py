from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from gatepost.doctor.own.upgrade import UPGRADES
from gatepost.net.probe import ProbeError


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    with ours, theirs:
        yield ours, theirs


def test_pop3(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"+OK hello\r\n+OK begin\r\n")
    UPGRADES["pop3"](ours)
    assert theirs.recv(100) == b"STLS\r\n"


@pytest.mark.parametrize(
    ("says", "problem"), [(b"+OK hello\r\n-ERR no\r\n", "refused STLS"), (b"+OK h", "closed the connection")]
)
def test_a_server_that_does_not(pair: tuple[socket.socket, socket.socket], says: bytes, problem: str) -> None:
    ours, theirs = pair
    theirs.sendall(says)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(ProbeError, match=problem):
        UPGRADES["pop3"](ours)
