from __future__ import annotations

import pytest

from gatepost.errors import (
    AlreadyExistsError,
    InvalidValueError,
    NoSuchAccountError,
    NoSuchAddressError,
    NoSuchCredentialError,
    NoSuchDomainError,
    NotEmptyError,
    StoreUnavailableError,
)
from gatepost.model import Account, CredentialKind, DeletePolicy, Domain, Scope, Strictest, Verifier
from gatepost.store.commands import (
    AddAddress,
    CreateAccount,
    CreateDomain,
    RemoveAccount,
    RemoveAddress,
    RemoveCredential,
    RemoveDomain,
    SetCredential,
    TouchCredentials,
    UpdateAccount,
)
from support.stores import new_account, put

VERIFIER = Verifier("sha256$aa$bb", b"s" * 32, b"k" * 32)


async def test_domains_come_by_name(bench):
    for name in ("b.org", "a.org"):
        await bench.store.execute(CreateDomain(name))
    assert await bench.store.domains() == [Domain("a.org"), Domain("b.org")]


async def test_a_domain_exists_once(bench):
    await bench.store.execute(CreateDomain("a.org"))
    with pytest.raises(AlreadyExistsError):
        await bench.store.execute(CreateDomain("a.org"))


@pytest.mark.parametrize("name", ["", "x@y"])
async def test_a_domain_needs_a_name(bench, name):
    with pytest.raises(InvalidValueError):
        await bench.store.execute(CreateDomain(name))


async def test_a_domain_with_addresses_stays(bench):
    account = await new_account(bench.store)
    with pytest.raises(NotEmptyError):
        await bench.store.execute(RemoveDomain("example.com"))
    await bench.store.execute(RemoveAccount(account.account_id))
    await bench.store.execute(RemoveDomain("example.com"))
    assert await bench.store.domains() == []
    with pytest.raises(NoSuchDomainError):
        await bench.store.execute(RemoveDomain("example.com"))


async def test_an_account_begins_with_an_empty_inbox(bench):
    account = await new_account(bench.store, quota=500)
    assert account == Account(account.account_id, "alice@example.com", quota=500, scram_salt=b"salt")
    assert await bench.store.account(account.account_id) == account
    assert await bench.store.account_by_login("alice@example.com") == account
    assert await bench.store.account_by_login("bob@example.com") is None
    (inbox,) = await bench.store.mailboxes(account.account_id)
    assert (inbox.name, inbox.uidnext, inbox.messages, inbox.octets, inbox.unseen) == ("INBOX", 1, 0, 0, 0)
    assert inbox.uidvalidity == bench.clock.now


async def test_a_login_needs_one_of_our_domains(bench):
    with pytest.raises(NoSuchDomainError):
        await bench.store.execute(CreateAccount("alice@example.com", b""))


async def test_the_strictest_policies_of_all_accounts(bench):
    assert await bench.store.strictest() == Strictest(0, 0)
    accounts = [await new_account(bench.store, f"{name}@example.com") for name in "abcd"]
    for account, days, delay in zip(accounts, (0, 30, 7, 0), (0, 60, 5, 0), strict=True):
        await bench.store.execute(UpdateAccount(account.account_id, expire_days=days, login_delay=delay))
    assert await bench.store.strictest() == Strictest(login_delay=60, expire_days=7)
    await bench.store.execute(RemoveAccount(accounts[1].account_id))
    assert await bench.store.strictest() == Strictest(login_delay=5, expire_days=7)


@pytest.mark.parametrize("login", ["alice", "@example.com", "alice@"])
async def test_a_login_is_an_address(bench, login):
    with pytest.raises(InvalidValueError):
        await bench.store.execute(CreateAccount(login, b""))


async def test_a_login_is_nobody_elses_address(bench):
    alice = await new_account(bench.store)
    await bench.store.execute(AddAddress("sales@example.com", alice.account_id))
    for login in ("alice@example.com", "sales@example.com"):
        with pytest.raises(AlreadyExistsError):
            await bench.store.execute(CreateAccount(login, b""))


async def test_accounts_come_in_pages(bench):
    logins = [f"user{n}@example.com" for n in range(5)]
    for login in reversed(logins):
        await new_account(bench.store, login)
    first = await bench.store.accounts(limit=3)
    rest = await bench.store.accounts(after=first[-1].login)
    assert [account.login for account in first] == logins[:3]
    assert [account.login for account in rest] == logins[3:]


async def test_update_changes_only_what_is_set(bench):
    account = await new_account(bench.store, quota=7)
    changed = await bench.store.execute(
        UpdateAccount(account.account_id, enabled=False, delete_policy=DeletePolicy.HOLD, soft_login_delay=True)
    )
    assert (changed.enabled, changed.delete_policy, changed.soft_login_delay) == (False, DeletePolicy.HOLD, True)
    assert (changed.quota, changed.login, changed.hold_days) == (7, account.login, account.hold_days)
    assert await bench.store.account(account.account_id) == changed


async def test_who_is_not_there(bench):
    with pytest.raises(NoSuchAccountError):
        await bench.store.account(5)
    with pytest.raises(NoSuchAccountError):
        await bench.store.execute(UpdateAccount(5))
    with pytest.raises(NoSuchAccountError):
        await bench.store.execute(RemoveAccount(5))
    with pytest.raises(NoSuchAccountError):
        await bench.store.execute(SetCredential(5, "main", "password", frozenset(Scope), VERIFIER))
    assert await bench.store.credentials(5) == []
    assert await bench.store.addresses(5) == []
    assert await bench.store.held(5) == []
    assert await bench.store.deletions(5) == []


async def test_a_removed_account_leaves_nothing(bench):
    account = await new_account(bench.store)
    await bench.store.execute(AddAddress("sales@example.com", account.account_id))
    await bench.store.execute(SetCredential(account.account_id, "main", "password", frozenset(Scope), VERIFIER))
    await put(bench.store, account)
    await bench.store.execute(RemoveAccount(account.account_id))
    assert await bench.store.account_by_login("alice@example.com") is None
    assert await bench.store.route("sales@example.com") == []
    assert await bench.store.credentials(account.account_id) == []
    again = await bench.store.execute(CreateAccount("alice@example.com", b""))
    assert again.account_id > account.account_id
    assert (await bench.store.mailbox(again.account_id, "INBOX")).messages == 0


async def test_addresses_route_to_accounts(bench):
    alice = await new_account(bench.store)
    bob = await new_account(bench.store, "bob@example.com")
    for account in (alice, bob, alice):
        await bench.store.execute(AddAddress("all@example.com", account.account_id))
    await bench.store.execute(AddAddress("@example.com", bob.account_id))
    assert await bench.store.route("alice@example.com") == [alice.account_id]
    assert await bench.store.route("all@example.com") == sorted((alice.account_id, bob.account_id))
    assert await bench.store.route("@example.com") == [bob.account_id]
    assert await bench.store.route("nobody@example.com") == []
    assert await bench.store.addresses(bob.account_id) == ["bob@example.com", "@example.com", "all@example.com"]


async def test_addresses_need_domain_and_account(bench):
    account = await new_account(bench.store)
    with pytest.raises(NoSuchDomainError):
        await bench.store.execute(AddAddress("a@elsewhere.org", account.account_id))
    with pytest.raises(NoSuchAccountError):
        await bench.store.execute(AddAddress("a@example.com", 5))
    with pytest.raises(InvalidValueError):
        await bench.store.execute(AddAddress("alice", account.account_id))


async def test_removing_addresses(bench):
    account = await new_account(bench.store)
    await bench.store.execute(AddAddress("sales@example.com", account.account_id))
    await bench.store.execute(RemoveAddress("sales@example.com", account.account_id))
    assert await bench.store.addresses(account.account_id) == ["alice@example.com"]
    with pytest.raises(NoSuchAddressError):
        await bench.store.execute(RemoveAddress("sales@example.com", account.account_id))
    with pytest.raises(NoSuchAddressError):
        await bench.store.execute(RemoveAddress("alice@example.com", 5))
    with pytest.raises(InvalidValueError):
        await bench.store.execute(RemoveAddress("alice@example.com", account.account_id))


async def test_credentials_are_made_replaced_and_removed(bench):
    account = await new_account(bench.store)
    scope = frozenset({Scope.POP3, Scope.SMTP})
    phone = await bench.store.execute(SetCredential(account.account_id, "phone", "app", scope, VERIFIER))
    main = await bench.store.execute(SetCredential(account.account_id, "main", "password", frozenset(), VERIFIER))
    assert (phone.kind, phone.scope, phone.verifier, phone.created) == (
        CredentialKind.APP,
        scope,
        VERIFIER,
        bench.clock.now,
    )
    assert await bench.store.credentials(account.account_id) == [main, phone]
    other = Verifier("sha256$cc$dd", b"", b"")
    new = await bench.store.execute(SetCredential(account.account_id, "main", "app", scope, other))
    assert new.credential_id > phone.credential_id
    assert await bench.store.credentials(account.account_id) == [new, phone]
    await bench.store.execute(RemoveCredential(account.account_id, "main"))
    assert await bench.store.credentials(account.account_id) == [phone]
    with pytest.raises(NoSuchCredentialError):
        await bench.store.execute(RemoveCredential(account.account_id, "main"))


async def test_a_credential_is_of_a_known_kind(bench):
    account = await new_account(bench.store)
    with pytest.raises(InvalidValueError, match="app"):
        await bench.store.execute(SetCredential(account.account_id, "main", "magic", frozenset(), VERIFIER))


async def test_last_use_is_kept_to_the_minute_and_never_goes_back(bench):
    account = await new_account(bench.store)
    made = await bench.store.execute(SetCredential(account.account_id, "main", "app", frozenset(), VERIFIER))
    key = (account.account_id, made.credential_id)
    await bench.store.execute(TouchCredentials(((*key, 125), (5, 6, 125), (account.account_id, 1, 500))))
    await bench.store.execute(TouchCredentials(((*key, 61),)))
    (found,) = await bench.store.credentials(account.account_id)
    assert found.last_used == 120


async def test_generation_rises_with_what_a_login_depends_on(bench):
    store = bench.store
    seen = [store.directory_generation()]

    async def moved(command):
        result = await store.execute(command)
        seen.append(store.directory_generation())
        return result

    await moved(CreateDomain("example.com"))
    account = await moved(CreateAccount("alice@example.com", b""))
    await moved(AddAddress("a@example.com", account.account_id))
    made = await moved(SetCredential(account.account_id, "main", "app", frozenset(), VERIFIER))
    await moved(UpdateAccount(account.account_id, enabled=False))
    await moved(RemoveAddress("a@example.com", account.account_id))
    assert seen == sorted(set(seen))
    still = store.directory_generation()
    await store.execute(TouchCredentials(((account.account_id, made.credential_id, 1),)))
    await put(store, account)
    with pytest.raises(AlreadyExistsError):
        await store.execute(CreateDomain("example.com"))
    assert store.directory_generation() == still
    await moved(RemoveCredential(account.account_id, "main"))
    await moved(RemoveAccount(account.account_id))
    await moved(RemoveDomain("example.com"))
    assert seen == sorted(set(seen))


async def test_a_closed_store_takes_nothing(bench):
    await bench.store.close()
    with pytest.raises(StoreUnavailableError):
        await bench.store.execute(CreateDomain("a.org"))


async def test_an_account_with_some_of_its_credentials(bench):
    """Its neighbours, read to hide how many it has, do not show; nor does anybody in place of a stranger."""
    store = bench.store
    assert await store.account_with_credentials("bob@example.com", "main", 3) == (None, [])
    people = {name: await new_account(store, f"{name}@example.com") for name in ("alice", "bob", "carol", "dave")}
    verifier = Verifier("hash", b"stored", b"server")
    for name, credentials in (("alice", "ab"), ("bob", "abcz"), ("dave", "z")):
        for each in credentials:
            kind = CredentialKind.APP
            await store.execute(SetCredential(people[name].account_id, each, kind, frozenset(Scope), verifier))
    for name, found in (("alice", "ab"), ("bob", "zab"), ("carol", ""), ("dave", "z")):
        account, credentials = await store.account_with_credentials(f"{name}@example.com", "z", 3)
        assert account == await store.account(people[name].account_id)
        assert [each.name for each in credentials] == list(found)
        assert {each.account_id for each in credentials} <= {account.account_id}
    for stranger in ("", "aaa@example.com", "bo@example.com", "bob@example.con", "zoe@example.com"):
        assert await store.account_with_credentials(stranger, "main", 3) == (None, [])
        assert await store.account_by_login(stranger) is None
