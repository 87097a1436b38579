"""From octets as they came in to the `NewEmail` that the store takes: wire form, parsed once, large bodies staged."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from mmap import ACCESS_READ, mmap
from tempfile import TemporaryFile
from typing import Final

from gatepost.errors import DomainError, InvalidValueError
from gatepost.mime.ingest import Ingested, ingest, undescribed
from gatepost.mime.wire import CRLF, MIXED, Octets, canonical, line_ends, missing_end, pieces, to_wire
from gatepost.model import CHUNK, make_id
from gatepost.store.api import Store
from gatepost.store.commands import DropUploads, Inline, NewEmail, StageChunk, Staged

log: Final = logging.getLogger("gatepost.delivery")

IN_MEMORY: Final = 8 * 1024 * 1024
"""Octets up to which a new wire form is made in memory; a larger one goes through a temporary file."""


class MessageTooLargeError(InvalidValueError):
    """The message is larger than `delivery.message_size`."""


class EmptyMessageError(InvalidValueError):
    """The message has no octet."""


def check_size(size: int, most: int) -> None:
    """Raises MessageTooLargeError."""
    if size > most:
        raise MessageTooLargeError(
            f"the message has {size:,} octets and at most {most:,} are accepted: raise `message_size` in [delivery]"
        )


async def prepare(store: Store, source: Octets, *, received: int, most: int) -> NewEmail:
    """Reads a message and puts its body where the store finds it; `source` may be a mapped file.

    `most`: octets accepted, of the source and of its wire form. Who does not deliver it gives it to `discard`.
    Raises MessageTooLargeError, EmptyMessageError, and what `Store.execute` raises.
    """
    check(source, most)
    with _wire_form(source) as (wire, ends):
        check_size(len(wire), most)
        known = _described(wire)
        body = await _body(store, wire)
        return NewEmail(
            body=body,
            received=received,
            header_octets=known.header_octets,
            structure=known.structure,
            message_id=known.message_id,
            references=known.references,
            ascii_size=known.ascii_size,
            line_ends=ends,
            original=await _body(store, source, body) if ends == MIXED else None,
            preview=known.preview,
            missing_end=missing_end(wire[-2:]),
        )


def check(source: Octets, most: int) -> None:
    """Raises MessageTooLargeError, EmptyMessageError."""
    if not len(source):
        raise EmptyMessageError("the message is empty")
    check_size(len(source), most)


async def discard(store: Store, *bodies: Inline | Staged | None) -> None:
    """Frees the room of staged bodies that nobody will claim. If that fails, housekeeping does it within a day."""
    uploads = tuple(body.upload_id for body in bodies if isinstance(body, Staged))
    if uploads:
        with suppress(DomainError):
            await store.execute(DropUploads(uploads))


def _described(wire: Octets) -> Ingested:
    """A message comes in even if a bug of ours stops us from reading it: whoever gets it can still fetch it."""
    try:
        return ingest(wire)
    except Exception:
        log.exception("a message of %d octets was stored without a description: please report this bug", len(wire))
        return undescribed(wire)


@contextmanager
def _wire_form(source: Octets) -> Iterator[tuple[Octets, str]]:
    if len(source) <= IN_MEMORY:
        yield canonical(source[:])
        return
    ends = line_ends(source)
    if ends == CRLF:
        yield source, ends
        return
    with TemporaryFile() as file:
        for piece in to_wire(pieces(source)):
            file.write(piece)
        file.flush()
        with mmap(file.fileno(), 0, access=ACCESS_READ) as wire:
            yield wire, ends


async def _body(store: Store, data: Octets, *others: Inline | Staged) -> Inline | Staged:
    """`others`: what was staged for the same message; a failure discards all of it."""
    if len(data) <= CHUNK:
        return Inline(data[:])
    upload_id = make_id(time.time_ns() // 1_000_000, secrets.randbits(22))
    digest = sha256()
    try:
        for number, piece in enumerate(pieces(data)):
            digest.update(piece)
            await store.execute(StageChunk(upload_id, number, piece))
    except DomainError:
        await discard(store, Staged(upload_id, b"", 0), *others)
        raise
    return Staged(upload_id, digest.digest(), len(data))
