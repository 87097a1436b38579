from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.net.life import BEAT_EVERY, LONGEST_TICK, Patience, Pulse, Silence

PID = 77
PATIENCE = Patience(idle=10.0, busy=30.0)


class Look:
    """A supervisor's looks, one a second, at a made-up process."""

    def __init__(self, proc: Path) -> None:
        self.pulse = Pulse()
        self.now = 1000.0
        self.file = proc / str(PID) / "stat"
        self.file.parent.mkdir()
        self.used = 0
        self.does("S")
        self.silence = Silence(PID, self.pulse, self.now, proc)

    def does(self, state: str, used: int = 0) -> None:
        self.used += used
        self.file.write_text(f"{PID} (a) S b) {state} 1 77 77 0 -1 4194304 100 0 0 0 {self.used} 3 0 0 20 0 1 0\n")

    def until_too_long(self, most: int, state: str = "S", used: int = 0) -> int | None:
        for number in range(1, most + 1):
            self.now += 1.0
            self.does(state, used)
            if self.silence.too_long(PATIENCE, self.now):
                return number
        return None


@pytest.fixture
def look(tmp_path: Path) -> Look:
    return Look(tmp_path)


def test_one_that_beats_is_well(look: Look) -> None:
    for _ in range(200):
        look.pulse.beat()
        assert look.until_too_long(int(BEAT_EVERY)) is None


@pytest.mark.parametrize("state", ["S", "T"])
def test_one_that_does_nothing(look: Look, state: str) -> None:
    number = look.until_too_long(60, state)
    assert number is not None
    assert PATIENCE.idle < number <= PATIENCE.idle + BEAT_EVERY + 2
    assert look.silence.seconds() >= PATIENCE.idle


def test_one_that_computes_has_longer(look: Look) -> None:
    number = look.until_too_long(60, "R", used=90)
    assert number is not None
    assert number > PATIENCE.busy


def test_the_disk_is_waited_for(look: Look) -> None:
    assert look.until_too_long(1000, "D") is None
    assert look.until_too_long(60, "T") is not None


def test_a_beat_begins_anew(look: Look) -> None:
    assert look.until_too_long(9) is None
    look.pulse.beat()
    assert look.until_too_long(9) is None


def test_a_pause_of_the_supervisor_counts_for_one_tick(look: Look) -> None:
    """It was stopped for an hour with its children, or with the machine."""
    assert look.until_too_long(5) is None
    look.now += 3600.0
    assert not look.silence.too_long(PATIENCE, look.now)
    assert look.silence.seconds() <= 5 + LONGEST_TICK


def test_a_system_without_proc(tmp_path: Path) -> None:
    silence = Silence(PID, Pulse(), 0.0, tmp_path / "none")
    assert next(number for number in range(1, 20) if silence.too_long(PATIENCE, float(number))) in (13, 14)
