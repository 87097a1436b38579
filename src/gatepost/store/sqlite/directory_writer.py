"""Writes to the directory: domains, accounts, addresses, credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, assert_never

import msgspec
from msgspec import UNSET

from gatepost.errors import (
    AlreadyExistsError,
    InvalidValueError,
    NoSuchAccountError,
    NoSuchAddressError,
    NoSuchCredentialError,
    NoSuchDomainError,
    NotEmptyError,
)
from gatepost.model import INBOX, Account, Credential
from gatepost.store import rules
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
from gatepost.store.sqlite.mailboxes import Mailboxes
from gatepost.store.sqlite.named import Statements
from gatepost.store.sqlite.reader import to_account

DirectoryCommand = (
    CreateDomain | RemoveDomain | CreateAccount | UpdateAccount | RemoveAccount | AddAddress | RemoveAddress
    | SetCredential | RemoveCredential | TouchCredentials
)  # fmt: skip

OF_ACCOUNT: Final = (
    "message", "expunged", "held", "email", "thread", "delivered_once", "deletion", "mailbox", "credential",
    "address", "account",
)  # fmt: skip
"""Every table that knows an account, children before parents."""


class DirectoryWriter:
    """Who is here, inside the caller's transaction."""

    def __init__(self, sql: Statements, make_id: Callable[[], int], mailboxes: Mailboxes) -> None:
        self._sql = sql
        self._make_id = make_id
        self._mailboxes = mailboxes

    def apply(self, command: DirectoryCommand, now: int) -> Any:  # noqa: C901 -- one line for each command
        """Returns what the command promises."""
        match command:
            case CreateDomain(name):
                self._create_domain(name)
            case RemoveDomain(name):
                self._remove_domain(name)
            case CreateAccount():
                return self._create_account(command, now)
            case UpdateAccount():
                return self._update_account(command)
            case RemoveAccount(account_id):
                self._remove_account(account_id, now)
            case AddAddress(address, account_id):
                self._add_address(address, account_id)
            case RemoveAddress(address, account_id):
                self._remove_address(address, account_id)
            case SetCredential():
                return self._set_credential(command, now)
            case RemoveCredential(account_id, name):
                self._remove_credential(account_id, name)
            case TouchCredentials(uses):
                for account_id, credential_id, at in uses:
                    self._sql.rows("touch_credential", at - at % 60, account_id, credential_id)
            case _:
                assert_never(command)
        return None

    def _found(self, query: str, *values: str | int) -> bool:
        return bool(self._sql.rows(query, *values))

    def _create_domain(self, name: str) -> None:
        if not name or "@" in name:
            raise InvalidValueError(f"{name!r} is no domain name")
        if not self._found("add_domain", name):
            raise AlreadyExistsError(f"the domain {name} is here already")

    def _remove_domain(self, name: str) -> None:
        self._need_domain(name)
        addresses = self._sql.the_row("domain_in_use", name)[0]
        if addresses:
            raise NotEmptyError(f"{addresses} addresses end in @{name}: remove them and their accounts first")
        self._sql.rows("remove_domain", name)

    def _need_domain(self, name: str) -> None:
        if not self._found("has_domain", name):
            raise NoSuchDomainError(f"{name} is none of our domains")

    def _account(self, account_id: int) -> Account:
        rows = self._sql.rows("account", account_id)
        if not rows:
            raise NoSuchAccountError(f"there is no account with id {account_id}")
        return to_account(rows[0])

    def _create_account(self, command: CreateAccount, now: int) -> Account:
        domain = rules.login_domain(command.login)
        self._need_domain(domain)
        if self._found("address_taken", command.login):
            raise AlreadyExistsError(f"{command.login} is somebody's address already")
        new = Account(self._make_id(), command.login, quota=command.quota, scram_salt=command.scram_salt)
        self._sql.rows("add_account", *msgspec.structs.astuple(new))
        self._sql.rows("add_address", command.login, new.account_id, domain)
        self._mailboxes.add(new.account_id, INBOX, now)
        return new

    def _update_account(self, command: UpdateAccount) -> Account:
        old = self._account(command.account_id)
        changes = {name: value for name, value in msgspec.structs.asdict(command).items() if value is not UNSET}
        new = msgspec.structs.replace(old, **changes)
        self._sql.rows(
            "update_account", new.enabled, new.quota, new.delete_policy, new.hold_days, new.expire_days,
            new.login_delay, new.soft_login_delay, new.account_id,
        )  # fmt: skip
        return new

    def _remove_account(self, account_id: int, now: int) -> None:
        self._account(account_id)
        self._sql.rows("orphan_all_of_account", account_id, now)
        for table in OF_ACCOUNT:
            self._sql.rows(f"remove_all_of_{table}", account_id)

    def _add_address(self, address: str, account_id: int) -> None:
        domain = rules.domain_of(address)
        self._need_domain(domain)
        self._account(account_id)
        self._sql.rows("add_address", address, account_id, domain)

    def _remove_address(self, address: str, account_id: int) -> None:
        row = self._sql.row("has_account", account_id)
        if row is not None and row[0] == address:
            raise InvalidValueError(f"{address} is the account's own name: it goes when the account goes")
        if not self._found("remove_address", address, account_id):
            raise NoSuchAddressError(f"{address} does not deliver to this account")

    def _set_credential(self, command: SetCredential, now: int) -> Credential:
        kind = rules.credential_kind(command.kind)
        self._account(command.account_id)
        verifier = command.verifier
        new = Credential(self._make_id(), command.account_id, command.name, kind, command.scope, verifier, now)
        self._sql.rows(
            "set_credential", new.credential_id, new.account_id, new.name, kind, " ".join(sorted(new.scope)),
            verifier.hash, verifier.stored_key, verifier.server_key, now,
        )  # fmt: skip
        return new

    def _remove_credential(self, account_id: int, name: str) -> None:
        if not self._found("remove_credential", account_id, name):
            raise NoSuchCredentialError(f"the account has no credential named {name!r}")
