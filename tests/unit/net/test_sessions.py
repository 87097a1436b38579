from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gatepost.net import sessions
from gatepost.net.api import Insider, Peer
from gatepost.net.sessions import ADMINISTRATOR, SLICE, Question, SessionDesk, SessionStatus, ask
from gatepost.ports import TlsMode


@dataclass
class Seat:
    peer: Peer
    insider: Insider
    since: tuple[float, float]
    told: list[str] = field(default_factory=list)

    def expel(self, reason: str) -> None:
        self.told.append(reason)


def seat(number: int, login: str = "alice@example.com", since: tuple[float, float] = (40.0, 97.0)) -> Seat:
    peer = Peer("192.0.2.7", 40000, "pop3s", TlsMode.IMPLICIT, f"c-{number}")
    return Seat(peer, Insider(1, login, 10, "main", "USER"), since)


class Hall:
    def __init__(self, *seats: Seat) -> None:
        self.seats = seats

    clock = staticmethod(lambda: 100.0)

    def insiders(self) -> list[tuple[Any, Insider]]:
        return [(each, each.insider) for each in self.seats]


def with_desks(directory: Path, halls: list[Hall], work: Callable[[], Any]) -> Any:
    """Runs `work` in a thread while a desk of each hall answers."""

    async def run() -> Any:
        desks = [SessionDesk(directory, place, f"worker {place + 1}") for place in range(len(halls))]
        serving = [asyncio.create_task(desk.answer(hall)) for desk, hall in zip(desks, halls, strict=True)]
        try:
            return await asyncio.to_thread(work)
        finally:
            for each in serving:
                each.cancel()
            for desk in desks:
                desk.close()
                desk.close()

    return asyncio.run(run())


def test_all_workers_tell_of_their_sessions(tmp_path: Path) -> None:
    halls = [Hall(seat(1), seat(2, "bob@example.com", (99.0, 98.0))), Hall(seat(3, since=(10.0, 10.0)))]
    found = with_desks(tmp_path, halls, lambda: ask(tmp_path, Question()))
    assert [each.session for each in found] == ["c-3", "c-1", "c-2"]
    told = SessionStatus(
        "c-1", "alice@example.com", "main", "USER", "pop3s", "192.0.2.7", 60.0, 3.0, "worker 1", os.getpid()
    )
    assert found[1] == told
    assert found[2].idle == found[2].seconds == 1.0  # the hub's look at the clock was before it came
    assert found[0].worker == "worker 2"
    assert not any(each.told for hall in halls for each in hall.seats)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("question", "ended"),
    [
        (Question(login="bob@example.com", end=True), {"c-2"}),
        (Question(session="c-1", end=True), {"c-1"}),
        (Question(end=True), {"c-1", "c-2"}),
        (Question(login="bob@example.com"), set()),
        (Question(login="bob@example.com", session="c-1", end=True), set()),
    ],
)
def test_sessions_are_ended_by_user_or_by_id(tmp_path: Path, question: Question, ended: set[str]) -> None:
    hall = Hall(seat(1), seat(2, "bob@example.com"))
    found = with_desks(tmp_path, [hall], lambda: ask(tmp_path, question))
    assert {each.peer.connection_id for each in hall.seats if each.told == [ADMINISTRATOR]} == ended
    assert {each.session for each in found} >= ended


def test_thousands_are_told_in_slices(tmp_path: Path) -> None:
    hall = Hall(*(seat(number) for number in range(10 * SLICE)))
    assert len(with_desks(tmp_path, [hall], lambda: ask(tmp_path, Question()))) == 10 * SLICE


def test_nonsense_ends_nobody_and_stops_nothing(tmp_path: Path) -> None:
    hall = Hall(seat(1))

    def work() -> list[SessionStatus]:
        for nonsense in (b"{}x\n", b"\xff\n", b'{"end":true,"login":7}\n', b"x" * 200_000, b""):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(tmp_path / "worker-0.sock"))
                try:
                    sock.sendall(nonsense)
                    sock.shutdown(socket.SHUT_WR)
                    assert sock.recv(100) == b""
                except (BrokenPipeError, ConnectionResetError):
                    pass
        return ask(tmp_path, Question())

    assert [each.session for each in with_desks(tmp_path, [hall], work)] == ["c-1"]
    assert hall.seats[0].told == []


def test_workers_that_are_no_more_are_passed_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "worker-0.sock"))
    (tmp_path / "worker-5.sock").symlink_to(tmp_path / "nowhere")
    assert ask(tmp_path, Question()) == []
    assert len(with_desks(tmp_path, [Hall(seat(1))], lambda: ask(tmp_path, Question()))) == 1


def test_a_worker_that_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "PATIENCE", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "worker-0.sock"))
        silent.listen()
        with pytest.raises(TimeoutError):
            ask(tmp_path, Question())


def test_an_answer_without_end_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_MOST", 1000)
    with socket.socket(socket.AF_UNIX) as flood:
        flood.bind(str(tmp_path / "worker-0.sock"))
        flood.listen()

        def serve() -> None:
            client, _ = flood.accept()
            with client:
                try:
                    while True:
                        client.sendall(b"x" * 1000)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        assert ask(tmp_path, Question()) == []
        thread.join()


def test_only_its_owner_may_ask(tmp_path: Path) -> None:
    desk = SessionDesk(tmp_path, 3, "worker 4")
    assert (tmp_path / "worker-3.sock").stat().st_mode & 0o777 == 0o600
    desk.close()
    with pytest.raises(OSError, match="No such file"):
        SessionDesk(tmp_path / "nowhere", 3, "worker 4")
