"""A house with people in it, and a door that counts what it costs to knock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from msgspec import structs

from gatepost.config.settings import Settings
from gatepost.identity.authenticator import StoreAuthenticator
from gatepost.identity.hasher import Hasher
from gatepost.identity.passwords import argon2_fits, make_verifier, scram_salt
from gatepost.model import Account, Credential, CredentialKind, Scope, Verifier
from gatepost.net.api import Peer, TlsInfo
from gatepost.net.tally import Tally
from gatepost.ports import TlsMode
from support.directory import NOW, SECRET, DirectoryStore, ScriptedTally

APP = "0123-4567-89ab-cdef-ghjk-mnpq"
POP3_ONLY = "1111-2222-3333-4444-5555-6666"
IMAP_ONLY = "9999-2222-3333-4444-5555-6666"
PASSWORD = "correct horse"

TLS = TlsInfo("TLSv1.3", "TLS_AES_128_GCM_SHA256", "mail.example.com", False, b"end point", b"exported")
PEER = Peer("192.0.2.1", 40000, "pop3s", TlsMode.IMPLICIT, "c1")


@lru_cache
def verifier(password: str, kind: CredentialKind, login: str) -> Verifier:
    return make_verifier(password, kind, scram_salt(SECRET, login))


def inhabit(directory: DirectoryStore) -> None:
    """alice: everything; bob: an app password only; carol: disabled."""
    directory.names = ["example.com"]
    people = [
        ("alice", True, [PASSWORD, APP, IMAP_ONLY]),
        ("bob", True, [POP3_ONLY]),
        ("carol", False, [PASSWORD, APP]),
    ]
    narrow = {POP3_ONLY: frozenset({Scope.POP3}), IMAP_ONLY: frozenset({Scope.IMAP})}
    for number, (name, enabled, secrets) in enumerate(people, start=1):
        login = f"{name}@example.com"
        salt = scram_salt(SECRET, login)
        directory.by_id[number] = Account(number, login, enabled=enabled, scram_salt=salt)
        for place, secret in enumerate(secrets):
            kind = CredentialKind.PASSWORD if secret == PASSWORD else CredentialKind.APP
            scope = narrow.get(secret, frozenset(Scope))
            key = Credential(number * 10 + place, number, secret, kind, scope, verifier(secret, kind, login), NOW)
            directory.keys[number, secret] = key


@dataclass
class Door:
    """The authenticator with everything round it in reach."""

    directory: DirectoryStore = field(default_factory=DirectoryStore)
    tally: ScriptedTally = field(default_factory=ScriptedTally)
    hashed: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    now: float = NOW
    queue: int = 8

    def __post_init__(self) -> None:
        inhabit(self.directory)
        self.hasher = Hasher(threads=1, queue=self.queue, verify=self.verify)
        self.authenticator = self.make(Settings())

    def make(self, settings: Settings) -> StoreAuthenticator:
        tally = cast("Tally", self.tally)
        store = self.directory.store
        return StoreAuthenticator(store, tally, settings, SECRET, self.hasher, self.time, self.sleep, self.time)

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def verify(self, hashed: str, password: str) -> bool:
        self.hashed.append(hashed)
        return argon2_fits(hashed, password)

    def change(self, number: int, **fields: object) -> None:
        """Changes an account, as a command from elsewhere would."""
        self.directory.by_id[number] = structs.replace(self.directory.by_id[number], **fields)
        self.directory.generation += 1
