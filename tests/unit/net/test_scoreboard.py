from __future__ import annotations

import os

from gatepost.net.scoreboard import Scoreboard


def test_counts_are_summed_over_live_workers() -> None:
    board = Scoreboard(rows=4)
    rows = board.take_rows(3, ())
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


def test_rows_in_use_are_not_given_again() -> None:
    board = Scoreboard(rows=6)
    assert board.take_rows(2, ()) == [0, 1]
    board.begin(0, 100)
    assert board.take_rows(3, {1}) == [2, 3, 4]
    assert board.take_rows(4, {3}) == [5, 1, 2, 4], "in turn, without 0, whose worker lives"
    assert board.take_rows(5, {3}) is None
    board.end(0, 100)
    assert board.take_rows(5, {3}) == [5, 0, 1, 2, 4]


def test_rows_are_cleared() -> None:
    board = Scoreboard(rows=2)
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
