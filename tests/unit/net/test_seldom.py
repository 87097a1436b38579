from __future__ import annotations

import pytest

from gatepost.net import seldom
from gatepost.net.seldom import EVERY, Seldom


def test_once_a_minute_and_how_often_it_was_meanwhile() -> None:
    said, now = [], [0.0]
    notices = Seldom(said.append, lambda: now[0])
    for _ in range(4):
        notices.say("header", "192.0.2.1", "it sent one")
    notices.say("header", "192.0.2.2", "that one too")
    assert said == ["it sent one", "that one too"]
    now[0] = EVERY
    notices.say("header", "192.0.2.1", "it sent one")
    assert said[2:] == ["it sent one (3 more times since this was said last)"]
    now[0] = EVERY * 3
    notices.say("header", "192.0.2.1", "it sent one")
    assert said[3:] == ["it sent one"]


def test_strangers_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seldom, "SUBJECTS", 2)
    said: list[str] = []
    notices = Seldom(said.append, lambda: 0.0)
    for who in ("a", "b", "c", "a"):
        notices.say("x", who, who)
    assert said == ["a", "b", "c", "a"]
    assert len(notices._said) == 2
