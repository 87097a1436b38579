"""A mailbox of a million messages on a server of 100,000 accounts: what one change costs the process that writes, and
for how long a worker serves nobody else while it reads."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import apsw

from gatepost.model import Account, DeletePolicy, Flag, Mailbox
from gatepost.store.commands import (
    CreateAccount,
    CreateDomain,
    DeleteMessages,
    Expire,
    SetFlags,
    UpdateAccount,
)
from gatepost.store.sqlite.local import LocalStore, open_local

TIMES = 50
"""Each change is made so often; the median counts."""
OPENINGS = 5
"""The one with the shortest pause counts: in the others another program had the core for a moment."""

Figure = tuple[str, float, float]
"""What, milliseconds, at most."""

FILL = """
INSERT INTO account SELECT 1000 + n, 'user' || n || '@example.org', 1, 0, 0, 'purge', 30, 30, 60, 0, x'', 0 FROM n;
INSERT INTO mailbox SELECT 1000 + n, 2000000 + n, 'INBOX', 1, 1, 1, 0, 0, 0 FROM n;
"""
MAIL = """
INSERT INTO message (account_id, mailbox_id, uid, modseq, flags, keywords, email_id, blob_id, size, received, uidl,
                     ascii_size, placed)
SELECT ?1, ?2, n, n, 0, '', n, n, 1000, ?3, NULL, 0, ?3 FROM n;
INSERT INTO email (account_id, email_id, blob_id, size, received, header_octets, structure, preview, thread_id,
                   ascii_size, line_ends, original_blob_id)
SELECT ?1, n, n, 1000, ?3, 100, x'', '', n, 0, '', 0 FROM n;
UPDATE mailbox SET uidnext = ?4 + 1, messages = ?4, octets = ?4 * 1000, unseen = ?4 WHERE account_id = ?1;
UPDATE account SET used = ?4 * 1000 WHERE account_id = ?1;
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """One figure, in milliseconds."""

    where: str
    """How much there was."""
    what: str
    milliseconds: float
    at_most: float


def measure(directory: Path, *, messages: int, accounts: int) -> list[Scale]:
    """Fills a store, then measures."""
    where = f"A mailbox of {messages:,} messages beside {accounts:,} accounts"
    found = asyncio.run(_measure(directory / "scale", messages, accounts))
    return [Scale(where, *each) for each in found]


async def _measure(directory: Path, messages: int, accounts: int) -> list[Figure]:
    store = open_local(directory, time.time)
    try:
        await store.execute(CreateDomain("example.org"))
        account = await store.execute(CreateAccount("large@example.org", b""))
        inbox = await store.mailbox(account.account_id, "INBOX")
        _fill(directory, account.account_id, inbox.mailbox_id, messages, accounts)
        return [*await _writes(store, account, inbox), *await _reads(store, account)]
    finally:
        await store.close()


def _fill(directory: Path, account_id: int, mailbox_id: int, messages: int, accounts: int) -> None:
    """Rows without bodies: none of what is measured reads a body."""
    connection = apsw.Connection(str(directory / "store.db"))
    numbers = "CREATE TEMP TABLE n (n INTEGER PRIMARY KEY); WITH RECURSIVE c (n) AS (VALUES (1) UNION ALL "
    numbers += "SELECT n + 1 FROM c WHERE n < ?) INSERT INTO temp.n SELECT n FROM c;"
    with connection:
        connection.execute(numbers, (accounts,))
        connection.execute(FILL)
        connection.execute("DROP TABLE temp.n")
        connection.execute(numbers, (messages,))
        values = {"1": account_id, "2": mailbox_id, "3": int(time.time()), "4": messages}
        for statement in filter(str.strip, MAIL.split(";")):
            used = {name: value for name, value in values.items() if f"?{name}" in statement}
            connection.execute(statement.replace("?", ":v"), {f"v{name}": value for name, value in used.items()})
    connection.close()


async def _writes(store: LocalStore, account: Account, inbox: Mailbox) -> list[Figure]:
    key, uids = (account.account_id, inbox.mailbox_id), iter(range(1, 100_000, 7))
    other = (await store.accounts(after="user", limit=1))[0].account_id

    async def delete(policy: DeletePolicy) -> None:
        await store.execute(DeleteMessages(*key, (next(uids),), policy, hold_seconds=1 << 20))

    changes: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        *((f"QUIT that deletes one message ({policy.value})", lambda p=policy: delete(p)) for policy in DeletePolicy),
        ("one flag of one message", lambda: store.execute(SetFlags(*key, (next(uids),), Flag.SEEN))),
        ("an account is changed", lambda: store.execute(UpdateAccount(other, login_delay=next(uids)))),
    ]
    found = [(f"{what}, synced", await _median(change), 2.0) for what, change in changes]
    began = time.perf_counter()
    await store.execute(Expire(int(time.time()), 200))
    return [*found, ("a slice of housekeeping that finds nothing", (time.perf_counter() - began) * 1e3, 10.0)]


async def _median(change: Callable[[], Awaitable[object]]) -> float:
    async def once() -> float:
        began = time.perf_counter()
        await change()
        return (time.perf_counter() - began) * 1e3

    return statistics.median([await once() for _ in range(TIMES)])


async def _reads(store: LocalStore, account: Account) -> list[Figure]:
    inbox = [await _pause(store.maildrop(account.account_id, "INBOX")) for _ in range(OPENINGS)]
    return [
        ("pause while a maildrop of all messages opens", min(inbox), 10.0),
        ("pause for CAPA after the directory changed", await _pause(store.strictest()), 10.0),
    ]


async def _pause(work: Awaitable[object]) -> float:
    """The longest time, in milliseconds, for which nobody else had a turn."""
    task, longest, last = asyncio.ensure_future(work), 0.0, time.perf_counter()
    while not task.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await task
    return longest * 1e3
