"""The password path: equal work, one text, the cache, the throttle. SASL is in test_dialogs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest
from msgspec import structs

from gatepost.config.settings import Server, Settings
from gatepost.errors import InvalidValueError, StoreUnavailableError
from gatepost.identity import passwords
from gatepost.identity.api import Login, LoginFailedError
from gatepost.identity.authenticator import WRONG
from gatepost.identity.cache import LIFETIME
from gatepost.model import Scope
from support.directory import NOW
from support.door import APP, IMAP_ONLY, PASSWORD, PEER, POP3_ONLY, Door

ALICE = "alice@example.com"


def attempt(door: Door, name: str, password: str, scope: Scope = Scope.POP3, mechanism: str = "USER") -> Any:
    return door.authenticator.password(name, password, PEER, scope, mechanism)


def enters(door: Door, name: str, password: str, scope: Scope = Scope.POP3, mechanism: str = "USER") -> Login:
    login = asyncio.run(attempt(door, name, password, scope, mechanism))
    assert isinstance(login, Login)
    return login


def fails(work: Coroutine[Any, Any, Login]) -> LoginFailedError:
    with pytest.raises(LoginFailedError) as caught:
        asyncio.run(work)
    return caught.value


# -- Who enters ---------------------------------------------------------------------------------------------


def test_the_main_password_enters_and_says_how(door: Door) -> None:
    login = enters(door, "Alice@Example.COM", PASSWORD)
    assert (login.account.login, login.credential, login.mechanism, login.folder) == (ALICE, PASSWORD, "USER", "")
    assert door.tally.successes == [("192.0.2.1", ALICE)]


def test_a_bare_login_means_the_only_domain(door: Door) -> None:
    assert enters(door, "alice", PASSWORD).account.login == ALICE


def test_a_bare_login_means_nothing_with_two_domains(door: Door) -> None:
    door.directory.names.append("example.org")
    assert fails(attempt(door, "alice", PASSWORD)).reason == "unknown user"
    door.directory.names.remove("example.org")
    door.directory.generation += 1
    assert enters(door, "alice", PASSWORD)


def test_bare_logins_do_not_read_the_domains_each_time(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be thousands, and anybody can send a bare name."""
    door.directory.names.append("example.org")
    read = door.directory.domains
    asked: list[int] = []

    async def domains() -> Any:
        asked.append(door.directory.generation)
        return await read()

    monkeypatch.setattr(door.directory, "domains", domains)
    for _ in range(3):
        fails(attempt(door, "alice", PASSWORD))
    assert asked == [door.directory.generation]


def test_a_bare_login_means_the_configured_domain(door: Door) -> None:
    door.directory.names.append("example.org")
    door.authenticator = door.make(Settings(server=Server(default_domain="Example.com")))
    assert enters(door, "alice", PASSWORD).account.login == ALICE


def test_a_default_domain_that_is_none_is_refused_at_once(door: Door) -> None:
    with pytest.raises(InvalidValueError):
        door.make(Settings(server=Server(default_domain="not a domain")))


def test_a_folder_is_handed_on(door: Door) -> None:
    assert enters(door, "alice@example.com/Archive/2026", PASSWORD).folder == "Archive/2026"
    assert enters(door, "alice/Archive", PASSWORD).folder == "Archive"
    assert enters(door, "alice", PASSWORD).folder == ""


@pytest.mark.parametrize("typed", [APP, APP.upper(), APP.replace("-", ""), APP.replace("-", " ")])
def test_an_app_password_enters_without_argon2(door: Door, typed: str) -> None:
    assert enters(door, "alice", typed).credential == APP
    assert not door.hashed


# -- Who does not, and that nobody can tell why (checklist 38, 46, 48) --------------------------------------

REFUSED = [
    ("alice", "wrong", "wrong password"),
    ("alice", "", "wrong password"),
    ("alice", "a\0b", "wrong password"),
    ("alice", "\udcff", "wrong password"),
    ("alice", "x" * 5000, "wrong password"),
    ("alice", IMAP_ONLY, "scope"),
    ("bob", PASSWORD, "wrong password"),
    ("carol", PASSWORD, "disabled"),
    ("carol", APP, "disabled"),
    ("nobody", PASSWORD, "unknown user"),
    ("nobody@elsewhere.example", PASSWORD, "unknown user"),
    ("", PASSWORD, "unknown user"),
    ("alice\0", PASSWORD, "unknown user: CONTROL CHARACTER (U+0000)"),
    ("alice\r\nroot", PASSWORD, "unknown user: CARRIAGE RETURN (U+000D)"),
    ("al\udcffice", PASSWORD, "unknown user: NO CHARACTER (U+DCFF)"),
    ("alice\u200b", PASSWORD, "unknown user: ZERO WIDTH SPACE (U+200B)"),
    ("\uff41lice@example.com", PASSWORD, "unknown user: FULLWIDTH LATIN SMALL LETTER A (U+FF41)"),
    ("../../alice", PASSWORD, "unknown user"),
    ("' OR 1=1 --", PASSWORD, "unknown user"),
    ("alice@example.com@", PASSWORD, "unknown user"),
    ("x" * 100_000, PASSWORD, "unknown user"),
]


@pytest.mark.parametrize(("name", "password", "reason"), REFUSED)
def test_every_refusal_costs_one_argon2_two_reads_and_looks_the_same(
    door: Door, name: str, password: str, reason: str
) -> None:
    error = fails(attempt(door, name, password))
    assert (str(error), error.reason, error.temporary) == (WRONG, reason, False)
    assert len(door.hashed) == 1
    assert door.directory.reads == 2
    assert len(door.tally.failures) == 1
    assert error.login.isprintable()
    assert len(error.login) <= 254


def test_strangers_and_accounts_without_main_password_get_the_dummy(door: Door) -> None:
    for name in ("nobody", "bob", "alice"):
        fails(attempt(door, name, "wrong"))
    assert door.hashed[:2] == [passwords.DUMMY_HASH] * 2
    assert door.hashed[2] != passwords.DUMMY_HASH


def test_a_scope_is_for_one_service(door: Door) -> None:
    assert enters(door, "alice", IMAP_ONLY, Scope.IMAP)
    assert enters(door, "bob", POP3_ONLY, Scope.POP3)
    assert fails(attempt(door, "bob", POP3_ONLY, Scope.SMTP)).reason == "scope"


def test_failures_are_counted_by_secret(door: Door) -> None:
    for password in ("one", "one", "two"):
        fails(attempt(door, "alice", password))
    addresses, logins, digests = zip(*door.tally.failures, strict=True)
    assert (set(addresses), set(logins), len(set(digests))) == ({"192.0.2.1"}, {ALICE}, 2)


def test_a_store_that_is_away_is_no_wrong_password(door: Door) -> None:
    def away() -> None:
        raise StoreUnavailableError("away")

    door.directory.before_read = away
    with pytest.raises(StoreUnavailableError):
        asyncio.run(attempt(door, "alice", PASSWORD))
    assert not door.tally.failures


# -- The cache (checklist 42) -------------------------------------------------------------------------------


def test_a_repeated_login_reads_and_hashes_nothing(door: Door) -> None:
    first = enters(door, ALICE, PASSWORD)
    reads = door.directory.reads
    assert enters(door, ALICE, PASSWORD) is first
    assert (len(door.hashed), door.directory.reads) == (1, reads)
    assert len(door.tally.successes) == 2


def known(door: Door, name: str, password: str = PASSWORD, **changes: Any) -> Login | None:
    return door.authenticator.known(name, password, PEER, changes.get("scope", Scope.POP3), "USER")


def test_a_login_that_was_right_of_late_is_known_without_waiting(door: Door) -> None:
    assert known(door, ALICE) is None
    first = enters(door, ALICE, PASSWORD)
    assert known(door, ALICE) is first
    assert len(door.tally.successes) == 2
    assert known(door, ALICE, "wrong") is None
    assert known(door, ALICE, scope=Scope.IMAP) is None
    assert not door.tally.failures
    door.now += LIFETIME
    assert known(door, ALICE) is None


def test_a_known_login_is_a_use_of_its_password(door: Door) -> None:
    enters(door, ALICE, PASSWORD)
    asyncio.run(door.authenticator.flush())
    door.now += 120
    known(door, ALICE)
    asyncio.run(door.authenticator.flush())
    assert door.directory.keys[1, PASSWORD].last_used == NOW + 120


def test_nobody_is_known_while_there_is_something_to_wait_for(door: Door) -> None:
    enters(door, ALICE, PASSWORD)
    door.tally.delays["192.0.2.1", ALICE] = 4
    assert known(door, ALICE) is None
    door.tally.delays.clear()

    async def run() -> None:
        async with door.authenticator._throttle.turn("192.0.2.1", ALICE):
            assert known(door, ALICE) is None

    asyncio.run(run())
    assert known(door, ALICE)
    door.change(1, quota=7)
    assert known(door, ALICE) is None


def test_a_bare_login_is_known_once_the_domain_is(door: Door) -> None:
    assert known(door, "alice") is None
    first = enters(door, "alice", PASSWORD)
    assert known(door, "alice") is first
    assert door.authenticator._directory.name_at_hand("alice")
    door.directory.generation += 1
    assert door.authenticator._directory.name_at_hand("alice") is None
    assert known(door, "alice") is None
    door.authenticator = door.make(Settings(server=Server(default_domain="Example.com")))
    first = enters(door, "alice", PASSWORD)
    assert known(door, "alice") is first


def test_what_cannot_be_a_login_is_not_known(door: Door) -> None:
    assert [known(door, name) for name in ("", "alice@", "a b@example.com")] == [None] * 3


def test_the_cache_tells_everything_apart(door: Door) -> None:
    enters(door, ALICE, PASSWORD)
    assert fails(attempt(door, ALICE, PASSWORD + " ")).reason == "wrong password"
    assert fails(attempt(door, "bob@example.com", PASSWORD)).reason == "wrong password"
    assert enters(door, ALICE, PASSWORD, mechanism="PLAIN").mechanism == "PLAIN"
    assert enters(door, "bob", POP3_ONLY, Scope.POP3)
    assert fails(attempt(door, "bob", POP3_ONLY, Scope.IMAP)).reason == "scope"


def test_a_change_elsewhere_is_looked_at_without_argon2(door: Door) -> None:
    enters(door, ALICE, PASSWORD)
    door.change(1, quota=7)
    assert enters(door, ALICE, PASSWORD).account.quota == 7
    reads = door.directory.reads
    enters(door, ALICE, PASSWORD)
    assert (len(door.hashed), door.directory.reads) == (1, reads)


def test_a_changed_password_ends_the_cached_one_at_once(door: Door) -> None:
    enters(door, ALICE, PASSWORD)
    key = (1, PASSWORD)
    other = passwords.make_verifier("another one", door.directory.keys[key].kind, b"salt")
    door.directory.keys[key] = structs.replace(door.directory.keys[key], verifier=other)
    door.directory.generation += 1
    assert fails(attempt(door, ALICE, PASSWORD)).reason == "wrong password"
    assert enters(door, ALICE, "another one")


@pytest.mark.parametrize("password", [PASSWORD, APP])
def test_a_disabled_account_is_out_at_once(door: Door, password: str) -> None:
    enters(door, ALICE, password)
    door.change(1, enabled=False)
    hashed = len(door.hashed)
    assert fails(attempt(door, ALICE, password)).reason == "disabled"
    assert len(door.hashed) == hashed + 1


def test_a_removed_credential_or_account_is_out_at_once(door: Door) -> None:
    enters(door, ALICE, APP)
    del door.directory.keys[1, APP]
    door.directory.generation += 1
    assert fails(attempt(door, ALICE, APP)).reason == "wrong password"
    enters(door, ALICE, PASSWORD)
    del door.directory.by_id[1]
    door.directory.generation += 1
    assert fails(attempt(door, ALICE, PASSWORD)).reason == "unknown user"


def test_a_change_while_a_password_is_verified_is_not_missed(door: Door) -> None:
    def change() -> None:
        door.directory.before_read = lambda: None
        door.directory.generation += 1

    door.directory.before_read = change
    enters(door, ALICE, PASSWORD)
    reads = door.directory.reads
    enters(door, ALICE, PASSWORD)
    assert door.directory.reads > reads


def test_an_hour_later_the_password_is_verified_in_full(door: Door) -> None:
    enters(door, ALICE, PASSWORD)
    door.now += LIFETIME / 2
    door.change(1, quota=1)
    enters(door, ALICE, PASSWORD)
    assert len(door.hashed) == 1
    door.now = NOW + LIFETIME
    enters(door, ALICE, PASSWORD)
    assert len(door.hashed) == 2


# -- The throttle (checklist 40, 41) ------------------------------------------------------------------------


def test_the_right_password_waits_as_long_as_a_wrong_one_even_when_it_is_cached(door: Door) -> None:
    enters(door, ALICE, PASSWORD)
    for password in (PASSWORD, "wrong"):
        door.tally.delays["192.0.2.1", ALICE] = 4
        if password == PASSWORD:
            enters(door, ALICE, password)
        else:
            fails(attempt(door, ALICE, password))
    assert door.slept == [4, 4]


def test_parallel_guesses_are_looked_at_one_by_one(door: Door) -> None:
    door.tally.delay_after_failure = 2

    async def run() -> list[object]:
        guesses = [attempt(door, ALICE, f"guess {n}") for n in range(4)]
        return await asyncio.gather(*guesses, attempt(door, ALICE, PASSWORD), return_exceptions=True)

    *wrong, right = asyncio.run(run())
    assert all(isinstance(error, LoginFailedError) for error in wrong)
    assert isinstance(right, Login)
    assert door.slept == [2, 2, 2, 2]


def test_parallel_right_logins_cost_one_argon2(door: Door) -> None:
    async def run() -> None:
        await asyncio.gather(*(attempt(door, ALICE, PASSWORD) for _ in range(5)))

    asyncio.run(run())
    assert len(door.hashed) == 1


def test_a_refused_address_is_told_so_before_anything_is_looked_at(door: Door) -> None:
    door.tally.refusals["192.0.2.1"] = 300
    error = fails(attempt(door, ALICE, PASSWORD))
    assert (error.reason, error.temporary) == ("refused", True)
    assert not door.hashed
    assert not door.tally.failures


def test_a_flood_meets_a_bounded_queue_and_cached_logins_go_on() -> None:
    door = Door(queue=2)
    enters(door, "bob", POP3_ONLY)
    enters(door, ALICE, APP)
    gate = threading.Event()
    door.hasher._verify = lambda _hashed, _password: gate.wait(10)

    async def run() -> None:
        flood = [asyncio.create_task(attempt(door, f"user{n}", "x")) for n in range(2)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert door.hasher._pending == {True: 0, False: 2}
        with pytest.raises(LoginFailedError) as caught:
            await attempt(door, "user3", "x")
        assert (caught.value.reason, caught.value.temporary) == ("busy", True)
        assert await attempt(door, ALICE, APP)
        assert await attempt(door, "bob", POP3_ONLY)
        gate.set()
        await asyncio.gather(*flood, return_exceptions=True)

    asyncio.run(run())
    assert sorted(login for _, login, _ in door.tally.failures) == [f"user{n}@example.com" for n in (0, 1, 3)]
    door.hasher.close()


def test_who_was_here_of_late_has_a_place_in_a_full_queue() -> None:
    """Their password is no longer remembered here; guesses of strangers fill the queue."""
    door = Door(queue=1)
    enters(door, ALICE, PASSWORD)
    begun, gate = threading.Event(), threading.Event()

    def slow(_hashed: str, password: str) -> bool:
        begun.set()
        return gate.wait(10) and password == PASSWORD

    door.hasher._verify = slow
    door.now += LIFETIME

    async def run() -> None:
        flood = asyncio.create_task(attempt(door, "stranger", "x"))
        await asyncio.to_thread(begun.wait, 10)
        for name in ("stranger2", "bob"):
            with pytest.raises(LoginFailedError, match="Too many logins"):
                await attempt(door, name, "x")
        alice = asyncio.create_task(attempt(door, ALICE, PASSWORD))
        await asyncio.sleep(0)
        gate.set()
        assert isinstance(await alice, Login)
        await asyncio.gather(flood, return_exceptions=True)

    asyncio.run(run())
    door.hasher.close()


@pytest.mark.parametrize("name", [ALICE, "bob"])
def test_an_app_password_opens_where_others_wait_or_are_refused(door: Door, name: str) -> None:
    right = APP if name == ALICE else POP3_ONLY
    login = f"{name.partition('@')[0]}@example.com"
    door.tally.refusals["192.0.2.1"] = 300
    assert enters(door, name, right).credential == right
    assert fails(attempt(door, name, passwords.generate_app_password())).reason == "refused"
    assert fails(attempt(door, name, PASSWORD)).reason == "refused"
    door.tally.refusals.clear()
    door.tally.delays["192.0.2.1", login] = 4
    assert enters(door, name, right).credential == right
    assert not door.slept
    assert fails(attempt(door, "carol", APP)).reason == "disabled"
    door.tally.delays["192.0.2.1", login] = 4
    fails(attempt(door, name, IMAP_ONLY))
    assert door.slept == [4]


def test_who_leaves_before_the_answer_has_guessed(door: Door) -> None:
    begun, gate = threading.Event(), threading.Event()

    def slow(_hashed: str, _password: str) -> bool:
        begun.set()
        return gate.wait(10)

    door.hasher._verify = slow

    async def run() -> None:
        task = asyncio.create_task(attempt(door, ALICE, "guess"))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gate.set()

    asyncio.run(run())
    assert [login for _, login, _ in door.tally.failures] == [ALICE]
    assert not door.authenticator._throttle._turns


# -- Last use -----------------------------------------------------------------------------------------------


def test_last_use_is_written_by_flush(door: Door) -> None:
    enters(door, ALICE, APP)
    door.now += 61
    enters(door, ALICE, APP)
    generation = door.directory.generation
    asyncio.run(door.authenticator.flush())
    assert door.directory.keys[1, APP].last_used == (NOW + 61) // 60 * 60
    assert door.directory.generation == generation
