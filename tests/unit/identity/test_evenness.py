"""Nobody can tell by the work that a login costs who exists: it is counted here, on a real store, not timed.

What is counted: reads and their rows, SQLite's own steps, rows decoded, HMACs, comparisons, digests of app passwords.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import apsw
import pytest

from gatepost.config.settings import Settings
from gatepost.identity import admin, passwords
from gatepost.identity.api import Challenge, LoginFailedError
from gatepost.identity.authenticator import StoreAuthenticator
from gatepost.identity.directory import MOST_KEYS
from gatepost.identity.hasher import Hasher
from gatepost.identity.passwords import MOST_APP
from gatepost.model import CredentialKind, Scope, Verifier
from gatepost.net.tally import Tally
from gatepost.sasl import scram, scram_server
from gatepost.store.commands import CreateDomain, SetCredential, UpdateAccount
from gatepost.store.sqlite import reader as reading
from gatepost.store.sqlite.local import LocalStore, open_local
from support.directory import NOW, SECRET, ScriptedTally
from support.door import PEER, TLS

STRANGERS = ["aaa", "mmm", "zzz", "no/such@name", "who@elsewhere.example"]
APPS = {"one": 0, "two": 1, "eight": 8, "full": MOST_APP, "older": MOST_APP + 5, "disabled": 8, "last": 8}


class Meter:
    """A clock that only work moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.work: Counter[str] = Counter()
        self._patch = monkeypatch
        for owner, name in (
            (scram, "mac"),
            (scram, "xor"),
            (scram_server.hmac, "compare_digest"),
            (passwords, "_app_digest"),
            (reading, "to_account"),
            (reading, "to_credential"),
        ):
            self.count(owner, name)

    def count(self, owner: Any, name: str) -> None:
        work, inner = self.work, getattr(owner, name)

        def counted(*arguments: Any) -> Any:
            work[name] += 1
            return inner(*arguments)

        self._patch.setattr(owner, name, counted)

    def watch(self, store: LocalStore) -> None:
        before: Counter[str] = Counter()

        def profile(event: dict[str, Any]) -> None:
            status, sql = event["stmt_status"], event["sql"]
            self.work["reads"] += 1
            self.work["statements made anew"] += status["SQLITE_STMTSTATUS_REPREPARE"]
            steps = status["SQLITE_STMTSTATUS_VM_STEP"]
            self.work["SQLite steps"] += steps - (before[sql] if status["SQLITE_STMTSTATUS_RUN"] > 1 else 0)
            before[sql] = steps

        store._connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, profile)

    def lap(self) -> Counter[str]:
        work = +self.work
        self.work.clear()
        return work


@asynccontextmanager
async def house(directory: Path, meter: Meter) -> AsyncIterator[StoreAuthenticator]:
    """People of all kinds; passwords are never right here, so their verifiers are anything."""
    store = open_local(directory, lambda: NOW)
    await store.execute(CreateDomain("example.com"))
    any_main = Verifier(passwords.DUMMY_HASH, bytes(range(32)), bytes(32))
    any_app = Verifier(passwords._NO_APP, bytes(range(32)), bytes(32))
    for name, apps in APPS.items():
        account, _ = await admin.create_account(store, Settings(), SECRET, f"{name}@example.com", "never used")
        verifiers = [("main", any_main), *((f"app {number}", any_app) for number in range(apps))]
        for credential, verifier in verifiers:
            kind = CredentialKind.PASSWORD if credential == "main" else CredentialKind.APP
            await store.execute(SetCredential(account.account_id, credential, kind, frozenset(Scope), verifier))
        if name == "disabled":
            await store.execute(UpdateAccount(account.account_id, enabled=False))
    hasher = Hasher(threads=1, verify=lambda *_: False)
    tally = cast("Tally", ScriptedTally())
    authenticator = StoreAuthenticator(store, tally, Settings(), SECRET, hasher, lambda: NOW)
    await authenticator._directory.default_domain()
    meter.watch(store)
    yield authenticator
    hasher.close()
    await store.close()


def make_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty accounts need no real verifiers."""
    cheap = Verifier(passwords.DUMMY_HASH, bytes(32), bytes(32))
    monkeypatch.setattr(passwords, "make_verifier", lambda *_: cheap)


async def first(door: StoreAuthenticator, name: str) -> Any:
    dialog = door.start("SCRAM-SHA-256", PEER, TLS, Scope.POP3)
    answer = await dialog.respond(b"n,,n=" + name.encode() + b",r=abc")
    assert isinstance(answer, Challenge)
    return dialog, answer


async def begin_only(door: StoreAuthenticator, name: str) -> None:
    await first(door, name)


async def wrong_proof(door: StoreAuthenticator, name: str) -> None:
    dialog, answer = await first(door, name)
    nonce = answer.data.split(b",")[0]
    proof = scram.encode64(b"\1" * 32).encode()
    with pytest.raises(LoginFailedError):
        await dialog.respond(b"c=biws," + nonce + b",p=" + proof)


async def wrong_app_password(door: StoreAuthenticator, name: str) -> None:
    with pytest.raises(LoginFailedError):
        await door.password(name, passwords.generate_app_password(), PEER, Scope.POP3, "PLAIN")


def measured(
    monkeypatch: pytest.MonkeyPatch, directory: Path, attempt: Callable[[StoreAuthenticator, str], Awaitable[None]]
) -> dict[str, Counter[frozenset[tuple[str, int]]]]:
    """How often which amount of work was seen, for each name: several hundred attempts in random order."""
    make_cheap(monkeypatch)
    meter = Meter(monkeypatch)
    seen: dict[str, Counter[frozenset[tuple[str, int]]]] = {name: Counter() for name in (*APPS, *STRANGERS)}
    turns = [name for name in seen for _ in range(40)]
    random.Random(1).shuffle(turns)

    async def run() -> None:
        async with house(directory, meter) as door:
            for name in seen:
                await attempt(door, name)
            for name in turns:
                meter.lap()
                await attempt(door, name)
                seen[name][frozenset(meter.lap().items())] += 1

    asyncio.run(run())
    return seen


def steps(work: frozenset[tuple[str, int]]) -> int:
    return dict(work)["SQLite steps"]


def without_steps(seen: Counter[frozenset[tuple[str, int]]]) -> Counter[frozenset[tuple[str, int]]]:
    return Counter(frozenset(each for each in work if each[0] != "SQLite steps") for work in seen.elements())


@pytest.mark.parametrize(
    ("attempt", "costs"),
    [
        (begin_only, {"reads": 1, "to_account": 1}),
        (
            wrong_proof,
            {"reads": 3, "to_account": 2, "to_credential": MOST_KEYS, "mac": MOST_KEYS, "xor": MOST_KEYS,
             "compare_digest": MOST_KEYS + 2},
        ),
    ],
)  # fmt: skip
def test_scram_costs_the_same_for_everybody_and_for_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, attempt: Any, costs: dict[str, int]
) -> None:
    seen = measured(monkeypatch, tmp_path, attempt)
    for name, each in seen.items():
        assert without_steps(each) == {frozenset(costs.items()): 40}, name
    inside = [steps(work) for each in seen.values() for work in each]
    assert max(inside) - min(inside) <= 50  # a step takes some 20 ns: a microsecond, where a table ends or begins


def test_a_wrong_app_password_costs_the_same_digests_and_one_argon2(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PLAIN and USER/PASS read as many rows as an account has credentials: argon2 takes a thousand times longer."""
    seen = measured(monkeypatch, tmp_path, wrong_app_password)
    digests = {name: {dict(work)["_app_digest"] for work in each} for name, each in seen.items()}
    assert digests.pop("older") == {MOST_APP + 5}
    assert digests == {name: {MOST_APP} for name in digests}
