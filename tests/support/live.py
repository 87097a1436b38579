"""What tests do with a running server: make people and mail from inside, and speak POP3 with it line by line."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import cache
from typing import Any, Self, TypeVar

from gatepost.config.settings import Delivery
from gatepost.delivery.local import deliver
from gatepost.delivery.once import Once
from gatepost.delivery.routing import Router
from gatepost.errors import AlreadyExistsError
from gatepost.identity.admin import MAIN
from gatepost.identity.passwords import make_verifier
from gatepost.model import INBOX, Account, CredentialKind, Scope, Verifier
from gatepost.owner import as_owner
from gatepost.store.api import Store
from gatepost.store.commands import CreateAccount, CreateDomain, Delivered, SetCredential, UpdateAccount
from gatepost.store.remote import RemoteStore, open_remote
from support.server import PASSWORD, PATIENCE, Server

T = TypeVar("T")

SALT = b"the same for all"
MOST = 200_000_000
"""Octets of a message."""


# -- Inside -------------------------------------------------------------------------------------------------


def inside(server: Server, work: Callable[[RemoteStore], Awaitable[T]]) -> T:
    """Runs `work` on the running server's store, as a command of the administrator would: in the owner's name."""
    owner = server.data.stat()

    async def main() -> T:
        store = open_remote(server.data, patience=PATIENCE)
        try:
            return await work(store)
        finally:
            await store.close()

    with as_owner(owner.st_uid, owner.st_gid):
        return asyncio.run(main())


@cache
def verifier(password: str) -> Verifier:
    """Made once: argon2 takes its time."""
    return make_verifier(password, CredentialKind.PASSWORD, SALT)


async def make_account(store: Store, login: str, password: str = PASSWORD, **settings: Any) -> Account:
    """`settings`: as in UpdateAccount."""
    with suppress(AlreadyExistsError):
        await store.execute(CreateDomain(login.rpartition("@")[2]))
    account = await store.execute(CreateAccount(login, SALT))
    command = SetCredential(account.account_id, MAIN, CredentialKind.PASSWORD, frozenset(Scope), verifier(password))
    await store.execute(command)
    return await store.execute(UpdateAccount(account.account_id, **settings)) if settings else account


async def put(
    store: Store, address: str, body: bytes, mailbox: str = INBOX, *, once: str = "", received: int = 0
) -> tuple[Delivered, ...]:
    """Delivers as `gatepost mail deliver` does; raises what it would tell."""
    (outcome,) = await deliver(
        store,
        Router(store, Delivery()),
        (address,),
        body,
        received=received or int(time.time()),
        most=MOST,
        mailbox=mailbox,
        once=Once(once),
    )
    if outcome.error is not None:
        raise outcome.error
    return outcome.delivered


def person(server: Server, login: str, messages: Iterable[bytes] = (), **settings: Any) -> Account:
    """A new account with these messages."""

    async def work(store: Store) -> Account:
        account = await make_account(store, login, **settings)
        for message in messages:
            await put(store, login, message)
        return account

    return inside(server, work)


def letter(number: int) -> bytes:
    return b"From: bob@example.test\r\nSubject: number %d\r\n\r\nThis is message %d.\r\n" % (number, number)


# -- Outside ------------------------------------------------------------------------------------------------


class Visitor:
    """A client that says exactly what it is told to say."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext | None = None,
        *,
        source: str = "127.0.0.1",
        first: bytes = b"",
        sock: socket.socket | None = None,
    ) -> None:
        """`context`: TLS from the first octet, but for `first`, which goes out before. The greeting is unread."""
        self.sock = sock or socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(source, 0))
        self.port = self.sock.getsockname()[1]
        self.file = self.sock.makefile("rb")
        self.sock.sendall(first)
        if context is not None:
            self.secure(context)

    def secure(self, context: ssl.SSLContext) -> None:
        self.file.close()
        try:
            self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        except BaseException:
            self.sock.close()
            raise
        self.file = self.sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def line(self) -> bytes:
        """The next line without its CRLF; empty when the server has closed."""
        try:
            return self.file.readline().removesuffix(b"\r\n")
        except ConnectionResetError:
            return b""

    def say(self, text: str) -> bytes:
        """The first line of the answer."""
        self.send(text.encode() + b"\r\n")
        return self.line()

    def lines(self, text: str) -> list[bytes]:
        """The lines of a long answer, as they stand on the wire."""
        answer = self.say(text)
        assert answer.startswith(b"+OK"), answer
        return list(iter(self.line, b"."))

    def message(self, number: int) -> bytes:
        """RETR, with the dots taken away that were put before it for the wire."""
        return b"".join(line.removeprefix(b".") + b"\r\n" for line in self.lines(f"RETR {number}"))

    def log_in(self, login: str, password: str = PASSWORD) -> bytes:
        """What the server says to PASS."""
        answer = self.say(f"USER {login}")
        return self.say(f"PASS {password}") if answer.startswith(b"+OK") else answer

    def uidls(self) -> list[str]:
        return [line.split()[1].decode() for line in self.lines("UIDL")]

    def quit(self) -> bytes:
        """The farewell; then nothing more may come."""
        answer = self.say("QUIT")
        assert self.line() == b""
        self.close()
        return answer

    def close(self) -> None:
        self.file.close()
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def visit(server: Server, login: str = "", *, source: str = "127.0.0.1", password: str = PASSWORD) -> Visitor:
    """Connected by TLS and greeted; logged in if there is a login."""
    visitor = Visitor(server.ports["pop3s"], server.context(), source=source)
    try:
        assert visitor.line().startswith(b"+OK")
        if login:
            answer = visitor.log_in(login, password)
            assert answer.startswith(b"+OK"), answer
    except BaseException:
        visitor.close()
        raise
    return visitor
