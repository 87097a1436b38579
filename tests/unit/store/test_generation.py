from __future__ import annotations

import pytest

from gatepost.store.generation import FILE, Generation


def test_readers_see_what_the_keeper_raises(tmp_path):
    reader = Generation.shared(tmp_path)
    keeper = Generation(tmp_path, writable=True)
    assert (reader.of_directory(), reader.of_commits()) == (0, 0)
    keeper.directory_changed()
    keeper.committing()
    assert (reader.of_directory(), reader.of_commits()) == (1, 1)
    keeper.committed()
    assert (reader.of_directory(), reader.of_commits()) == (1, 2)
    keeper.close()
    again = Generation(tmp_path, writable=True)
    again.directory_changed()
    late = Generation.shared(tmp_path)
    again.committing()
    again.committing()
    for each in (reader, late, again):
        assert (each.of_directory(), each.of_commits()) == (2, 3)
        each.close()
        each.close()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("died_over_a_commit", [True, False])
def test_a_writer_begins_with_numbers_that_nobody_has_seen(tmp_path, died_over_a_commit):
    numbers = Generation(tmp_path, writable=True)
    numbers.begin()
    if died_over_a_commit:
        numbers.committing()
    seen = (numbers.of_directory(), numbers.of_commits())
    numbers.begin()
    assert (numbers.of_directory(), numbers.of_commits()) == (2, 4)
    assert seen == (1, 3 if died_over_a_commit else 2)
    numbers.close()


@pytest.mark.parametrize("first", ["reader", "keeper"])
def test_a_file_that_knows_one_number_only_learns_the_other(tmp_path, first):
    (tmp_path / FILE).write_bytes((7).to_bytes(8, "little"))
    maps = [Generation.shared(tmp_path) if first == "reader" else Generation(tmp_path, writable=True)]
    maps.append(Generation(tmp_path, writable=True) if first == "reader" else Generation.shared(tmp_path))
    for each in maps:
        assert (each.of_directory(), each.of_commits()) == (7, 0)
    for each in maps:
        each.close()
