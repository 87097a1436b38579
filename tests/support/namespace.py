"""A network of the test's own: a thread in a new network namespace, which ends with it. Only for root.

    reports = in_namespace(visit_everybody(), ["ip link set lo up", "nft add …"])

Any address of the world may be given to its loopback interface; nobody outside sees it.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shlex
import shutil
import subprocess
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

NEWNET = 0x40000000
"""CLONE_NEWNET of unshare(2)."""

T = TypeVar("T")

only_here = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("nft"),
    reason="needs root, and the programs ip and nft (packages iproute2 and nftables)",
)


def in_namespace(work: Coroutine[Any, Any, T], commands: Iterable[str]) -> T:
    """Runs the commands, and then the coroutine, in a new namespace whose loopback is up."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_run, work, ("ip link set lo up", *commands)).result()


def _run(work: Coroutine[Any, Any, T], commands: Iterable[str]) -> T:
    if ctypes.CDLL(None, use_errno=True).unshare(NEWNET) != 0:
        work.close()
        pytest.skip(f"no network namespace can be made here: {os.strerror(ctypes.get_errno())}")
    for command in commands:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
        if done.returncode:
            work.close()
            pytest.skip(f"{command}: {done.stderr.strip()}")
    return asyncio.run(work)
