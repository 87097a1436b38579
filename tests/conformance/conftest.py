"""Runs every coroutine test of this folder on each engine, inside an event loop of its own."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest

from support.stores import ENGINES, Clock, engine


class Bench:
    """What a conformance test gets."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.clock = Clock()
        self.store: Any = None


@pytest.fixture(params=ENGINES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return Bench(request.param, tmp_path)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    bench: Bench = arguments["bench"]

    async def main() -> None:
        async with engine(bench.name, bench.directory, bench.clock) as bench.store:
            await pyfuncitem.obj(**arguments)

    asyncio.run(main())
    return True
