from __future__ import annotations

import os

from gatepost.net.scoreboard import Scoreboard


def test_counts_are_summed_over_live_workers() -> None:
    board = Scoreboard(rows=4)
    rows = [board.take_row() for _ in range(3)]
    assert rows == [0, 1, 2]
    for pid, row in enumerate(rows, 100):
        assert not board.begin(row, pid)
        board.opened(row, "pop3s")
        board.opened(row, "pop3s")
        board.closed(row, "pop3s")
        board.opened(row, "pop3")
    totals = board.totals({100, 102})
    assert totals.connections == {"pop3s": 2, "pop3": 2}
    assert totals.accepted == 6
    assert board.owners() == {0: 100, 1: 101, 2: 102}


def test_rows_are_used_in_turn_and_cleared() -> None:
    board = Scoreboard(rows=2)
    assert [board.take_row() for _ in range(3)] == [0, 1, 0]
    board.begin(0, 100)
    board.opened(0, "pop3")
    assert board.begin(0, 101), "its last owner died"
    assert board.totals({100, 101}).connections == {}
    board.end(0, 100)
    assert board.owners() == {0: 101}
    board.end(0, 101)
    assert board.owners() == {}
    assert not board.begin(0, 102)


def test_counts_cross_a_fork() -> None:
    board = Scoreboard(rows=2)
    child = os.fork()
    if child == 0:
        board.begin(1, 77)
        board.opened(1, "pop3")
        os._exit(0)
    os.waitpid(child, 0)
    assert board.totals({77}).connections == {"pop3": 1}
