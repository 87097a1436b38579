"""Import: a source of mail into an account, as often as needed, never twice.

Each message has a key made of its octets, its mailbox, and how many equal ones came before it. So an import that was
interrupted is simply started again, and neither a moved source nor changed flags make a second copy.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from gatepost.archive.item import Bad, Doubt, Item, Source
from gatepost.archive.uidl import x_uidl
from gatepost.delivery.ingest import check_size, discard, prepare
from gatepost.errors import DomainError, NoSuchAccountError, StoreCorruptError, StoreFullError, StoreUnavailableError
from gatepost.mime.wire import Octets, pieces
from gatepost.model import CHUNK, INBOX
from gatepost.store.api import Store
from gatepost.store.commands import Admit, Deliver, Delivered, NewEmail, Target

log: Final = logging.getLogger("gatepost.delivery")

IN_FLIGHT: Final = 32
"""Deliveries that wait for the disk at a time: one sync then serves them all, and at most 8 MB is held."""

LATEST: Final = 0xFFFFFFFF
"""The year 2106: files and mbox separators with a later date (or one before 1970) have a wrong one."""

_FATAL: Final = (NoSuchAccountError, StoreCorruptError, StoreFullError, StoreUnavailableError)
"""What the next message would meet too."""


@dataclass(slots=True)
class Report:
    """How far an import is."""

    imported: int = 0
    repeated: int = 0
    """Were here already."""
    octets: int = 0
    """Of those imported."""
    skipped: list[Bad] = field(default_factory=list)
    doubts: list[Bad] = field(default_factory=list)
    """Places of the source that may have been read wrongly; nothing of them is left out."""

    @property
    def done(self) -> int:
        return self.imported + self.repeated + len(self.skipped)


def every(source: Source) -> Iterator[Item | Bad]:
    """The source; a bug of ours in reading it ends it there, and what came before counts.

    Raises OSError when the source itself cannot be read.
    """
    last = ""
    try:
        for one in source:
            yield one
            last = one.key
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 -- see above
        yield Bad(f"whatever follows {last}" if last else "all of it", _bug(error))


def _bug(error: Exception) -> str:
    log.error("reading mail failed", exc_info=error)
    return f"Gatepost failed on it, please report this bug ({type(error).__name__}: {str(error)[:200]})"


class Importer:
    """Takes sources into one account."""

    def __init__(self, store: Store, account_id: int, *, most: int, mailbox: str = INBOX, salt: str = "") -> None:
        """`mailbox` gets the source's own inbox, and is above its folders unless it is INBOX.

        `most`: octets of a message. `salt`: another one lets what was imported before be imported once more.
        """
        self._store = store
        self._account_id = account_id
        self._most = most
        self._mailbox = mailbox
        self._salt = salt
        self._seen: Counter[str] = Counter()
        self._waiting: deque[tuple[Item, NewEmail, asyncio.Task[tuple[Delivered, ...]]]] = deque()
        self.report = Report()

    async def run(self, source: Source, progress: Callable[[Report], None] = lambda _: None) -> Report:
        """Imports everything; what cannot be is in `Report.skipped`, with the reason.

        Raises StoreFullError, StoreUnavailableError, StoreCorruptError: run it again when that is mended.
        """
        try:
            for one in every(source):
                await self._take(one)
                progress(self.report)
            while self._waiting:
                await self._finish()
                progress(self.report)
        finally:
            tasks = [task for _, _, task in self._waiting]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self.report

    async def _take(self, one: Item | Bad) -> None:
        if isinstance(one, Bad):
            (self.report.doubts if isinstance(one, Doubt) else self.report.skipped).append(one)
            return
        if len(self._waiting) >= IN_FLIGHT:
            await self._finish()
        try:
            item, delivery = await self._delivery(one)
        except _FATAL:
            raise
        except (DomainError, OSError) as error:
            self._skip(one, error)
        except Exception as error:  # noqa: BLE001 -- one strange message must not stop the others
            self.report.skipped.append(Bad(one.key, _bug(error)))
        else:
            self._waiting.append((item, delivery.email, asyncio.ensure_future(self._store.execute(delivery))))
            await asyncio.sleep(0)  # it begins now, while the next message is read

    async def _delivery(self, item: Item) -> tuple[Item, Deliver]:
        """The item with the size that it has unpacked, and its delivery."""
        check_size(item.size, self._most)
        with item.open() as data:
            mailbox = self._name(item.folder)
            target = Target(
                self._account_id,
                mailbox,
                flags=int(item.flags),
                keywords=item.keywords,
                uidl=item.uidl or x_uidl(data),
                once=self._key(mailbox, data),
            )
            item = replace(item, size=len(data))
            check_size(item.size, self._most)
            if item.size > CHUNK:
                await self._store.execute(Admit(target, item.size))
            email = await prepare(self._store, data, received=min(max(item.received, 0), LATEST), most=self._most)
        return item, Deliver(email, (target,))

    def _name(self, folder: str) -> str:
        if not folder:
            return self._mailbox
        return folder if self._mailbox == INBOX else f"{self._mailbox}/{folder}"

    def _key(self, mailbox: str, data: Octets) -> str:
        digest = sha256(f"{self._salt}\0{mailbox}\0".encode())
        for piece in pieces(data):
            digest.update(piece)
        key = digest.hexdigest()
        self._seen[key] += 1
        return f"import:{key}:{self._seen[key]}"

    async def _finish(self) -> None:
        item, email, task = self._waiting.popleft()
        try:
            (delivered,) = await task
        except _FATAL:
            raise
        except DomainError as error:
            await discard(self._store, email.body, email.original)
            self._skip(item, error)
            return
        except Exception as error:  # noqa: BLE001 -- as in `_take`
            self.report.skipped.append(Bad(item.key, _bug(error)))
            return
        if delivered.repeated:
            self.report.repeated += 1
        else:
            self.report.imported += 1
            self.report.octets += item.size

    def _skip(self, item: Item, error: DomainError | OSError) -> None:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        self.report.skipped.append(Bad(item.key, reason))
