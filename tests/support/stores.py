"""What tests of the store share: engines to run against, and mail to put into them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gatepost.model import CHUNK, Account
from gatepost.store.api import Store
from gatepost.store.commands import (
    CreateAccount,
    CreateDomain,
    Deliver,
    Delivered,
    Inline,
    NewEmail,
    StageChunk,
    Staged,
    Target,
)
from gatepost.store.keeper import Keeper
from gatepost.store.memory import MemoryStore
from gatepost.store.remote import open_remote
from gatepost.store.sqlite.local import open_local

ENGINES = ("memory", "local", "remote")


class Clock:
    """Time that tests move."""

    def __init__(self, now: float = 1_700_000_000) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def fail(error: Exception) -> None:
    raise AssertionError(error)


@asynccontextmanager
async def engine(name: str, directory: Path, clock: Callable[[], float]) -> AsyncIterator[Any]:
    """An open store of that kind; `remote` has its keeper in the same loop."""
    if name == "memory":
        yield MemoryStore(clock)
    elif name == "local":
        store = open_local(directory, clock)
        yield store
        await store.close()
    else:
        keeper = Keeper(directory, clock, fatal=fail)
        await keeper.start()
        remote = open_remote(directory)
        yield remote
        await remote.close()
        await keeper.stop()


def play(name: str, directory: Path, clock: Clock, scenario: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    """Runs a scenario on a fresh store."""

    async def main() -> None:
        async with engine(name, directory, clock) as store:
            await scenario(store)

    asyncio.run(main())


def mail(body: bytes = b"Subject: hello\r\n\r\nhello\r\n", **fields: Any) -> NewEmail:
    return NewEmail(Inline(body), fields.pop("received", 1000), len(body) // 2, b"parsed", **fields)


def deliver(account: Account, body: bytes = b"Subject: hello\r\n\r\nhello\r\n", **target: Any) -> Deliver:
    mailbox = target.pop("mailbox", "INBOX")
    received = target.pop("received", 1000)
    return Deliver(mail(body, received=received), (Target(account.account_id, mailbox, **target),))


async def put(
    store: Store, account: Account, body: bytes = b"Subject: hello\r\n\r\nhello\r\n", **target: Any
) -> Delivered:
    return (await store.execute(deliver(account, body, **target)))[0]


async def new_account(store: Store, login: str = "alice@example.com", quota: int = 0) -> Account:
    domain = login.partition("@")[2]
    if domain not in [found.name for found in await store.domains()]:
        await store.execute(CreateDomain(domain))
    return await store.execute(CreateAccount(login, b"salt", quota))


def count_commits(owner: Any) -> list[None]:
    """Grows with each commit that a keeper or a local store makes from now on."""
    commits: list[None] = []

    def count() -> bool:
        commits.append(None)
        return False

    owner._committer._connection.set_commit_hook(count)
    return commits


async def stage(store: Store, body: bytes, upload_id: int = 7) -> Staged:
    for number in range(max(1, -(-len(body) // CHUNK))):
        await store.execute(StageChunk(upload_id, number, body[number * CHUNK : (number + 1) * CHUNK]))
    return Staged(upload_id, hashlib.sha256(body).digest(), len(body))


async def read_body(store: Store, blob_id: int) -> bytes:
    parts, number = [], 0
    while part := await store.chunk(blob_id, number):
        parts.append(part)
        number += 1
    return b"".join(parts)
