"""A clock that jumps deletes nothing; one that runs evenly, or that the administrator vouches for, does."""

from __future__ import annotations

import logging

import pytest

from gatepost.store import clock as module
from gatepost.store.clock import FILE, LONGEST_REST, PROOF, TOLERANCE, StoreClock, read_record, steady, this_boot
from gatepost.store.notices import notices

DAY = 86_400
YEAR = 365 * DAY


class Machine:
    """Its clocks: one that may be set, and one that counts from the start."""

    def __init__(self, directory):
        self.directory = directory
        self.wall, self.steady, self.starts = 1_800_000_000.0, 100.0, 1

    def run(self, seconds):
        self.wall += seconds
        self.steady += seconds

    def start(self, off=60.0, clock=0.0):
        """After so many seconds without power; the clock is then so far ahead."""
        self.wall += off + clock
        self.steady, self.starts = 5.0, self.starts + 1

    def keeper(self):
        return StoreClock(self.directory, lambda: self.wall, lambda: self.steady, lambda: f"start {self.starts}")


@pytest.fixture
def machine(tmp_path):
    """A store whose clock is believed."""
    machine = Machine(tmp_path)
    machine.keeper().trust()
    return machine


def test_a_clock_that_runs_evenly_is_believed(machine):
    keeper = machine.keeper()
    for _ in range(3):
        machine.run(3600)
        assert keeper.believed() == machine.wall == keeper()
    machine.start(off=LONGEST_REST / 2)
    assert machine.keeper().believed() == machine.wall
    machine.run(30 * DAY)  # the keeper was away, the machine was not
    assert machine.keeper().believed() == machine.wall
    assert not notices(machine.directory)


def test_nothing_is_known_of_a_clock_at_first(tmp_path, caplog):
    """Nor after an upgrade, or a restored backup; there is no cause for alarm in that."""
    machine = Machine(tmp_path)
    keeper = machine.keeper()
    looks = []
    for _ in range(int(PROOF / 3600) + 1):
        looks.append(keeper.believed())
        machine.run(3600)
    assert looks[:-1] == [None] * int(PROOF / 3600)
    assert looks[-1] == machine.wall - 3600
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("restarted", [True, False])
def test_a_clock_that_is_a_year_ahead_for_two_minutes_deletes_nothing(machine, caplog, restarted):
    if restarted:
        machine.start(clock=400 * DAY)
    else:
        machine.wall += 400 * DAY
    keeper = machine.keeper()
    for _ in range(3):
        assert keeper.believed() is None
        machine.run(40)
    assert caplog.text.count("gatepost store trust-clock") == 1
    assert "No mail expires" in notices(machine.directory)[0]
    machine.wall -= 400 * DAY
    assert keeper.believed() == machine.wall
    assert not notices(machine.directory)


def test_it_is_told_each_hour(machine, caplog):
    keeper = machine.keeper()
    machine.wall += YEAR
    for _ in range(13):
        keeper.believed()
        machine.run(600)
    assert caplog.text.count("If it is right") == 3
    assert "for 70 more hours" in notices(machine.directory)[0]


def test_a_machine_that_was_off_for_long_is_believed_after_three_days(machine, caplog):
    machine.start(off=100 * DAY)
    for _ in range(int(PROOF / 3600)):
        assert machine.keeper().believed() is None
        machine.run(3600)
    assert machine.keeper().believed() == machine.wall
    assert "the clock is believed: it says" in caplog.text


def test_a_clock_that_jumps_again_begins_anew(machine):
    machine.wall += YEAR
    keeper = machine.keeper()
    for _ in range(3):
        assert keeper.believed() is None
        machine.run(PROOF - 10)
        machine.wall += YEAR
    assert keeper.believed() is None


def test_the_administrator_decides(machine, caplog):
    machine.start(clock=YEAR)
    keeper = machine.keeper()
    assert keeper.believed() is None
    keeper.trust()
    assert keeper.believed() == machine.wall
    assert machine.keeper().believed() == machine.wall
    assert "as its administrator says" in caplog.text


@pytest.mark.parametrize("restarted", [True, False])
def test_mail_that_comes_while_the_clock_is_behind_is_not_old_later(machine, restarted):
    machine.keeper().believed()
    before = machine.wall
    if restarted:
        machine.start(clock=-YEAR)
    else:
        machine.run(500)
        machine.wall -= YEAR
    keeper = machine.keeper()
    assert keeper.believed() is None
    machine.run(100)
    assert before <= keeper() <= before + 1000
    machine.wall += YEAR
    assert keeper() == machine.wall


def test_small_steps_are_no_jump(machine):
    keeper = machine.keeper()
    machine.wall -= TOLERANCE - 1
    assert keeper.believed() == machine.wall
    machine.wall += TOLERANCE - 1
    assert keeper.believed() == machine.wall


def test_without_the_number_of_a_start_each_is_another(tmp_path):
    machine = Machine(tmp_path)
    StoreClock(tmp_path, lambda: machine.wall, lambda: machine.steady, str).trust()
    machine.run(2 * DAY)
    assert StoreClock(tmp_path, lambda: machine.wall, lambda: machine.steady, str).believed() is None


@pytest.mark.parametrize("content", [b"", b"x", b"[]"])
def test_a_record_that_cannot_be_read_is_none(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    assert not read_record(tmp_path).believed


def test_a_record_that_is_closed_to_us(tmp_path, monkeypatch):
    def refuse(_path, _flags):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gatepost.store.clock.open_own", refuse)
    with pytest.raises(PermissionError):
        read_record(tmp_path)


def test_a_disk_that_is_full_costs_the_record_only(machine, monkeypatch, caplog):
    def refuse(*_arguments):
        raise OSError(28, "No space left on device")

    keeper = machine.keeper()
    monkeypatch.setattr(module, "open_own", refuse)
    machine.run(100)
    assert keeper.believed() == machine.wall
    assert "cannot be written: No space left" in caplog.text


def test_it_is_not_written_at_each_look(machine, monkeypatch):
    keeper = machine.keeper()
    keeper.believed()
    monkeypatch.setattr(module, "open_own", None)
    keeper.believed()


def test_the_systems_own(monkeypatch):
    assert steady() > 0
    assert this_boot() == this_boot()
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_: (_ for _ in ()).throw(OSError))
    assert this_boot() == ""
    monkeypatch.delattr("time.CLOCK_BOOTTIME", raising=False)
    assert steady() > 0
