"""Real mail servers hand over: what Postfix and Exim make of each answer of `gatepost mail deliver`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gatepost.net.places import as_owner_of
from gatepost.store.sqlite.database import DirectoryLock
from support import mail_servers
from support.mail_servers import MANY, OWNER, Exim, Postfix
from support.server import LOGIN, Server, installation

BOB = "bob@example.test"
LETTER = b"From: bob@sender.test\r\nSubject: number %d\r\n\r\nThis is message %d.\r\n"


@pytest.fixture
def server() -> Iterator[Server]:
    """Alice and bob, and a domain for calls with several recipients; not started."""
    with installation(workers=1) as server:
        server.data.mkdir(mode=0o700)
        shutil.chown(server.data, OWNER)
        for domain in ("example.test", MANY):
            server.gatepost("domain", "add", domain)
        for login in (LOGIN, BOB):
            server.add_user(login)
            server.gatepost("alias", "add", login.replace("example.test", MANY), login)
        yield server


@contextmanager
def stopped_and_held(server: Server) -> Iterator[None]:
    """No server runs, and another command has the store for longer than anybody waits."""
    with as_owner_of(server.data):
        lock = DirectoryLock(server.data)
    try:
        yield
    finally:
        lock.release()


def messages(server: Server, login: str = LOGIN) -> list[bytes]:
    listed = json.loads(server.gatepost("mail", "list", login, "--folder", "INBOX", "--json"))
    return [server.gatepost("mail", "show", login, str(one["uid"]), "--raw").encode() for one in listed]


def body(message: bytes) -> bytes:
    return message.replace(b"\r\n", b"\n").partition(b"\n\n")[2]


@mail_servers.postfix_here
def test_postfix(server: Server) -> None:
    with mail_servers.postfix(server) as mta:
        _delivered(server, mta, "status=sent")
        _unknown(mta, r"dsn=5\.1\.1, status=bounced .*nobody here receives mail for nobody@example\.test")
        _over_quota(server, mta, r"dsn=4\.2\.2, status=deferred", r"dsn=5\.2\.2, status=bounced", "status=sent")
        _held(server, mta, r"dsn=4\.3\.0, status=deferred .*is open in process", "status=sent")
        _several(server, mta)


@mail_servers.exim_here
def test_exim(server: Server) -> None:
    with mail_servers.exim(server) as mta:
        _delivered(server, mta, f"=> .*{LOGIN}")
        _unknown(mta, r"\*\* nobody@example\.test .*Child process of gatepost transport returned 67")
        _over_quota(server, mta, rf"== {BOB} .*returned 75", rf"\*\* {BOB} .*returned 69", f"=> .*{BOB}")
        _held(server, mta, rf"== {LOGIN} .*returned 75", f"=> .*{LOGIN}")


def _delivered(server: Server, mta: Postfix | Exim, sent: str) -> None:
    mta.send(LETTER % (1, 1), LOGIN)
    mta.await_log(sent)
    start = len(mta.log.lines)
    server.start()  # the next one goes through the keeper
    mta.send(LETTER % (2, 2), LOGIN)
    mta.await_log(sent, start)
    server.stop()
    first, second = messages(server)
    assert b"return-path: <bob@sender.test>" in first.lower()
    assert [body(first), body(second)] == [body(LETTER % (1, 1)), body(LETTER % (2, 2))]


def _unknown(mta: Postfix | Exim, bounced: str) -> None:
    mta.send(LETTER % (3, 3), "nobody@example.test")
    mta.await_log(bounced)


def _over_quota(server: Server, mta: Postfix | Exim, deferred: str, bounced: str, sent: str) -> None:
    server.gatepost("user", "set", BOB, "--quota", "10")
    mta.send(LETTER % (4, 4), BOB)
    mta.await_log(deferred)
    server.write_config('[delivery]\nover_quota = "refuse"')
    mta.send(LETTER % (5, 5), BOB)
    mta.await_log(bounced)
    server.write_config("")
    server.gatepost("user", "set", BOB, "--quota", "0")
    start = len(mta.log.lines)
    mta.retry()
    mta.await_log(sent, start)
    assert [body(each) for each in messages(server, BOB)] == [body(LETTER % (4, 4))]


def _held(server: Server, mta: Postfix | Exim, deferred: str, sent: str) -> None:
    with stopped_and_held(server):
        mta.send(LETTER % (6, 6), LOGIN)
        mta.await_log(deferred)
    start = len(mta.log.lines)
    mta.retry()
    mta.await_log(sent, start)
    assert [body(each) for each in messages(server)] == [body(LETTER % (n, n)) for n in (1, 2, 6)]


def _several(server: Server, mta: Postfix) -> None:
    """In one call: while one of them must wait all are tried again, and who has it already gets it once."""
    server.gatepost("user", "set", BOB, "--quota", "10")
    before = len(messages(server))
    mta.send(LETTER % (7, 7), f"alice@{MANY}", f"bob@{MANY}")
    for name in ("alice", "bob"):
        mta.await_log(rf"to=<{name}@{MANY}>, .*dsn=4\.2\.2, status=deferred")
    server.gatepost("user", "set", BOB, "--quota", "0")
    mta.retry()
    for name in ("alice", "bob"):
        mta.await_log(rf"to=<{name}@{MANY}>, .*status=sent .*1 had it already")
    assert len(messages(server)) == before + 1
