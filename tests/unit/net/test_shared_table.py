from __future__ import annotations

import os

from gatepost.net.shared_table import BUSY, COUNT, SLOTS, WAYS, SharedTable


def same_bucket(count: int) -> list[int]:
    return [(SLOTS // WAYS) * number + 5 for number in range(1, count + 1)]


def test_records_are_found_again_and_the_longest_idle_gives_way() -> None:
    table = SharedTable(1)
    keys = same_bucket(WAYS + 1)
    assert table.find(keys[0]) is None
    for number, key in enumerate(keys[:-1]):
        record = table.make(key, 1000.0 + number)
        assert record is not None
        table.ints[record + COUNT] = number + 1
    first = table.make(keys[0], 2000.0)
    assert first is not None
    assert table.ints[first + COUNT] == 1
    newcomer = table.make(keys[-1], 2001.0)
    assert newcomer is not None
    assert table.ints[newcomer + COUNT] == 0
    assert table.find(keys[1]) is None
    assert table.find(keys[0]) == first


def test_what_is_in_use_stays() -> None:
    table = SharedTable(2)
    keys = same_bucket(WAYS + 1)
    for key in keys[:-1]:
        record = table.make(key, 1.0)
        assert record is not None
        table.use(record, 1)
    assert table.make(keys[-1], 2.0) is None
    record = table.find(keys[3])
    assert record is not None
    table.release(record, 0)  # not this worker's
    assert table.ints[record + BUSY] == 1
    table.release(record, 1)
    assert table.make(keys[-1], 2.0) == record


def test_keys() -> None:
    table, other = SharedTable(1), SharedTable(1)
    assert table.key(b"a", "x") == table.key(b"a", "x") != table.key(b"b", "x")
    assert table.key(b"a", "x") != other.key(b"a", "x")
    assert table.key(b"a", "\udcff") > 0


def test_several_processes_count_together() -> None:
    table = SharedTable(4)
    key = table.key(b"a", "x")
    children = []
    for column in range(4):
        pid = os.fork()
        if not pid:
            for _ in range(500):
                with table.locked(key):
                    record = table.make(key, 1.0)
                    if record is not None:
                        table.use(record, column)
            os._exit(0)
        children.append(pid)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    record = table.find(key)
    assert record is not None
    assert table.ints[record + BUSY] == 2000
    table.release_all(2)
    assert table.ints[record + BUSY] == 1500
    table.release_all(2)
    assert table.ints[record + BUSY] == 1500
