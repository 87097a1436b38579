"""Large messages and large maildrops: flat memory, right answers, and nobody else waits."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost.app.engine import SqliteEngine
from gatepost.config.load import load
from gatepost.model import Account
from gatepost.pop3.framing import Unstuffer
from gatepost.store.api import Store
from gatepost.store.commands import Deliver, NewEmail, StageChunk, Staged, Target
from support.live import Visitor, inside, letter, make_account, person, visit
from support.server import LOGIN, Server, installation

LARGE = 100_000_000
"""Octets."""
MANY = 100_000
"""Messages."""
ALLOWED = 30_000
"""KiB by which a worker may grow while it hands out `LARGE` octets."""
CROWDED = "crowded@example.test"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One worker, so that everybody meets in it; a crowded maildrop."""
    with installation(workers=1) as server:
        asyncio.run(furnish(server))
        server.start()
        yield server


async def furnish(server: Server) -> None:
    """Makes the crowded maildrop before the server runs: many messages of one body each command."""
    async with SqliteEngine().store(load(server.config_file)) as store:
        await make_account(store, LOGIN)
        account = await make_account(store, CROWDED)
        await crowd(store, account)


async def crowd(store: Store, account: Account) -> None:
    body = letter(0)
    await store.execute(StageChunk(1, 0, body))
    email = NewEmail(Staged(1, hashlib.sha256(body).digest(), len(body)), 1_700_000_000, len(body) // 2, b"")
    targets = tuple(Target(account.account_id, "INBOX") for _ in range(1000))
    for _ in range(MANY // len(targets)):
        await store.execute(Deliver(email, targets))


def worker(server: Server) -> int:
    return next(each.pid for each in server.status().processes if each.name.startswith("worker"))


def memory(pid: int, name: str) -> int:
    """`VmRSS` (now) or `VmHWM` (the most ever), in KiB."""
    return int(re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1])  # type: ignore[index]


def large_message() -> bytes:
    line = b"." + b"0123456789abcdef" * 4 + b"\r\n"
    return b"Subject: large\r\n\r\n" + line * (LARGE // len(line))


def fetch(visitor: Visitor, number: int) -> str:
    """The SHA-256 of a message, which is never held as a whole."""
    assert visitor.say(f"RETR {number}").startswith(b"+OK")
    return rest_of_message(visitor)


def rest_of_message(visitor: Visitor) -> str:
    digest, body = hashlib.sha256(), Unstuffer()
    while not body.ended:
        data, rest = body.feed(visitor.file.read1(1 << 18))
        digest.update(data)
        assert not rest or body.ended
    return digest.hexdigest()


@pytest.fixture(scope="module")
def large(server: Server) -> str:
    """Delivered through the command's standard input; its SHA-256."""
    message = large_message()
    server.deliver(message)
    return hashlib.sha256(message).hexdigest()


def test_a_large_message_comes_back_octet_for_octet(server: Server, large: str) -> None:
    pid = worker(server)
    with visit(server, LOGIN) as visitor:
        before = memory(pid, "VmHWM")
        assert fetch(visitor, 1) == large
        assert memory(pid, "VmHWM") - before < ALLOWED
        assert visitor.quit().startswith(b"+OK")


def test_a_client_that_does_not_read_costs_nothing_and_holds_nobody_up(server: Server, large: str) -> None:
    pid = worker(server)
    person(server, "other@example.test", [letter(1)])
    with socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", server.ports["pop3s"]))
        with Visitor(0, server.context(), sock=narrow) as slow:
            assert slow.line().startswith(b"+OK")
            assert slow.log_in(LOGIN).startswith(b"+OK")
            before = memory(pid, "VmHWM")
            assert slow.say("RETR 1").startswith(b"+OK")
            for _ in range(20):
                with visit(server, "other@example.test") as other:
                    assert other.message(1) == letter(1)
                    assert other.quit().startswith(b"+OK")
            assert memory(pid, "VmHWM") - before < ALLOWED
            slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            assert rest_of_message(slow) == large
            assert slow.quit().startswith(b"+OK")


def test_a_crowded_maildrop_is_listed_right(server: Server) -> None:
    with visit(server, CROWDED) as visitor:
        size = len(letter(0))
        assert visitor.say("STAT") == b"+OK %d %d" % (MANY, MANY * size)
        assert visitor.lines("LIST") == [b"%d %d" % (number, size) for number in range(1, MANY + 1)]
        uidls = visitor.uidls()
        assert len(set(uidls)) == MANY
        assert visitor.say(f"UIDL {MANY}") == f"+OK {MANY} {uidls[-1]}".encode()
        assert visitor.message(1) == visitor.message(MANY) == letter(0)
        visitor.send(b"".join(b"DELE %d\r\n" % number for number in range(1, 501)) + b"STAT\r\nQUIT\r\n")
        assert all(visitor.line().startswith(b"+OK") for _ in range(500))
        assert visitor.line() == b"+OK %d %d" % (MANY - 500, (MANY - 500) * size)
        assert visitor.line() == b"+OK goodbye; messages deleted: 500"
    with visit(server, CROWDED) as visitor:
        assert visitor.uidls() == uidls[500:]
        assert visitor.quit().startswith(b"+OK")


def test_others_are_answered_while_a_long_listing_is_under_way(server: Server) -> None:
    """Its client reads one line and waits, and could wait for ever: the other's answer does not depend on it."""
    with visit(server, CROWDED) as crowded, visit(server, LOGIN) as other:
        crowded.send(b"UIDL\r\n")
        assert crowded.line().startswith(b"+OK")
        assert other.say("NOOP").startswith(b"+OK")
        first = crowded.line()
        assert other.say("STAT").startswith(b"+OK")
        assert first.startswith(b"1 ")
        assert sum(1 for _ in iter(crowded.line, b".")) > MANY - 1000
        assert crowded.quit().startswith(b"+OK")
        assert other.quit().startswith(b"+OK")


def test_mail_keeps_coming_while_a_crowded_maildrop_is_read(server: Server) -> None:
    """A session sees its snapshot; the next one sees the rest."""
    with visit(server, CROWDED) as crowded:
        crowded.send(b"UIDL\r\n")
        assert crowded.line().startswith(b"+OK")
        account = inside(server, lambda store: store.account_by_login(CROWDED))
        assert account
        email = inside(server, lambda store: more(store, account))
        assert email
        listed = list(iter(crowded.line, b"."))
        assert crowded.say("STAT").split()[1] == b"%d" % len(listed)
        assert crowded.quit().startswith(b"+OK")
    with visit(server, CROWDED) as crowded:
        assert len(crowded.uidls()) == len(listed) + 1
        assert crowded.message(len(listed) + 1) == letter(7)


async def more(store: Store, account: Account) -> int:
    body = letter(7)
    await store.execute(StageChunk(2, 0, body))
    email = NewEmail(Staged(2, hashlib.sha256(body).digest(), len(body)), 1_700_000_000, len(body) // 2, b"")
    (delivered,) = await store.execute(Deliver(email, (Target(account.account_id, "INBOX"),)))
    return delivered.uid
