from __future__ import annotations

import pytest

from gatepost.net import pace
from gatepost.net.pace import Pace


def test_a_burst_and_then_one_after_the_other() -> None:
    limit = Pace(rate=2, burst=3)
    assert [limit.wait("a", 10.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.5, 1.0]
    assert limit.wait("b", 10.0) == 0.0
    assert limit.wait("a", 10.5) == 1.0, "the queue moves on"
    assert [limit.wait("a", 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5], "and the burst comes back"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "KEYS", 3)
    limit = Pace(rate=1, burst=1)
    for key in "abc":
        limit.wait(key, 0.0)
    limit.wait("d", 1.5)
    assert set(limit._due) == {"d"}
    for key in "ef":
        limit.wait(key, 1.5)
    assert limit.wait("d", 1.5) > 0
    limit.wait("g", 1.5)
    assert set(limit._due) == {"g"}, "all owed something"
