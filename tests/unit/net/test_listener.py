from __future__ import annotations

import errno
import os
import socket
import sys
from typing import Any

import pytest

from gatepost.errors import ConfigError, PortInUseError
from gatepost.net import listener as module
from gatepost.net.listener import OpenListener, bind, keep_alive, open_listeners
from gatepost.ports import BY_NAME, Listener

POP3S = BY_NAME["pop3s"]


def row(address: str = "127.0.0.1", port: int = 0) -> Listener:
    return Listener(POP3S, address, port)


@pytest.mark.skipif(sys.platform != "linux", reason="one socket for each worker is for Linux")
def test_one_socket_for_each_worker() -> None:
    (opened,) = open_listeners([row()], copies=3, lease=60)
    assert len(opened.sockets) == 3
    assert len({each.getsockname() for each in opened.sockets}) == 1
    with socket.create_connection(opened.sockets[0].getsockname()):
        pass
    opened.close()


def test_one_socket_for_all_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    sockets = bind(row(), 3)
    assert len(sockets) == 1
    sockets[0].close()


def test_all_addresses_of_both_families_side_by_side() -> None:
    (four,) = bind(row("0.0.0.0"), 1)
    port = four.getsockname()[1]
    four.close()
    opened = open_listeners([row("0.0.0.0", port), row("::", port)], copies=1, lease=60)
    assert [each.listener.address for each in opened] == ["0.0.0.0", "::"]
    for each in opened:
        each.close()


def test_a_system_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.socket, "AF_INET6", 99)
    with pytest.raises(ConfigError, match="this system has no IPv6"):
        open_listeners([row("::")], copies=1, lease=60)


def test_a_taken_port_has_a_name_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(PortInUseError) as caught:
            open_listeners([row(), row(port=port)], copies=2, lease=60)
    assert f"127.0.0.1:{port} is taken by process {os.getpid()} (" in str(caught.value)


def test_another_server_with_reuse_port_is_noticed() -> None:
    (first,) = open_listeners([row()], copies=2, lease=60)
    with pytest.raises(PortInUseError):
        bind(row(port=first.sockets[0].getsockname()[1]), 2)
    first.close()


def test_a_holder_that_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "port_holders", lambda _port: [])
    with socket.create_server(("127.0.0.1", 0)) as held, pytest.raises(PortInUseError, match="ss -ltnp"):
        bind(row(port=held.getsockname()[1]), 1)


@pytest.mark.parametrize(
    ("number", "port", "says"),
    [
        (errno.EACCES, 995, "CAP_NET_BIND_SERVICE.*port = 10995"),
        (errno.EACCES, 9995, "cannot listen on 127.0.0.1:9995"),
        (errno.EADDRNOTAVAIL, 995, "not an address of this machine"),
        (errno.EAFNOSUPPORT, 995, "no IPv4"),
        (errno.ENOBUFS, 995, "cannot listen on 127.0.0.1:995: "),
    ],
)
def test_what_may_go_wrong(monkeypatch: pytest.MonkeyPatch, number: int, port: int, says: str) -> None:
    class Failing(socket.socket):
        def bind(self, *_: Any) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module.socket, "socket", Failing)
    with pytest.raises(ConfigError, match=says):
        bind(row(port=port), 1)


def test_copies_that_fail_later_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._bind_one
    made: list[socket.socket] = []

    def failing(*arguments: Any, **named: Any) -> socket.socket:
        if len(made) == 2:
            raise OSError(errno.ENOBUFS, "no room")
        made.append(real(*arguments, **named))
        return made[-1]

    monkeypatch.setattr(module, "_bind_one", failing)
    with pytest.raises(ConfigError):
        bind(row(), 2)
    assert [each.fileno() for each in made] == [-1, -1]


def test_a_closed_row_still_tells_where_it_was() -> None:
    """The status shows it while sessions drain."""
    (opened,) = open_listeners([row()], copies=1, lease=60)
    where = opened.where
    opened.close()
    assert opened.where == where != ""


def test_adopted_sockets() -> None:
    exact, wide = socket.create_server(("127.0.0.1", 0)), socket.create_server(("0.0.0.0", 0))
    port, free = exact.getsockname()[1], bind(row(), 1)[0]
    number = free.getsockname()[1]
    free.close()
    rows = [row("127.0.0.1", port), row("127.0.0.1", number)]
    first, second = open_listeners(rows, copies=1, lease=60, adopted=[wide, exact])
    assert first.sockets == (exact,)
    assert first.where == f"127.0.0.1:{port}"
    assert not exact.getblocking()
    assert wide not in second.sockets
    for each in (first, second, OpenListener(row(), (wide,))):
        each.close()


@pytest.mark.skipif(sys.platform != "linux", reason="names of Linux")
def test_the_lease_is_inherited_by_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        keep_alive(listening, 60)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            options = {
                name: accepted.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in ("TCP_NODELAY", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
            }
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert options == {
                "TCP_NODELAY": 1, "TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 7, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 0
            }  # fmt: skip


def test_a_dual_stack_socket_serves_both_rows() -> None:
    """`ListenStream=995` without BindIPv6Only=, which is what most people write."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as dual:
        port = dual.getsockname()[1]
        opened = open_listeners([row("0.0.0.0", port), row("::", port)], copies=2, lease=60, adopted=[dual])
        assert [each.sockets for each in opened] == [(dual,), (dual,)]


def test_a_socket_for_ipv6_alone_serves_one_row() -> None:
    (free,) = bind(row("0.0.0.0"), 1)
    port = free.getsockname()[1]
    free.close()
    with socket.create_server(("::", port), family=socket.AF_INET6) as six:
        four, other = open_listeners([row("0.0.0.0", port), row("::", port)], copies=1, lease=60, adopted=[six])
        assert other.sockets == (six,)
        assert four.sockets[0].family == socket.AF_INET
        four.close()


def test_a_failure_leaves_adopted_sockets_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as adopted, socket.create_server(("127.0.0.1", 0)) as held:
        rows = [row(port=each.getsockname()[1]) for each in (adopted, held)]
        with pytest.raises(PortInUseError):
            open_listeners(rows, copies=1, lease=60, adopted=[adopted])
        assert adopted.fileno() >= 0
