import asyncio
import logging
from typing import Any

import pytest

from gatepost.errors import StoreUnavailableError
from gatepost.identity import last_use
from gatepost.identity.last_use import LastUse
from gatepost.store.commands import TouchCredentials
from support.directory import DirectoryStore


class Recorder(DirectoryStore):
    written: tuple[TouchCredentials, ...] = ()
    broken = False

    async def execute(self, command: Any) -> Any:
        if self.broken:
            raise StoreUnavailableError("the store is away")
        self.written += (command,)


def test_uses_are_gathered_to_the_minute_and_written_once() -> None:
    recorder = Recorder()
    uses = LastUse(recorder.store)
    uses.note(1, 10, 120.9)
    uses.note(1, 10, 179.9)
    uses.note(2, 20, 240)
    asyncio.run(uses.flush())
    asyncio.run(uses.flush())
    assert recorder.written == (TouchCredentials(((1, 10, 120), (2, 20, 240))),)


def test_large_batches_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_use, "BATCH", 2)
    recorder = Recorder()
    uses = LastUse(recorder.store)
    for number in range(5):
        uses.note(1, number, 0)
    asyncio.run(uses.flush())
    assert [len(command.uses) for command in recorder.written] == [2, 2, 1]


def test_a_store_that_is_away_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    recorder.broken = True
    uses = LastUse(recorder.store)
    uses.note(1, 10, 0)
    with caplog.at_level(logging.WARNING):
        asyncio.run(uses.flush())
    assert "not written: the store is away" in caplog.text
