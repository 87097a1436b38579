import os
import subprocess
import sys

import pytest
from benchmarks import cpu


def test_a_command_name_may_hold_anything():
    fields = "S 7 1 1 0 -1 4194560 1 2 3 4 100 50 20 30 20 0 1 0 999 1 1"
    process = cpu.parse_stat(f"42 (a) b (c) {fields}")
    assert (process.pid, process.parent) == (42, 7)
    assert process.seconds == pytest.approx(200 * cpu.TICK)


def test_a_tree_is_the_root_and_all_below_it():
    among = [cpu.Process(pid, parent, 1.0) for pid, parent in ((5, 4), (2, 1), (3, 2), (4, 2), (9, 1), (1, 0))]
    assert sorted(each.pid for each in cpu.below(2, among)) == [2, 3, 4, 5]
    assert cpu.below(77, among) == []


def test_a_child_that_has_ended_still_counts():
    before = cpu.cpu_seconds(os.getpid())
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert cpu.cpu_seconds(os.getpid()) - before >= 0.2 - 4 * cpu.TICK


def test_what_is_neither_server_nor_clients_is_unexplained():
    assert cpu.Used(server=6, clients=3, machine=10).unexplained == pytest.approx(0.1)
    assert cpu.Used(server=6, clients=5, machine=10).unexplained == 0
    assert cpu.Used(server=0, clients=0, machine=0).unexplained == 0


def test_memory_counts_this_process():
    kilobytes, count = cpu.memory_kb(os.getpid())
    assert kilobytes > 1000
    assert count >= 1
