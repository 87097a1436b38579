from __future__ import annotations

import logging
import os

import pytest

from gatepost.errors import StoreFullError
from gatepost.store.generation import FILE, LOOK_EVERY, SIZE, Generation, SharedGeneration


class Clock:
    now = 5.0

    def __call__(self):
        return self.now


def numbers(*generations):
    return [(each.of_directory() % (1 << 64), each.of_commits() % (1 << 64)) for each in generations]


def test_readers_see_what_the_keeper_raises(tmp_path):
    keeper = Generation(tmp_path)
    reader = SharedGeneration(tmp_path)
    assert numbers(reader) == [(0, 0)]
    keeper.directory_changed()
    keeper.committing()
    assert numbers(reader) == [(1, 1)]
    keeper.committed()
    assert numbers(reader) == [(1, 2)]
    keeper.close()
    again = Generation(tmp_path)
    again.directory_changed()
    late = SharedGeneration(tmp_path)
    again.committing()
    again.committing()
    assert numbers(reader, late, again) == [(2, 3)] * 3
    for each in (reader, late, again):
        each.close()
        each.close()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("died_over_a_commit", [True, False])
def test_a_writer_begins_with_numbers_that_nobody_has_seen(tmp_path, died_over_a_commit):
    writer = Generation(tmp_path)
    writer.begin()
    if died_over_a_commit:
        writer.committing()
    (seen,) = numbers(writer)
    writer.begin()
    assert numbers(writer) == [(2, 4)]
    assert seen == (1, 3 if died_over_a_commit else 2)
    writer.close()


def test_a_file_that_knows_one_number_only_learns_the_other(tmp_path):
    (tmp_path / FILE).write_bytes((7).to_bytes(8, "little"))
    reader = SharedGeneration(tmp_path)
    assert reader.of_directory() != reader.of_directory()
    writer = Generation(tmp_path)
    assert numbers(writer, reader) == [(7, 0)] * 2
    writer.close()
    reader.close()


def test_whatever_the_file_holds_can_be_raised(tmp_path):
    (tmp_path / FILE).write_bytes(b"\xff" * SIZE)
    writer, reader = Generation(tmp_path), SharedGeneration(tmp_path)
    writer.begin()
    assert numbers(writer, reader) == [(1, 0)] * 2
    for each in (writer, reader):
        each.close()


def test_without_a_writer_everything_counts_as_changed(tmp_path):
    reader = SharedGeneration(tmp_path)
    assert len({reader.of_directory() for _ in range(5)}) == 5
    assert all(reader.of_commits() & 1 for _ in range(5))
    assert not (tmp_path / FILE).exists()
    reader.close()


@pytest.mark.parametrize("how", ["removed", "replaced", "moved away"])
def test_a_writer_moves_to_the_file_that_has_the_name(tmp_path, caplog, how):
    """A reader that was there before, and one that came after: both hear of every commit, at once."""
    file, writer, old = tmp_path / FILE, Generation(tmp_path), SharedGeneration(tmp_path, Clock())
    writer.begin()
    seen = {(old.of_directory(), old.of_commits())}
    if how == "moved away":
        file.rename(tmp_path / "elsewhere")
    else:
        file.unlink()
    if how == "replaced":
        file.write_bytes(b"\xff" * SIZE)
    new = SharedGeneration(tmp_path, Clock())
    for _ in range(3):
        before = {(each.of_directory(), each.of_commits()) for each in (old, new)}
        writer.committing()
        assert old.of_commits() & 1
        assert new.of_commits() & 1
        writer.committed()
        writer.directory_changed()
        after = {(each.of_directory(), each.of_commits()) for each in (old, new)}
        assert not after & (before | seen)
        assert not any(commits & 1 for _, commits in after)
        seen |= before | after
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    for each in (writer, old, new):
        each.close()


def test_a_reader_notices_within_a_second_that_the_writer_began_anew_in_another_file(tmp_path):
    """As when the file is removed, and the writer killed."""
    clock = Clock()
    first, reader = Generation(tmp_path), SharedGeneration(tmp_path, clock)
    first.begin()
    before = reader.of_directory(), reader.of_commits()
    (tmp_path / FILE).unlink()
    second = Generation(tmp_path)
    second.begin()
    assert numbers(second) == numbers(first)
    clock.now += LOOK_EVERY
    after = reader.of_directory(), reader.of_commits()
    assert not {*after} & {*before}
    clock.now += LOOK_EVERY
    assert (reader.of_directory(), reader.of_commits()) == after
    for each in (first, second, reader):
        each.close()


def test_a_writer_that_finds_no_room_to_move_to_goes_on(tmp_path, monkeypatch, caplog):
    writer, reader = Generation(tmp_path), SharedGeneration(tmp_path, Clock())
    (tmp_path / FILE).unlink()
    monkeypatch.setattr(os, "posix_fallocate", no_room)
    (before,) = numbers(reader)
    writer.committing()
    writer.committed()
    assert numbers(reader) != [before]
    assert "cannot be made again" in caplog.text
    for each in (writer, reader):
        each.close()


def no_room(*_arguments):
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_an_error_and_no_bus_error(tmp_path, monkeypatch):
    """A hole that is written to through memory would end the process."""
    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(StoreFullError, match="make room"):
        Generation(tmp_path)


def test_there_is_no_hole(tmp_path):
    (tmp_path / FILE).touch()
    os.truncate(tmp_path / FILE, SIZE)
    Generation(tmp_path).close()
    assert (tmp_path / FILE).stat().st_blocks > 0


def test_without_posix_fallocate(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    Generation(tmp_path).close()
    assert (tmp_path / FILE).stat().st_size == SIZE
    Generation(tmp_path).close()
