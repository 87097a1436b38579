"""A store of accounts only, and a tally that does what it is told: for tests of everything that logs in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from msgspec import structs

from gatepost.model import Account, Credential, Domain
from gatepost.store.api import Store
from gatepost.store.commands import TouchCredentials

NOW = 1_800_000_000
SECRET = bytes(range(32))


@dataclass
class DirectoryStore:
    """What logins read of a `Store`, in dicts that tests change at will; `reads` counts."""

    names: list[str] = field(default_factory=list)
    by_id: dict[int, Account] = field(default_factory=dict)
    keys: dict[tuple[int, str], Credential] = field(default_factory=dict)
    generation: int = 1
    reads: int = 0
    before_read: Callable[[], None] = lambda: None

    @property
    def store(self) -> Store:
        return cast("Store", self)

    def directory_generation(self) -> int:
        return self.generation

    async def domains(self) -> Sequence[Domain]:
        return [Domain(name) for name in sorted(self.names)]

    async def account_by_login(self, login: str) -> Account | None:
        self.reads += 1
        self.before_read()
        return next((a for a in self.by_id.values() if a.login == login), None)

    async def credentials(self, account_id: int) -> Sequence[Credential]:
        self.reads += 1
        return [c for (number, _), c in sorted(self.keys.items()) if number == account_id]

    async def account_with_credentials(
        self, login: str, first: str, most: int
    ) -> tuple[Account | None, Sequence[Credential]]:
        account = await self.account_by_login(login)
        found = await self.credentials(account.account_id if account else 0)
        return account, sorted(found, key=lambda each: each.name != first)[:most]

    async def execute(self, command: Any) -> Any:
        assert isinstance(command, TouchCredentials)
        for account_id, credential_id, at in command.uses:
            for key, credential in self.keys.items():
                if (credential.account_id, credential.credential_id) == (account_id, credential_id):
                    self.keys[key] = structs.replace(credential, last_used=at)


@dataclass
class ScriptedTally:
    """Gives the delays and refusals that it is told; remembers what it hears."""

    delays: dict[tuple[str, str], float] = field(default_factory=dict)
    refusals: dict[str, float] = field(default_factory=dict)
    failures: list[tuple[str, str, bytes]] = field(default_factory=list)
    successes: list[tuple[str, str]] = field(default_factory=list)
    delay_after_failure: float = 0

    def delay(self, address: str, login: str, now: float) -> float:
        return self.delays.get((address, login), 1 if address in self.refusals else 0)

    def refusal(self, address: str, now: float, login: str = "") -> float:
        return self.refusals.get(address, 0)

    def known(self, address: str, login: str, now: float) -> bool:
        return (address, login) in self.successes

    def failure(self, address: str, login: str, secret_digest: bytes, now: float) -> None:
        self.failures.append((address, login, secret_digest))
        if self.delay_after_failure:
            self.delays[address, login] = self.delay_after_failure

    def success(self, address: str, login: str, now: float) -> None:
        self.successes.append((address, login))
        self.delays.pop((address, login), None)
