"""What an administrator does to accounts: the command line and the quickstart call these.

Errors carry what is wrong on their first line and, where there is one, the fix on the second.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final

from gatepost.config.settings import Settings
from gatepost.errors import AlreadyExistsError, InvalidValueError, NoSuchAccountError, NoSuchDomainError
from gatepost.identity import passwords
from gatepost.identity.directory import Directory
from gatepost.identity.names import parse_login, refuse_hidden, shown
from gatepost.identity.passwords import MAIN, MOST_APP
from gatepost.model import Account, Credential, CredentialKind, DeletePolicy, Scope, Verifier
from gatepost.sasl.prepare import opaque_string
from gatepost.store.api import Store
from gatepost.store.commands import AddAddress, CreateAccount, CreateDomain, SetCredential, UpdateAccount
from gatepost.text import visible

SHORTEST: Final = 8
"""Characters of a password that a person chose (NIST SP 800-63B §3.1.1.2)."""

MAX_NAME: Final = 64
"""Characters of an app password's name."""


async def login_of(store: Store, settings: Settings, text: str) -> str:
    """A login as an administrator types it, bare or full. Raises InvalidValueError."""
    domain = await Directory(store, settings.server.default_domain, b"").default_domain()
    name = parse_login(text, domain)
    if name.folder:
        raise InvalidValueError(f"{shown(text)} is not a login: leave out /{name.folder}")
    return name.login


async def find_account(store: Store, settings: Settings, text: str) -> Account:
    """The account of a login. Raises InvalidValueError, NoSuchAccountError."""
    login = await login_of(store, settings, text)
    account = await store.account_by_login(login)
    if account is None:
        refuse_hidden(text)
        raise NoSuchAccountError(f"there is no user {login}\nSee who there is: gatepost user list")
    return account


async def all_accounts(store: Store) -> AsyncIterator[Account]:
    """Every account, by login, however many there are."""
    after = ""
    while page := await store.accounts(after=after):
        for account in page:
            yield account
        after = page[-1].login


async def create_account(
    store: Store,
    settings: Settings,
    secret: bytes,
    login: str,
    password: str | None = None,
    *,
    create_domain: bool = False,
    quota: int | None = None,
    delete_policy: DeletePolicy | None = None,
    hold_days: int | None = None,
    aliases: Sequence[str] = (),
) -> tuple[Account, str]:
    """Makes an account that can log in, with `settings.defaults` for what is not given; and its password, which
    is generated when `password` is None. `aliases`: as `names.parse_alias` returns them.

    Everything that can be wrong is found before anything is written, but for what the store alone knows. The
    password comes last: an account that was interrupted on the way lets nobody in.

    Raises InvalidValueError, NoSuchDomainError, AlreadyExistsError, StoreFullError, StoreUnavailableError.
    """
    for typed in (login, *aliases):
        refuse_hidden(typed)
    login = await login_of(store, settings, login)
    await _check_new(store, login)
    defaults = settings.defaults
    salt = passwords.scram_salt(secret, login)
    chosen = password if password is not None else passwords.generate_password()
    verifier = await asyncio.to_thread(passwords.make_verifier, chosen, CredentialKind.PASSWORD, salt)
    await _check_domains(store, (login, *aliases), create=create_domain)
    account = await store.execute(CreateAccount(login, salt, defaults.quota if quota is None else quota))
    account = await _deleting(store, account, delete_policy or defaults.delete_policy, hold_days or defaults.hold_days)
    for alias in aliases:
        await store.execute(AddAddress(alias, account.account_id))
    await store.execute(_main_password(account, verifier))
    return account, chosen


def _main_password(account: Account, verifier: Verifier) -> SetCredential:
    return SetCredential(account.account_id, MAIN, CredentialKind.PASSWORD, frozenset(Scope), verifier)


async def _deleting(store: Store, account: Account, policy: DeletePolicy, hold_days: int) -> Account:
    """A new account with the wanted policy; no write where it is what every new account has."""
    if (policy, hold_days) == (account.delete_policy, account.hold_days):
        return account
    return await store.execute(UpdateAccount(account.account_id, delete_policy=policy, hold_days=hold_days))


async def _check_new(store: Store, login: str) -> None:
    if await store.account_by_login(login):
        fix = f"See it: gatepost user show {login}; give it another password: gatepost password set {login}"
        raise AlreadyExistsError(f"there is a user {login} already\n{fix}")


async def _check_domains(store: Store, addresses: Sequence[str], *, create: bool) -> None:
    ours = {domain.name for domain in await store.domains()}
    for address in addresses:
        domain = address.rpartition("@")[2]
        if domain in ours:
            continue
        if not create:
            fix = f"Add it first: gatepost domain add {domain}"
            raise NoSuchDomainError(f"{domain} is not one of this server's domains\n{fix}")
        with suppress(AlreadyExistsError):
            await store.execute(CreateDomain(domain))


def check_chosen(password: str) -> None:
    """Raises InvalidValueError for a password that a person should not choose, or cannot use."""
    if len(opaque_string(password)) < SHORTEST:
        raise InvalidValueError(
            f"this password is too short: {SHORTEST} characters at least\nOr let one be made: --generate"
        )


async def set_password(store: Store, account: Account, password: str) -> Credential:
    """Makes it the account's main password, in place of the one before. Raises InvalidValueError."""
    verifier = await asyncio.to_thread(passwords.make_verifier, password, CredentialKind.PASSWORD, account.scram_salt)
    return await store.execute(_main_password(account, verifier))


async def add_app_password(
    store: Store, account: Account, name: str, scope: frozenset[Scope]
) -> tuple[Credential, str]:
    """A new password for one program or device; the text is nowhere else. Raises AlreadyExistsError, and
    InvalidValueError, also when there are `MOST_APP` already.
    """
    name = unicodedata.normalize("NFC", name.strip())
    if not name or len(name) > MAX_NAME or not all(map(visible, name)):
        raise InvalidValueError(f"{shown(name)!r} is no name for an app password: 1 to {MAX_NAME} printable characters")
    present = await store.credentials(account.account_id)
    if name == MAIN or any(each.name == name for each in present):
        fix = f"Choose another name, or first: gatepost password remove {account.login} {name!r}"
        raise AlreadyExistsError(f"{account.login} has a password named {name} already\n{fix}")
    if sum(each.kind is CredentialKind.APP for each in present) >= MOST_APP:
        fix = f"Remove one that is not used any more: gatepost password list {account.login}"
        raise InvalidValueError(f"{account.login} has {MOST_APP} app passwords, as many as one may have\n{fix}")
    password = passwords.generate_app_password()
    verifier = await asyncio.to_thread(passwords.make_verifier, password, CredentialKind.APP, account.scram_salt)
    command = SetCredential(account.account_id, name, CredentialKind.APP, scope, verifier)
    return await store.execute(command), password
