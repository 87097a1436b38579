import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from gatepost.config.settings import Defaults, Server, Settings
from gatepost.errors import (
    AlreadyExistsError,
    InvalidValueError,
    NoSuchAccountError,
    NoSuchDomainError,
    StoreUnavailableError,
)
from gatepost.identity import admin
from gatepost.identity.passwords import argon2_fits, find_app, scram_salt
from gatepost.model import CredentialKind, DeletePolicy, Scope
from gatepost.sasl.scram import make_keys
from gatepost.store.commands import AddAddress, CreateDomain
from gatepost.store.memory import MemoryStore
from support.directory import SECRET

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    run(made.execute(CreateDomain("example.com")))
    return made


def test_an_account_can_log_in(store: MemoryStore) -> None:
    async def work() -> None:
        account, password = await admin.create_account(store, Settings(), SECRET, "Alice", "correct horse")
        assert (account.login, password) == ("alice@example.com", "correct horse")
        assert account.scram_salt == scram_salt(SECRET, "alice@example.com")
        (main,) = await store.credentials(account.account_id)
        assert (main.name, main.kind, main.scope) == (admin.MAIN, CredentialKind.PASSWORD, frozenset(Scope))
        assert argon2_fits(main.verifier.hash, "correct horse")
        assert main.verifier.stored_key == make_keys("correct horse", account.scram_salt).stored_key

    run(work())


def test_a_password_is_made_where_none_is_given(store: MemoryStore) -> None:
    account, password = run(admin.create_account(store, Settings(), SECRET, "alice"))
    (main,) = run(store.credentials(account.account_id))
    assert argon2_fits(main.verifier.hash, password)
    admin.check_chosen(password)


def test_new_accounts_get_the_defaults_or_what_is_given(store: MemoryStore) -> None:
    settings = Settings(defaults=Defaults(quota=7, delete_policy=DeletePolicy.HOLD, hold_days=3))
    alice, _ = run(admin.create_account(store, settings, SECRET, "alice", "correct horse"))
    assert (alice.quota, alice.delete_policy, alice.hold_days) == (7, DeletePolicy.HOLD, 3)
    given = admin.create_account(
        store, settings, SECRET, "bob", "correct horse", quota=0, delete_policy=DeletePolicy.PURGE, hold_days=30
    )
    bob, _ = run(given)
    assert (bob.quota, bob.delete_policy, bob.hold_days) == (0, DeletePolicy.PURGE, 30)


def test_a_domain_is_made_only_on_request(store: MemoryStore) -> None:
    with pytest.raises(NoSuchDomainError, match=r"gatepost domain add example\.org"):
        run(admin.create_account(store, Settings(), SECRET, "a@example.org", "correct horse"))
    made = admin.create_account(store, Settings(), SECRET, "a@example.org", "correct horse", create_domain=True)
    assert run(made)[0].login == "a@example.org"
    again = admin.create_account(store, Settings(), SECRET, "b@example.org", "correct horse", create_domain=True)
    assert run(again)[0].login == "b@example.org"


def test_aliases_are_made_with_it(store: MemoryStore) -> None:
    made = admin.create_account(store, Settings(), SECRET, "alice", aliases=["info@example.com", "@example.com"])
    account, _ = run(made)
    addresses = run(store.addresses(account.account_id))
    assert addresses == ["alice@example.com", "@example.com", "info@example.com"]


def test_an_account_that_was_interrupted_lets_nobody_in(store: MemoryStore) -> None:
    execute = store.execute
    settings = Settings(defaults=Defaults(delete_policy=DeletePolicy.TRASH))

    async def attempt(left: int) -> None:
        async def limited(command: Any) -> Any:
            nonlocal left
            if not left:
                raise StoreUnavailableError("away")
            left -= 1
            return await execute(command)

        store.execute = limited  # type: ignore[method-assign]
        await admin.create_account(store, settings, SECRET, f"user{left}", aliases=["info@example.com"])

    for steps in range(4):  # the account, its policy, its alias, its password
        with pytest.raises(StoreUnavailableError):
            run(attempt(steps))
    accounts = run(store.accounts())
    assert len(accounts) == 3
    assert not any(run(store.credentials(account.account_id)) for account in accounts)
    run(attempt(4))


@pytest.mark.parametrize(
    ("login", "password", "aliases", "error"),
    [
        ("a b", "correct horse", [], InvalidValueError),
        ("alice/Archive", "correct horse", [], InvalidValueError),
        ("alice", "tab\tbed", [], InvalidValueError),
        ("alice", "correct horse", ["@example.org"], NoSuchDomainError),
    ],
)
def test_what_is_wrong_leaves_nothing_behind(
    store: MemoryStore, login: str, password: str, aliases: list[str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        run(admin.create_account(store, Settings(), SECRET, login, password, aliases=aliases))
    assert not run(store.accounts())


def test_nobody_is_made_twice(store: MemoryStore) -> None:
    run(admin.create_account(store, Settings(), SECRET, "alice"))
    with pytest.raises(AlreadyExistsError, match=r"gatepost password set alice@example\.com"):
        run(admin.create_account(store, Settings(), SECRET, "ALICE@example.com"))
    run(store.execute(AddAddress("info@example.com", run(admin.find_account(store, Settings(), "alice")).account_id)))
    with pytest.raises(AlreadyExistsError, match="somebody's address"):
        run(admin.create_account(store, Settings(), SECRET, "info"))


def test_finding(store: MemoryStore) -> None:
    run(admin.create_account(store, Settings(), SECRET, "alice"))
    assert run(admin.find_account(store, Settings(), "Alice")).login == "alice@example.com"
    with pytest.raises(NoSuchAccountError, match="gatepost user list"):
        run(admin.find_account(store, Settings(), "bob"))
    run(store.execute(CreateDomain("example.org")))
    with pytest.raises(InvalidValueError, match="full mail address"):
        run(admin.find_account(store, Settings(), "alice"))
    assert run(admin.find_account(store, Settings(server=Server(default_domain="example.com")), "alice"))


def test_all_accounts_come_page_by_page(store: MemoryStore) -> None:
    async def work() -> list[str]:
        for name in "cab":
            await admin.create_account(store, Settings(), SECRET, name)
        return [account.login async for account in admin.all_accounts(store)]

    assert run(work()) == ["a@example.com", "b@example.com", "c@example.com"]


def test_a_new_main_password_replaces_the_old_one(store: MemoryStore) -> None:
    account, _ = run(admin.create_account(store, Settings(), SECRET, "alice"))
    run(admin.set_password(store, account, "battery staple"))
    (main,) = run(store.credentials(account.account_id))
    assert argon2_fits(main.verifier.hash, "battery staple")


def test_app_passwords_have_names_of_their_own(store: MemoryStore) -> None:
    account, _ = run(admin.create_account(store, Settings(), SECRET, "alice"))
    scope = frozenset({Scope.POP3})
    credential, password = run(admin.add_app_password(store, account, " Alice's phone ", scope))
    assert (credential.name, credential.kind, credential.scope) == ("Alice's phone", CredentialKind.APP, scope)
    assert find_app(password, [credential]) == credential
    for name in ("Alice's phone", "main"):
        with pytest.raises(AlreadyExistsError, match="another name"):
            run(admin.add_app_password(store, account, name, scope))
    for name in ("", " ", "a\nb", "x" * 65):
        with pytest.raises(InvalidValueError):
            run(admin.add_app_password(store, account, name, scope))


def test_app_passwords_are_bounded_in_number(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "MOST_APP", 2)
    account, _ = run(admin.create_account(store, Settings(), SECRET, "alice"))
    for name in ("one", "two"):
        run(admin.add_app_password(store, account, name, frozenset(Scope)))
    with pytest.raises(InvalidValueError, match=r"gatepost password list alice@example\.com"):
        run(admin.add_app_password(store, account, "three", frozenset(Scope)))


def test_chosen_passwords_have_a_least_length() -> None:
    admin.check_chosen("12345678")
    with pytest.raises(InvalidValueError, match="8 characters"):
        admin.check_chosen("1234567")
    with pytest.raises(InvalidValueError, match="U\\+0009"):
        admin.check_chosen("12345\t678")
