"""Sessions end when their password changes, whatever they do and in whatever worker; and an administrator ends them."""

from __future__ import annotations

import json
import poplib
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from support.server import LOGIN, Server, running

OTHER = "bob@example.test"
BODY = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 1_500_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(config="[pop3]\nmaildrop = 'snapshot'\n", workers=2, messages=[BODY]) as server:
        server.gatepost("user", "add", OTHER, "--password-stdin", stdin=b"correct horse\n")
        yield server


def log_in(server: Server, login: str, password: str) -> poplib.POP3_SSL:
    client = server.pop3s()
    client.user(login)
    client.pass_(password)
    return client


def port(client: poplib.POP3_SSL) -> int:
    return int(client.sock.getsockname()[1])


def last_word(client: poplib.POP3_SSL) -> bytes:
    """What comes without a question: everything until the server closes."""
    said = client.file.read()
    client.close()
    return said


def listed(server: Server, *arguments: str) -> list[dict[str, Any]]:
    return json.loads(server.gatepost("session", "list", *arguments, "--json"))


def app_password(server: Server, login: str, name: str) -> str:
    return json.loads(server.gatepost("password", "app", "add", login, name, "--json"))["password"]


def test_a_changed_password_ends_the_sessions_that_used_it(server: Server) -> None:
    phone = log_in(server, OTHER, app_password(server, OTHER, "phone"))
    tablet = log_in(server, OTHER, app_password(server, OTHER, "tablet"))
    mains = [log_in(server, OTHER, "correct horse") for _ in range(4)]
    ports = [port(each) for each in mains]
    server.gatepost("password", "set", OTHER, "--password-stdin", stdin=b"battery staple\n")
    for each in mains:
        assert b"this session was ended, nothing was deleted" in last_word(each)
    for number in ports:
        line = server.log.await_line(rf"pop3s: .*\bport={number}\b.*").string
        assert f"user={OTHER} mechanism=USER credential=main " in line
        assert 'outcome=ended reason="its password was changed or removed"' in line
    server.gatepost("password", "remove", OTHER, "phone")
    assert b"this session was ended" in last_word(phone)
    assert tablet.noop()
    server.gatepost("user", "set", OTHER, "--disable")
    assert b"this session was ended" in last_word(tablet)
    server.gatepost("user", "set", OTHER, "--enable")
    last = log_in(server, OTHER, "battery staple")
    server.gatepost("user", "remove", OTHER, "--yes")
    assert b"this session was ended" in last_word(last)


def test_a_session_amid_a_message_is_cut_and_deletes_nothing(server: Server) -> None:
    password = app_password(server, LOGIN, "thief")
    client = log_in(server, LOGIN, password)
    number = port(client)
    client.dele(1)
    client.rset()
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sock.sendall(b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
    assert client.file.readline().startswith(b"+OK")
    server.gatepost("password", "remove", LOGIN, "thief")
    line = server.log.await_line(rf"pop3s: .*\bport={number}\b.*").string
    assert 'outcome=ended reason="its password was changed or removed"' in line
    rest = bytearray()
    with suppress(OSError):
        while piece := client.file.read(65536):
            rest += piece
    client.close()
    assert len(rest) < len(BODY)
    assert b"-ERR" not in rest
    again = server.session()
    assert again.stat()[0] == 1
    again.quit()


def test_sessions_are_listed_and_ended(server: Server) -> None:
    clients = [server.session() for _ in range(5)]
    found = listed(server)
    assert {(each["user"], each["credential"], each["service"], each["address"]) for each in found} == {
        (LOGIN, "main", "pop3s", "127.0.0.1")
    }
    assert len({each["session"] for each in found}) == 5
    assert {each["worker"] for each in found} <= {"worker 1", "worker 2"}
    workers = {each.pid for each in server.status().processes if each.name.startswith("worker")}
    assert {each["pid"] for each in found} <= workers
    assert len(listed(server, LOGIN.partition("@")[0].upper())) == 5
    assert listed(server, "nobody@example.test") == []
    shown = server.gatepost("session", "list")
    assert shown.splitlines()[0].split() == [
        "session",
        "user",
        "service",
        "address",
        "since",
        "last",
        "activity",
        "worker",
    ]
    one = found[0]["session"]
    assert server.gatepost("session", "end", "--id", one) == f"Ended: {one} ({LOGIN}).\n"
    ended = [each for each in clients if _is_over(each)]
    assert len(ended) == 1
    assert len(json.loads(server.gatepost("session", "end", LOGIN, "--json"))) == 4
    for client in set(clients) - set(ended):
        assert b"this session was ended" in last_word(client)
    assert server.gatepost("session", "list") == "Nobody is logged in.\n"
    server.gatepost("session", "end", LOGIN, code=1)
    server.gatepost("session", "end", "--id", "nonsense", code=1)
    server.gatepost("session", "end", code=2)
    server.log.await_line(r'outcome=ended reason="an administrator ended it"')


def _is_over(client: poplib.POP3_SSL) -> bool:
    try:
        client.noop()
    except (poplib.error_proto, OSError):
        client.close()
        return True
    return False


def test_workers_of_before_a_reload_are_asked_too(server: Server) -> None:
    client = server.session()
    server.signal(1)
    server.await_news("READY=1")
    assert [each["user"] for each in listed(server)] == [LOGIN]
    server.gatepost("session", "end", LOGIN)
    assert b"this session was ended" in last_word(client)


def test_without_a_server_nobody_is_logged_in(server: Server) -> None:
    server.stop()
    server.gatepost("session", "list", code=3)
    server.start()
