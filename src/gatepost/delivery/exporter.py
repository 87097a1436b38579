"""Export: every mailbox of an account into files, each message octet for octet as it came in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from os import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from gatepost.archive.item import Entry, Place, Writer
from gatepost.errors import NoSuchMessageError, StoreCorruptError
from gatepost.mime.wire import LF, ToLf
from gatepost.model import CHUNK, Flag, Mailbox, Message, derived_uidl
from gatepost.store.api import MailReader

_IN_MEMORY: Final = 8 * 1024 * 1024


@dataclass(slots=True)
class Exported:
    """How far an export is."""

    messages: int = 0
    octets: int = 0
    inexact: list[str] = field(default_factory=list)
    """Messages that the format cannot hold octet for octet, as `mailbox/uid`."""
    damaged: list[str] = field(default_factory=list)
    """Messages that the store cannot give as they were, likewise: they were left out."""


async def octets(store: MailReader, account_id: int, message: Message) -> AsyncIterator[bytes]:
    """A message as it came in. Raises NoSuchMessageError, StoreCorruptError."""
    email = await store.email(account_id, message.email_id)
    lines = ToLf() if email.line_ends == LF else None
    number = 0
    while chunk := await store.chunk(email.original_blob_id or email.blob_id, number):
        yield lines.feed(chunk) if lines else chunk
        number += 1


async def export(
    store: MailReader, account_id: int, writer: Writer, progress: Callable[[Exported], None] = lambda _: None
) -> Exported:
    """Writes all mailboxes. Messages that are deleted meanwhile are passed over, and so are damaged ones.

    Raises AlreadyExistsError (the files are there), StoreCorruptError (what lists the messages is damaged), OSError.
    """
    done = Exported()
    for mailbox in await store.mailboxes(account_id):
        writer.begin(Place(mailbox.name, mailbox.uidvalidity, mailbox.uidnext))
        try:
            async for message in listed(store, mailbox):
                try:
                    await _write(store, mailbox, message, writer, done)
                except NoSuchMessageError:
                    pass
                except StoreCorruptError:
                    done.damaged.append(f"{mailbox.name}/{message.uid}")
                progress(done)
        finally:
            writer.end()
    return done


async def listed(store: MailReader, mailbox: Mailbox) -> AsyncIterator[Message]:
    """All messages of a mailbox, page by page."""
    after = 0
    while page := await store.messages(mailbox.account_id, mailbox.mailbox_id, after_uid=after):
        for message in page:
            yield message
        after = page[-1].uid


async def _write(store: MailReader, mailbox: Mailbox, message: Message, writer: Writer, done: Exported) -> None:
    entry = Entry(
        uid=message.uid,
        received=message.received,
        flags=Flag(message.flags),
        keywords=message.keywords,
        uidl=message.uidl or derived_uidl(mailbox.uidvalidity, message.uid),
    )
    async with _spooled(store, mailbox.account_id, message) as file:
        if not writer.add(entry, _read(file)):
            done.inexact.append(f"{mailbox.name}/{message.uid}")
        done.octets += file.seek(0, SEEK_END)
    done.messages += 1


@asynccontextmanager
async def _spooled(store: MailReader, account_id: int, message: Message) -> AsyncIterator[IO[bytes]]:
    """The whole message, so that writers can take it without waiting; a large one lies in a temporary file."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        async for chunk in octets(store, account_id, message):
            file.write(chunk)
        file.seek(0)
        yield file


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
