"""Looks up who a name is, at the same cost whether or not there is such a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from gatepost.errors import InvalidValueError
from gatepost.identity import passwords
from gatepost.identity.api import Login
from gatepost.identity.cache import Entry
from gatepost.identity.names import LoginName, parse_domain, parse_login, shown
from gatepost.identity.passwords import MAIN, MOST_APP
from gatepost.model import Account, Credential, CredentialKind, Scope, Verifier
from gatepost.store.api import Store

NOBODY: Final = 0
"""An account id that no account has."""

MOST_KEYS: Final = 1 + MOST_APP
"""Credentials that SCRAM knows of an account: its main password and as many app passwords as it may have."""


class Entrant(Struct, frozen=True):
    """Somebody who wants to enter, with what is known of them at one moment."""

    name: LoginName
    account: Account | None
    credentials: Sequence[Credential]
    generation: int

    @property
    def argon2_hash(self) -> str:
        """The main password's; a dummy for an account that has none, or does not exist."""
        main = self.main
        return main.verifier.hash if main else passwords.DUMMY_HASH

    @property
    def main(self) -> Credential | None:
        return next((c for c in self.credentials if c.kind is CredentialKind.PASSWORD), None)

    def still(self, verifier: Verifier) -> Credential | None:
        """The credential that has this verifier, if there is one yet."""
        return next((c for c in self.credentials if c.verifier == verifier), None)

    def obstacle(self, credential: Credential | None, scope: Scope) -> str:
        """Why this credential does not let them in, for the log; empty if it does."""
        if self.account is None:
            return "unknown user"
        if credential is None:
            return "wrong password"
        if not self.account.enabled:
            return "disabled"
        return "" if scope in credential.scope else "scope"

    def enter(self, credential: Credential | None, scope: Scope, mechanism: str, until: float) -> Entry | str:
        """The login that this credential gives, good for the cache `until` then; or the obstacle."""
        obstacle = self.obstacle(credential, scope)
        if obstacle or self.account is None or credential is None:
            return obstacle
        login = Login(self.account, credential.credential_id, credential.name, mechanism, self.name.folder)
        return Entry(login, credential.verifier, self.generation, until)


class Directory:
    """The store, as a login sees it."""

    def __init__(self, store: Store, default_domain: str, secret: bytes) -> None:
        """`default_domain`: of the configuration, may be empty. Raises InvalidValueError if it is no domain."""
        self._store = store
        self._domain = parse_domain(default_domain) if default_domain else ""
        self._configured = bool(self._domain)
        self._domain_generation = -1
        self._secret = secret

    @property
    def generation(self) -> int:
        return self._store.directory_generation()

    async def default_domain(self) -> str:
        """The configured one, or the only one there is; empty if there are several, or none."""
        generation = self.generation
        if not self._knows_domain(generation):
            domains = await self._store.domains()
            self._domain = domains[0].name if len(domains) == 1 else ""
            self._domain_generation = generation
        return self._domain

    def _knows_domain(self, generation: int) -> bool:
        return self._configured or generation == self._domain_generation

    async def name(self, text: str) -> LoginName | None:
        """Raises StoreUnavailableError. None for a text that cannot be a login."""
        return _parsed(text, "" if "@" in text else await self.default_domain())

    def name_at_hand(self, text: str) -> LoginName | None:
        """`name`, if nothing has to be read for it; else None too."""
        if "@" in text:
            return _parsed(text, "")
        return _parsed(text, self._domain) if self._knows_domain(self.generation) else None

    async def look_up(self, text: str) -> Entrant:
        """Everything known of a name: two reads, whoever it is. Raises StoreUnavailableError."""
        generation = self.generation
        name = await self.name(text)
        account = await self._store.account_by_login(name.login if name else "")
        credentials = await self._store.credentials(account.account_id if account else NOBODY)
        return Entrant(name or LoginName(shown(text)), account, credentials, generation)

    async def look_up_some(self, text: str) -> Entrant:
        """The same with `MOST_KEYS` credentials at most, at the same cost whoever it is and however many they have.

        `look_up` is as slow as there are credentials, which argon2 hides, and nothing else does.
        """
        generation = self.generation
        name = await self.name(text)
        login = name.login if name else ""
        account, credentials = await self._store.account_with_credentials(login, MAIN, MOST_KEYS)
        return Entrant(name or LoginName(shown(text)), account, credentials, generation)

    async def salt(self, text: str) -> bytes:
        """The account's SCRAM salt; for an unknown one, what its salt would be: one read and one HMAC, whoever it is.

        Raises StoreUnavailableError.
        """
        name = await self.name(text)
        account = await self._store.account_by_login(name.login if name else "")
        derived = passwords.scram_salt(self._secret, name.login if name else shown(text))
        return (account.scram_salt if account else b"") or derived


def _parsed(text: str, default_domain: str) -> LoginName | None:
    try:
        return parse_login(text, default_domain)
    except InvalidValueError:
        return None
