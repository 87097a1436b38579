from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress

import pytest

from gatepost.net import pulse
from gatepost.net.pulse import LOOKS, Pulse, TcpState, probe_within, read_info, tcp_state

LEASE = 80.0
STEP = LEASE / LOOKS


def info(
    *, retransmits: int = 0, probes: int = 0, unacked: int = 0, since_ack: int = 0, acked: int = 0, notsent: int = 0
) -> bytes:
    """`struct tcp_info`, as <linux/tcp.h> has it."""
    words = [0, 0, 0, 0, unacked, 0, 0, 0, 0, 0, 0, 0, since_ack, *[0] * 11]
    return (
        bytes((1, 0, retransmits, probes, 0, 0, 0, 0))
        + struct.pack("=24I", *words)
        + struct.pack("=4Q4I", 0, 0, acked, 0, 0, 0, notsent, 0)
    )


@pytest.mark.parametrize(
    ("octets", "state"),
    [
        (info(), TcpState(owing=False, waiting=False, silent=0)),
        (info(probes=2, since_ack=1500), TcpState(owing=True, waiting=False, silent=1.5)),
        (info(retransmits=1), TcpState(owing=True, waiting=False, silent=0)),
        (info(unacked=3), TcpState(owing=True, waiting=False, silent=0)),
        (info(notsent=9), TcpState(owing=False, waiting=True, silent=0)),
    ],
)
def test_what_the_kernel_tells(octets: bytes, state: TcpState) -> None:
    assert read_info(octets) == state


def test_a_peer_that_does_not_read_and_one_that_has_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
    with ours, theirs:
        ours.setblocking(False)
        with suppress(BlockingIOError):
            while ours.send(bytes(65536)):
                pass
        state = tcp_state(ours.fileno())
        assert state is not None
        assert state.waiting
        assert state.silent < 60
        probe_within(ours.fileno(), 7.5)
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7500
        state = tcp_state(theirs.fileno())
        assert state is not None
        assert not state.waiting
    assert ours.fileno() == -1


def test_where_there_is_no_tcp() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert tcp_state(ours.fileno()) is None
        probe_within(ours.fileno(), 5)
        assert os.fstat(ours.fileno()), "it is still open"


class Peer:
    """A connection of which the test says what the kernel knows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state: TcpState | None = None
        self.looks = 0
        self.probes: list[float] = []
        self.pulse = Pulse(LEASE)
        monkeypatch.setattr(pulse, "tcp_state", self.look)
        monkeypatch.setattr(pulse, "probe_within", lambda _, seconds: self.probes.append(seconds))

    def look(self, _: int) -> TcpState | None:
        self.looks += 1
        return self.state

    def is_(self, *, owing: bool = False, waiting: bool = False, silent: float = 0.0) -> None:
        self.state = TcpState(owing, waiting, silent)

    def lost(self, now: float, said: float = 0.0) -> bool:
        return self.pulse.lost(3, said, now)


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Peer:
    return Peer(monkeypatch)


def test_who_has_read_everything_is_not_looked_at_again_until_more_was_sent(peer: Peer) -> None:
    peer.is_()
    assert not any(peer.lost(now) for now in range(1000))
    assert peer.looks == 1
    assert not peer.lost(1000.0, said=999.0)
    assert peer.looks == 2
    assert peer.probes == []


def test_it_is_not_looked_at_more_often_than_need_be(peer: Peer) -> None:
    peer.is_(waiting=True)
    for now in range(int(LEASE)):
        peer.lost(float(now))
    assert peer.looks == LOOKS


def test_one_whose_system_answers_is_waited_for_however_long_it_reads_nothing(peer: Peer) -> None:
    """Each time the kernel's own end is put off, and its next probe comes within half a lease."""
    peer.is_(waiting=True)
    times = [STEP * number for number in range(100)]
    assert not any(peer.lost(now) for now in times)
    margins = [within - now for now, within in zip(times, peer.probes, strict=True)]
    assert set(margins) == {LEASE / 2 + 2 * STEP}


def test_what_it_has_read_in_the_end_makes_the_next_closed_window_a_new_one(peer: Peer) -> None:
    peer.is_(waiting=True)
    peer.lost(0.0)
    peer.lost(STEP)
    peer.is_()
    peer.lost(STEP * 2)
    assert peer.probes[-1] == 0, "the kernel has its own ways again"
    peer.is_(waiting=True)
    peer.lost(STEP * 9, said=STEP * 9)
    assert peer.probes[-1] == peer.probes[0]


def test_who_owes_an_answer_for_a_lease_is_gone(peer: Peer) -> None:
    peer.is_(owing=True, waiting=True, silent=LEASE - 1)
    assert not peer.lost(0.0)
    peer.is_(owing=True, waiting=True, silent=LEASE)
    assert not peer.lost(STEP / 2), "not looked at"
    assert peer.lost(STEP)


def test_a_short_lease_leaves_a_busy_worker_time_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(monkeypatch)
    peer.pulse = Pulse(8.0)
    peer.is_(waiting=True)
    peer.lost(0.0)
    assert peer.probes == [7.0]


def test_a_system_that_does_not_tell_is_believed(peer: Peer) -> None:
    assert not any(peer.lost(float(now)) for now in range(1000))
    assert peer.looks == 1
