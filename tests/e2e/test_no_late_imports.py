"""Workers and keeper load nothing after the fork: the library may be out of their reach."""

from __future__ import annotations

import base64
import poplib
import socket
import ssl
import sys
from collections.abc import Iterator

import pytest
from tests.support.server import LOGIN, PASSWORD, PATIENCE, Server, installation

GUARDED = """
import sys
from gatepost.app import crew, main

class Guard:
    def find_spec(self, name, path=None, target=None):
        print("LATE IMPORT", name, file=sys.stderr, flush=True)
        raise ModuleNotFoundError(name)

def guarded(identity, become=crew.become):
    become(identity)
    sys.meta_path[:] = [Guard()]
    sys.path[:] = []

crew.become = guarded
main()
"""

CHARSETS = (
    "utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "windows-1251", "koi8-r", "big5", "gb2312",
    "gb18030", "euc-jp", "iso-2022-jp", "shift_jis", "euc-kr", "iso-2022-kr", "hz-gb-2312", "tis-620", "utf-7",
    "utf-16",    "punycode", "idna", "cp437", "macintosh", "x-nonsense", "rot13", "zlib",
)  # fmt: skip


def odd_message() -> bytes:
    """Names every charset, as a word in its subject and as the body's own, and has UTF-8 in its header."""
    words = b" ".join(b"=?%b?B?%b?=" % (name.encode(), base64.b64encode(b"\xe4bc\x1b$B~")) for name in CHARSETS)
    parts = b"".join(
        b"--b\r\nContent-Type: text/plain; charset=%b\r\n\r\n\xe4\xf6\r\n" % name.encode() for name in CHARSETS
    )
    head = "From: Jörg <jörg@bücher.example>\r\nTo: =?utf-8*de?q?J=C3=B6rg?= <a@xn--bcher-kva.example>\r\n".encode()
    return head + b"Subject: " + words + b"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n"


class Guarded(Server):
    def command(self, *arguments: str) -> list[str]:
        if arguments[0] != "serve":
            return super().command(*arguments)
        return [sys.executable, "-c", GUARDED, "--config", str(self.config_file), *arguments]


@pytest.fixture
def server() -> Iterator[Server]:
    with installation(kind=Guarded, workers=1) as server:
        server.gatepost("domain", "add", "example.test")
        server.gatepost("domain", "add", "bücher.example")
        server.add_user()
        server.add_user("jörg@bücher.example")
        server.deliver(odd_message())
        server.start()
        yield server


def say(client: poplib.POP3, line: bytes) -> None:
    """Whatever the answer is."""
    client._putline(line)
    client._getline()


def test_odd_names_charsets_and_commands(server: Server) -> None:
    logins = (
        LOGIN, "jörg@bücher.example", "jörg@xn--bcher-kva.example", "a@straße.example", "a@xn--zzzz9999.example",
        "İ@ŉ.example", "a@xn--80ak6aa92e.example", "\u0661\u06f2@x", "\xad@example.test", "a@例え。テスト",
    )  # fmt: skip
    for login in logins:
        for command in (b"UTF8", b"LANG *", b"LANG de", b"CAPA"):
            client = server.pop3s()
            say(client, command)
            plain = base64.b64encode(f"\0{login}\0{PASSWORD}".encode())
            say(client, b"AUTH PLAIN " + plain)
            say(client, b"USER " + login.encode())
            first = base64.b64encode(f"n,,n={login},r=abcdefghij".encode())
            say(client, b"AUTH SCRAM-SHA-256 " + first)
            client.close()
    for extra in ([], [b"UTF8"]):
        client = server.pop3s()
        for line in extra:
            say(client, line)
        client.user(LOGIN)
        client.pass_(PASSWORD)
        assert len(client.list()[1]) == 1
        client.retr(1)
        client.top(1, 3)
        client.uidl()
        client.quit()
    for name in ("xn--bcher-kva.example", "localhost", "a.xn--zzzz9999"):
        unchecked = ssl._create_unverified_context()
        with socket.create_connection(("127.0.0.1", server.ports["pop3s"]), PATIENCE) as connected:
            unchecked.wrap_socket(connected, server_hostname=name).close()
    with socket.create_connection(("127.0.0.1", server.ports["pop3s"]), PATIENCE) as connected:
        connected.sendall(b"GET / HTTP/1.1\r\n\r\n")
        connected.recv(1000)
    client = server.session()
    client.dele(1)
    client.quit()
    server.gatepost("domain", "add", "more.example")
    assert server.stop() == 0
    assert not [line for line in server.log.lines if "LATE IMPORT" in line or "Traceback" in line]
