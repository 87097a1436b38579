"""Processes of a working server die at random moments, hundreds of times; a ledger knows what was acknowledged.

Deliveries, by the store's contract and by `gatepost mail deliver`, and POP3 sessions go on all the while. At the end,
and in every session on the way: nothing that was acknowledged is missing or altered, nothing that was deleted with +OK
returns, and no UIDL ever changes. What was asked for but never answered may be there or not, but never twice.

`--kills 1000 -s` makes it a long run, and shows its figures.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import poplib
import random
import signal
import subprocess
import threading
import time
from collections import Counter
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
from support.server import PASSWORD, PATIENCE, Server, installation

EX_TEMPFAIL = 75
"""What `mail deliver` ends with where trying again is right, and a mail server then does."""
ACCOUNTS = ("ann@example.test", "ben@example.test", "cem@example.test")
BY_COMMAND = "dan@example.test"
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
    checked: int = 0
    """Messages that were fetched and compared, octet for octet, with what was delivered."""
    quits: int = 0
    """Deleting sessions whose QUIT was acknowledged."""
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
        self.checked += 1
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
    ledger.quits += bool(keys)


def commanding(server: Server, ledger: Ledger, progress: Progress, deferred: Counter[str]) -> Callable[[], None]:
    """Delivers by the command line, as a mail server's pipe does: again for as long as it is told to."""

    def work() -> None:
        number = 0
        while not progress.over.is_set():
            number += 1
            key = f"command-{number}"
            ledger.begun.add(key)
            while (code := hand_over(server, ledger.account, letter(key))) == EX_TEMPFAIL:
                deferred[key] += 1
            assert code == 0, f"the message {key} would have bounced: exit code {code}"
            with ledger.lock:
                ledger.delivered.add(key)
            progress.more()

    return work


def hand_over(server: Server, account: str, message: bytes) -> int:
    command = server.command("mail", "deliver", account)
    return subprocess.run(command, input=message, capture_output=True, check=False, timeout=PATIENCE).returncode


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_keeper(pid: int) -> bool:
    """It alone holds the store's lock."""
    with suppress(OSError):
        return any(each.readlink().name == "store.lock" for each in Path(f"/proc/{pid}/fd").iterdir())
    return False


def strike(*pids: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it may be between two lives
            os.kill(pid, signal.SIGKILL)


@dataclass
class Killer:
    """Ends processes in every combination that can die together."""

    server: Server
    dice: random.Random
    toll: Counter[str] = field(default_factory=Counter)

    def kill(self, number: int) -> None:
        victim = {0: "supervisor", 10: "all at once", 5: "keeper", 15: "keeper twice"}.get(number % 20, "")
        victim = victim or self.dice.choice(("keeper", "worker", "worker"))
        self.toll[victim] += 1
        assert self.server.process
        below = children(self.server.process.pid)
        keepers = [pid for pid in below if is_keeper(pid)]
        workers = [pid for pid in below if pid not in keepers]
        match victim:
            case "supervisor" | "all at once":
                strike(*(below if victim == "all at once" else ()))
                self.server.kill()
                self.server.start()
            case "worker":
                strike(*self.dice.sample(workers, min(1, len(workers))))
            case _:
                strike(*keepers)
                if victim == "keeper twice":
                    strike(self._next_keeper(keepers))

    def _next_keeper(self, old: list[int]) -> int:
        """As soon as it holds the lock: it is still opening the store then."""
        assert self.server.process
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for pid in children(self.server.process.pid):
                if pid not in old and is_keeper(pid):
                    return pid
        raise AssertionError("no keeper came back")


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
def test_nothing_acknowledged_is_lost_however_often_processes_die(kills: int) -> None:
    dice, deferred = random.Random(20_261_123), Counter[str]()
    with installation(config="[limits]\nconnections_per_account = 1000\n") as server:
        # Whose data it is, is one for the whole process; the threads here open the store, and start commands as root.
        server.write_config(server='drain = 5\nuser = "root"')
        server.gatepost("domain", "add", "example.test")
        for account in (*ACCOUNTS, BY_COMMAND):
            server.add_user(account, PASSWORD)
        server.start()
        ledgers, progress = [Ledger(account) for account in (*ACCOUNTS, BY_COMMAND)], Progress()
        works = [delivering(server, ledger, progress, f"d{n}") for n, ledger in enumerate(ledgers[:-1])]
        works += [fetching(server, ledger, progress, n) for n, ledger in enumerate(ledgers)]
        works.append(commanding(server, ledgers[-1], progress, deferred))
        killer, pauses = Killer(server, dice), []
        with going_on(progress, *works):
            for number in range(1, kills + 1):
                progress.await_more(dice.randrange(1, 40))
                began = time.monotonic()
                killer.kill(number)
                progress.await_more(1)
                pauses.append(time.monotonic() - began)
        assert progress.failure is None, progress.failure
        for ledger in ledgers:
            settle(server, ledger)
            assert ledger.deleted
        assert server.stop() == 0
        server.gatepost("store", "verify")
        print(figures(killer.toll, ledgers, deferred, pauses))  # noqa: T201 -- shown by -s


def figures(toll: Counter[str], ledgers: list[Ledger], deferred: Counter[str], pauses: list[float]) -> str:
    """For whoever makes a long run."""
    delivered, deleted, doubtful = (
        sum(len(getattr(ledger, books)) for ledger in ledgers) for books in ("delivered", "deleted", "doubtful")
    )
    quits, checked = (sum(getattr(ledger, count) for ledger in ledgers) for count in ("quits", "checked"))
    return "\n".join(
        [
            f"\nkilled: {toll.total()} {dict(toll)}",
            f"acknowledged: {delivered} deliveries, {deleted} deletions by {quits} QUITs ({doubtful} in doubt)",
            f"by the command line: {len(ledgers[-1].delivered)}, told {deferred.total()} times to try again",
            f"compared: {checked} messages",
            f"until the next answer: {sum(pauses) / len(pauses):.2f} s on average, {max(pauses):.2f} s at most",
        ]
    )
