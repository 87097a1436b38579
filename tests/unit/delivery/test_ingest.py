from __future__ import annotations

import asyncio
import mmap
from pathlib import Path

import pytest

from gatepost.delivery import ingest
from gatepost.delivery.ingest import MessageTooLargeError, prepare
from gatepost.errors import InvalidValueError
from gatepost.mime.structure import unpack
from gatepost.mime.wire import Octets
from gatepost.model import CHUNK
from gatepost.store.commands import Inline, NewEmail, StageChunk, Staged
from gatepost.store.memory import MemoryStore


class Recorder(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.staged: list[StageChunk] = []

    async def execute(self, command):
        self.staged.append(command)
        return await super().execute(command)


def prepared(source: Octets, most: int = 10**9) -> tuple[NewEmail, list[StageChunk]]:
    async def work():
        store = Recorder()
        return await prepare(store, source, received=7, most=most), store.staged

    return asyncio.run(work())


def test_a_small_message_is_carried_along() -> None:
    email, staged = prepared(b"Message-ID: <m@x>\nIn-Reply-To: <p@x>\n\nHi\n")
    assert email.body == Inline(b"Message-ID: <m@x>\r\nIn-Reply-To: <p@x>\r\n\r\nHi\r\n")
    assert (email.line_ends, email.original, email.received, staged) == ("lf", None, 7, [])
    assert (email.message_id, email.references, email.preview) == ("<m@x>", ("<p@x>",), "Hi")
    assert email.header_octets == 41


def test_mixed_line_ends_keep_the_original() -> None:
    email, _ = prepared(b"A: b\r\n\nx")
    assert (email.line_ends, email.original) == ("mixed", Inline(b"A: b\r\n\nx"))
    assert email.body == Inline(b"A: b\r\n\r\nx")


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("in_memory", [0, 10**9])
def test_a_large_message_is_staged(end: bytes, in_memory: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(ingest, "IN_MEMORY", in_memory)
    path = tmp_path / "m"
    path.write_bytes(b"A: b" + end + end + (b"line" + end) * (CHUNK // 4))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        email, staged = prepared(data)
    wire = b"A: b\r\n\r\n" + b"line\r\n" * (CHUNK // 4)
    assert b"".join(one.data for one in staged) == wire
    assert [one.number for one in staged] == list(range(len(staged)))
    assert all(len(one.data) == CHUNK for one in staged[:-1])
    assert isinstance(email.body, Staged)
    assert email.body.size == len(wire)
    assert email.line_ends == ("crlf" if end == b"\r\n" else "lf")


def test_limits() -> None:
    with pytest.raises(MessageTooLargeError, match="message_size"):
        prepared(b"A: b\r\n\r\n", most=7)
    with pytest.raises(MessageTooLargeError):
        prepared(b"A: b\n\n", most=7)
    with pytest.raises(InvalidValueError, match="empty"):
        prepared(b"")


def test_a_message_that_cannot_be_read_is_stored_all_the_same(monkeypatch, caplog) -> None:
    def fail(_: Octets) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(ingest, "ingest", fail)
    email, _ = prepared(b"Subject: a\n\nb\n")
    assert email.body == Inline(b"Subject: a\r\n\r\nb\r\n")
    assert email.header_octets == 14
    part = unpack(email.structure).body
    assert (part.type, part.body, part.end) == (b"application", 14, 17)
    assert "please report" in caplog.text
