from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
import uvloop

from gatepost.net.probe import ProbeError, Served, probe
from gatepost.ports import BY_NAME, Listener
from support.echo import Server, contexts, serving


async def look(server: Server, service: str = "pop3s", upgrade: object = None, name: str = "") -> Served:
    row = Listener(BY_NAME[service], "0.0.0.0", server.port)
    return await asyncio.to_thread(probe, row, name, upgrade)  # type: ignore[arg-type]


def stls(connected: socket.socket) -> None:
    connected.recv(100)
    connected.sendall(b"STLS\r\n")
    connected.recv(100)


def test_what_ports_serve() -> None:
    async def work() -> None:
        expected = contexts().loaded[0]
        async with serving() as server:
            served = await look(server, name="localhost")
            assert served.certificate.fingerprint == expected.fingerprint
            assert served.version == "TLSv1.3"
            assert served.cipher.startswith("TLS_")
        async with serving("pop3") as server:
            assert (await look(server, "pop3", stls)).certificate.names == expected.names
            with pytest.raises(ProbeError, match="no way to TLS"):
                await look(server, "pop3")

    uvloop.run(work())


def test_what_may_go_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ProbeError, match="nobody listens"):
        probe(Listener(BY_NAME["pop3s"], "127.0.0.1", port))
    with pytest.raises(ProbeError, match="no answer"):
        probe(Listener(BY_NAME["pop3s"], "no address at all", 1))

    async def work() -> None:
        async with serving("pop3") as server:
            row = Listener(BY_NAME["pop3"], "127.0.0.1", server.port)
            with pytest.raises(ProbeError, match="TLS handshake failed"):
                await asyncio.to_thread(probe, row, "", lambda connected: connected.sendall(b"NOOP\r\n"))
        monkeypatch.setattr(ssl.SSLSocket, "getpeercert", lambda *_, **__: None)
        async with serving() as server:
            with pytest.raises(ProbeError, match="showed no certificate"):
                await look(server)
        monkeypatch.setattr(ssl.SSLSocket, "getpeercert", lambda *_, **__: b"no certificate")
        async with serving() as server:
            with pytest.raises(ProbeError, match="its certificate cannot be read"):
                await look(server)

    uvloop.run(work())
