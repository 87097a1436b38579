from __future__ import annotations

import pytest

from gatepost.errors import ConfigError
from gatepost.net import trace as module
from gatepost.net.api import Peer
from gatepost.net.trace import Trace
from gatepost.ports import TlsMode


def peer(address: str = "192.0.2.7", connection: str = "c1") -> Peer:
    return Peer(address, 1234, "pop3s", TlsMode.IMPLICIT, connection)


def traced(who: str) -> tuple[Trace, list[bytes]]:
    lines: list[bytes] = []
    return Trace(who, lines.append), lines


@pytest.mark.parametrize("who", ["192.0.2.7", "192.0.2.0/24"])
def test_an_address_or_network_is_shown_from_its_first_line(who: str) -> None:
    trace, lines = traced(who)
    trace(peer(), "", "S: +OK ready")
    trace(peer("198.51.100.1"), "", "S: +OK other")
    trace(peer(), "alice@example.com", "C: STAT")
    assert lines == [
        b"trace pop3s ip=192.0.2.7 id=c1 S: +OK ready\n",
        b"trace pop3s ip=192.0.2.7 id=c1 C: STAT\n",
    ]


def test_an_account_is_shown_with_what_came_before_its_login() -> None:
    trace, lines = traced("Alice@example.com")
    trace(peer(), "", "C: USER alice")
    trace(peer(connection="c2"), "", "C: USER bob")
    assert lines == []
    trace(peer(connection="c2"), "bob@example.com", "S: +OK")
    trace(peer(), "alice@example.com", "S: +OK")
    trace(peer(), "alice@example.com", "C: STAT")
    assert [line.rpartition(b"id=")[2] for line in lines] == [b"c1 C: USER alice\n", b"c1 S: +OK\n", b"c1 C: STAT\n"]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_CONNECTIONS", 2)
    monkeypatch.setattr(module, "KEPT_LINES", 3)
    trace, lines = traced("alice@example.com")
    for connection in ("c1", "c2", "c3"):
        for number in range(5):
            trace(peer(connection=connection), "", f"C: {number}")
    trace(peer(connection="c1"), "alice@example.com", "C: STAT")
    assert len(lines) == 1
    trace(peer(connection="c3"), "alice@example.com", "C: STAT")
    assert len(lines) == 1 + 4


def test_a_line_cannot_forge_others() -> None:
    trace, lines = traced("192.0.2.7")
    trace(peer(), "", "C: \x1b[2J\r\nfaked" + "x" * 2000)
    assert lines[0].count(b"\n") == 1
    assert b"\\x1b[2J\\r\\nfaked" in lines[0]
    assert len(lines[0]) < 1100


def test_nonsense_is_refused() -> None:
    with pytest.raises(ConfigError, match="neither an IP address"):
        traced("alice")
