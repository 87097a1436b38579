"""The handshake in memory, with a real client at the other end."""

from __future__ import annotations

import contextlib
import ssl

import pytest

from gatepost.net.doors import DECODE_ERROR, NO_APPLICATION_PROTOCOL
from gatepost.net.handshake import Handshake
from gatepost.net.outcome import Ended, Outcome
from support.echo import client_context, contexts


class Peer:
    """A client whose octets stay in memory."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def go_on(self, received: bytes = b"") -> bytes:
        self.incoming.write(received)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.outgoing.read()


def handshake(*alpn: str) -> Handshake:
    return Handshake(contexts(), alpn, "")


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_it_completes_however_the_octets_are_cut(size: int, version: ssl.TLSVersion) -> None:
    client, server, done = Peer(client_context(maximum_version=version)), handshake("pop3"), False
    received = b""
    while not done:
        sent = client.go_on(received)
        received = b""
        for start in range(0, len(sent), size):
            assert not done
            done = server.feed(sent[start : start + size])
            received += server.answer() if not done else b""
    client.go_on(received + server.answer())
    assert client.tls.version() == version.name.replace("_", ".")
    assert server.pipe is not None
    assert server.pipe.info().sni == "localhost"


def test_what_is_no_client_hello_gets_an_alert() -> None:
    server = handshake()
    assert not server.feed(b"\x16\x03\x01\x00")
    assert server.answer() == b""
    with pytest.raises(Ended) as ended:
        server.feed(b"\x01\x01GET /")
    assert ended.value.outcome is Outcome.NO_TLS
    assert server.answer() == DECODE_ERROR


@pytest.mark.parametrize(("spoken", "let_in"), [((), True), (("pop3",), False), (("pop3", "h2"), True)])
def test_clients_of_another_protocol_are_turned_away(spoken: tuple[str, ...], *, let_in: bool) -> None:
    browser = client_context()
    browser.set_alpn_protocols(["h2"])
    server = handshake(*spoken)
    if let_in:
        assert not server.feed(Peer(browser).go_on())
        return
    with pytest.raises(Ended) as ended:
        server.feed(Peer(browser).go_on())
    assert ended.value.outcome is Outcome.WRONG_DOOR
    assert server.answer() == NO_APPLICATION_PROTOCOL


def test_a_handshake_that_fails_says_why_and_what_is_still_to_be_sent() -> None:
    server = handshake()
    server.feed(Peer(client_context(maximum_version=ssl.TLSVersion.TLSv1_2)).go_on())
    server.answer()
    with pytest.raises(Ended, match="the TLS handshake failed"):
        server.feed(b"\x17\x03\x03\x00\x20" + b"z" * 32)
    assert server.answer()[:1] == b"\x15"
