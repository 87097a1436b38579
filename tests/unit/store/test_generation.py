from __future__ import annotations

from gatepost.store.generation import Generation


def test_readers_see_what_the_keeper_bumps(tmp_path):
    reader = Generation.shared(tmp_path)
    keeper = Generation(tmp_path, writable=True)
    assert reader.read() == 0
    keeper.bump()
    assert reader.read() == 1
    keeper.close()
    again = Generation(tmp_path, writable=True)
    again.bump()
    late = Generation.shared(tmp_path)
    assert (reader.read(), late.read(), again.read()) == (2, 2, 2)
    for each in (reader, late, again):
        each.close()
        each.close()
    assert (tmp_path / "generation").stat().st_mode & 0o777 == 0o600
