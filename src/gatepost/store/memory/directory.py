"""Directory writes of the memory engine."""

from __future__ import annotations

from typing import Any, assert_never

import msgspec
from msgspec import UNSET

from gatepost.errors import (
    AlreadyExistsError,
    InvalidValueError,
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
from gatepost.store.memory.tables import Person, Tables


class MemoryDirectory:
    """Each command checks everything before it changes anything."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def apply(  # noqa: C901 -- one line for each command
        self,
        command: CreateDomain | RemoveDomain | CreateAccount | UpdateAccount | RemoveAccount | AddAddress
        | RemoveAddress | SetCredential | RemoveCredential | TouchCredentials,
        now: int,
    ) -> Any:  # fmt: skip
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
                self._need_domain(rules.domain_of(address))
                self._tables.person(account_id)
                self._tables.addresses.add((address, account_id))
            case RemoveAddress(address, account_id):
                self._remove_address(address, account_id)
            case SetCredential():
                return self._set_credential(command, now)
            case RemoveCredential(account_id, name):
                self._remove_credential(account_id, name)
            case TouchCredentials(uses):
                for account_id, credential_id, at in uses:
                    self._touch(account_id, credential_id, at - at % 60)
            case _:
                assert_never(command)
        return None

    def _create_domain(self, name: str) -> None:
        if not name or "@" in name:
            raise InvalidValueError(f"{name!r} is no domain name")
        if name in self._tables.domains:
            raise AlreadyExistsError(f"the domain {name} is here already")
        self._tables.domains.add(name)

    def _need_domain(self, name: str) -> None:
        if name not in self._tables.domains:
            raise NoSuchDomainError(f"{name} is none of our domains")

    def _remove_domain(self, name: str) -> None:
        self._need_domain(name)
        addresses = sum(rules.domain_of(address) == name for address, _ in self._tables.addresses)
        if addresses:
            raise NotEmptyError(f"{addresses} addresses end in @{name}: remove them and their accounts first")
        self._tables.domains.remove(name)

    def _create_account(self, command: CreateAccount, now: int) -> Account:
        self._need_domain(rules.login_domain(command.login))
        if any(address == command.login for address, _ in self._tables.addresses):
            raise AlreadyExistsError(f"{command.login} is somebody's address already")
        account_id = self._tables.make_id()
        person = Person(Account(account_id, command.login, quota=command.quota, scram_salt=command.scram_salt))
        self._tables.people[account_id] = person
        self._tables.addresses.add((command.login, account_id))
        self._tables.add_box(person, INBOX, now)
        return person.account

    def _update_account(self, command: UpdateAccount) -> Account:
        person = self._tables.person(command.account_id)
        changes = {name: value for name, value in msgspec.structs.asdict(command).items() if value is not UNSET}
        person.account = msgspec.structs.replace(person.account, **changes)
        return person.view()

    def _remove_account(self, account_id: int, now: int) -> None:
        person = self._tables.person(account_id)
        del self._tables.people[account_id]
        self._tables.addresses = {entry for entry in self._tables.addresses if entry[1] != account_id}
        for stored in person.emails.values():
            self._tables.orphans[stored.email.blob_id] = now
            if stored.email.original_blob_id:
                self._tables.orphans[stored.email.original_blob_id] = now

    def _remove_address(self, address: str, account_id: int) -> None:
        person = self._tables.people.get(account_id)
        if person is not None and person.account.login == address:
            raise InvalidValueError(f"{address} is the account's own name: it goes when the account goes")
        if (address, account_id) not in self._tables.addresses:
            raise NoSuchAddressError(f"{address} does not deliver to this account")
        self._tables.addresses.remove((address, account_id))

    def _set_credential(self, command: SetCredential, now: int) -> Credential:
        kind = rules.credential_kind(command.kind)
        person = self._tables.person(command.account_id)
        new = Credential(
            self._tables.make_id(), command.account_id, command.name, kind, command.scope, command.verifier, now
        )
        person.credentials[command.name] = new
        return new

    def _remove_credential(self, account_id: int, name: str) -> None:
        person = self._tables.people.get(account_id)
        if person is None or name not in person.credentials:
            raise NoSuchCredentialError(f"the account has no credential named {name!r}")
        del person.credentials[name]

    def _touch(self, account_id: int, credential_id: int, at: int) -> None:
        person = self._tables.people.get(account_id)
        for name, old in tuple(person.credentials.items()) if person is not None else ():
            if old.credential_id == credential_id:
                person.credentials[name] = msgspec.structs.replace(old, last_used=max(old.last_used, at))  # type: ignore[union-attr]
