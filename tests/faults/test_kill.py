"""Processes of a working server die at random moments, hundreds of times; a ledger knows what was acknowledged.

Deliveries and POP3 sessions go on all the while. At the end, and in every session on the way: nothing that was
acknowledged is missing or altered, nothing that was deleted with +OK returns, and no UIDL ever changes. What was
asked for but never answered may be there or not, but never twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import poplib
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gatepost.config.settings import Delivery
from gatepost.delivery.local import deliver
from gatepost.delivery.once import Once
from gatepost.delivery.routing import Router
from gatepost.errors import StoreUnavailableError
from gatepost.store.remote import open_remote
from support.server import PASSWORD, Server, installation

KILLS, KILLS_LONG = 200, 3_000
SUPERVISOR_EVERY = 20
"""Each so-many-th kill hits the supervisor, and with it everything: then the server is started again."""
ACCOUNTS = ("ann@example.test", "ben@example.test", "cem@example.test")
MOST = 1_000_000


def letter(key: str) -> bytes:
    """A message that proves itself: its body is made from its key."""
    filler = b"".join(hashlib.sha256(b"%d %b" % (n, key.encode())).hexdigest().encode() + b"\r\n" for n in range(40))
    return b"From: x@example.test\r\nSubject: test\r\nX-Key: %b\r\n\r\n%b" % (key.encode(), filler)


def key_of(message: bytes) -> str:
    return message.partition(b"X-Key: ")[2].partition(b"\r\n")[0].decode()


@dataclass
class Ledger:
    """What everybody was told. One for each account; the lock guards it against the account's two writers."""

    account: str
    delivered: set[str] = field(default_factory=set)
    """Keys of deliveries that were acknowledged."""
    begun: set[str] = field(default_factory=set)
    """Keys of all deliveries that were ever tried."""
    deleted: set[str] = field(default_factory=set)
    """Keys whose deletion was acknowledged by QUIT's +OK."""
    doubtful: set[str] = field(default_factory=set)
    """Keys for which QUIT was sent and no answer came."""
    uidls: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def check_listing(self, uidls: list[str], known_before: set[str]) -> None:
        """A maildrop as a session sees it: `known_before` was acknowledged before the session began."""
        assert len(uidls) == len(set(uidls)), "a UIDL stands twice"
        there = {self.keys[uidl] for uidl in uidls if uidl in self.keys}
        assert not there & self.deleted, f"returned after deletion: {sorted(there & self.deleted)[:3]}"
        lost = {key for key in known_before if key in self.uidls} - there - self.deleted - self.doubtful
        assert not lost, f"acknowledged, seen before, and gone: {sorted(lost)[:3]}"

    def check_message(self, uidl: str, message: bytes) -> None:
        key = key_of(message)
        assert message == letter(key), f"altered: {key}"
        assert key in self.begun
        assert self.uidls.setdefault(key, uidl) == uidl, f"the UIDL of {key} changed"
        assert self.keys.setdefault(uidl, key) == key, f"the UIDL {uidl} was used again"


class Progress:
    """Counts acknowledgements; the killer waits on it, so that it always hits a server at work."""

    def __init__(self) -> None:
        self._done = 0
        self._changed = threading.Condition()
        self.failure: BaseException | None = None
        self.over = threading.Event()

    def more(self) -> None:
        with self._changed:
            self._done += 1
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        with self._changed:
            self.failure = self.failure or error
            self.over.set()
            self._changed.notify_all()

    def await_more(self, count: int) -> None:
        with self._changed:
            goal = self._done + count
            assert self._changed.wait_for(lambda: self.failure or self._done >= goal, 60), "the server does not recover"
            if self.failure:
                raise self.failure


@contextmanager
def going_on(progress: Progress, *works: Callable[[], None]) -> Iterator[None]:
    """Runs each work in a thread of its own until the block ends."""

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 -- handed to the test's own thread
            progress.fail(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        progress.over.set()
        for thread in threads:
            thread.join(120)


def delivering(server: Server, ledger: Ledger, progress: Progress, name: str) -> Callable[[], None]:
    """Delivers one letter after the other, each until it is acknowledged."""

    async def work() -> None:
        store = open_remote(server.data, patience=5)
        router = Router(store, Delivery())
        number = 0
        while not progress.over.is_set():
            number += 1
            key = f"{name}-{number}"
            ledger.begun.add(key)
            while True:
                (outcome,) = await deliver(
                    store, router, (ledger.account,), letter(key), received=number, most=MOST, once=Once(key)
                )
                if outcome.error is None:
                    break
                assert isinstance(outcome.error, StoreUnavailableError)
            with ledger.lock:
                ledger.delivered.add(key)
            progress.more()
        await store.close()

    return lambda: asyncio.run(work())


def fetching(server: Server, ledger: Ledger, progress: Progress, seed: int) -> Callable[[], None]:
    """Fetches mail and deletes some of it, as a mail program would, however often the connection breaks."""
    dice = random.Random(seed)

    def work() -> None:
        while not progress.over.is_set():
            with suppress(OSError, EOFError, poplib.error_proto):
                visit(server, ledger, dice)
                progress.more()

    return work


def visit(server: Server, ledger: Ledger, dice: random.Random) -> None:
    """One session."""
    client = server.pop3s()
    try:
        client.user(ledger.account)
        with ledger.lock:
            known = set(ledger.delivered)
        client.pass_(PASSWORD)
        uidls = [line.split()[1].decode() for line in client.uidl()[1]]
        ledger.check_listing(uidls, known)
        chosen = dice.sample(range(len(uidls)), min(len(uidls), dice.randrange(12)))
        for position in chosen:
            message = b"\r\n".join(client.retr(position + 1)[1]) + b"\r\n"
            ledger.check_message(uidls[position], message)
        fresh = [n for n, uidl in enumerate(uidls) if uidl not in ledger.keys][:50]
        for position in fresh:
            ledger.check_message(uidls[position], b"\r\n".join(client.retr(position + 1)[1]) + b"\r\n")
        for position in chosen:
            client.dele(position + 1)
        if dice.random() < 0.2:
            return  # without QUIT: nothing of it may be deleted
        leave(client, ledger, {ledger.keys[uidls[position]] for position in chosen})
    finally:
        client.close()


def leave(client: poplib.POP3, ledger: Ledger, keys: set[str]) -> None:
    """QUIT: from its first octet on the deletion is in doubt, until an answer settles it."""
    ledger.doubtful |= keys
    client.quit()
    ledger.doubtful -= keys
    ledger.deleted |= keys


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_one(server: Server, number: int, dice: random.Random) -> None:
    assert server.process
    if number % SUPERVISOR_EVERY == 0:
        server.kill()
        server.start()
        return
    with suppress(ProcessLookupError):  # it may be between two lives
        os.kill(dice.choice(children(server.process.pid) or [0]) or server.process.pid, signal.SIGKILL)


def final_maildrop(server: Server, account: str) -> dict[str, bytes]:
    client = server.pop3s()
    client.user(account)
    client.pass_(PASSWORD)
    found = {}
    for line in client.uidl()[1]:
        number, uidl = line.split()
        found[uidl.decode()] = b"\r\n".join(client.retr(int(number))[1]) + b"\r\n"
    client.quit()
    return found


def settle(server: Server, ledger: Ledger) -> None:
    """The books against the maildrop: every acknowledged letter exactly once, every deleted one gone."""
    found = final_maildrop(server, ledger.account)
    ledger.check_listing(list(found), ledger.delivered)
    for uidl, message in found.items():
        ledger.check_message(uidl, message)
    keys = [key_of(message) for message in found.values()]
    assert len(keys) == len(set(keys)), "a letter is there twice"
    assert set(keys) >= ledger.delivered - ledger.deleted - ledger.doubtful
    assert not set(keys) & ledger.deleted
    assert set(keys) <= ledger.begun


# poplib and ssl leave a socket open when the server dies within the handshake or the greeting
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the children of a process by /proc")
def test_nothing_acknowledged_is_lost_however_often_processes_die(long_run: bool) -> None:
    dice = random.Random(20_261_123)
    with installation(config="[limits]\nconnections_per_account = 1000\n") as server:
        server.gatepost("domain", "add", "example.test")
        for account in ACCOUNTS:
            server.add_user(account, PASSWORD)
        server.start()
        ledgers, progress = [Ledger(account) for account in ACCOUNTS], Progress()
        works = [delivering(server, ledger, progress, f"d{n}") for n, ledger in enumerate(ledgers)]
        works += [fetching(server, ledger, progress, n) for n, ledger in enumerate(ledgers)]
        with going_on(progress, *works):
            for number in range(1, (KILLS_LONG if long_run else KILLS) + 1):
                progress.await_more(dice.randrange(1, 40))
                kill_one(server, number, dice)
        assert progress.failure is None, progress.failure
        for ledger in ledgers:
            settle(server, ledger)
            assert ledger.deleted
        assert server.stop() == 0
        server.gatepost("store", "verify")
