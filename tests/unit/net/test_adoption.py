from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost.net.adoption import adopt, describe, report
from gatepost.ports import BY_NAME, Listener

NEEDS_IPV6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")


def row(address: str, port: int) -> Listener:
    return Listener(BY_NAME["pop3s"], address, port)


def number(opened: socket.socket) -> int:
    return int(opened.getsockname()[1])


@pytest.fixture
def one() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def every() -> Iterator[socket.socket]:
    with socket.create_server(("0.0.0.0", 0)) as made:
        yield made


def test_address_and_number_decide(one: socket.socket, every: socket.socket) -> None:
    sockets = [one, every]
    assert adopt(row("127.0.0.1", number(one)), sockets) == (one,)
    assert adopt(row("0.0.0.0", number(every)), sockets) == (every,)
    for other in (row("127.0.0.2", number(one)), row("0.0.0.0", number(one)), row("127.0.0.1", number(one) ^ 1)):
        assert adopt(other, sockets) == ()
    assert adopt(row("127.0.0.1", number(every)), sockets) == (), "it would let in the whole world"


def test_copies_of_one_place_are_all_used() -> None:
    first = socket.create_server(("127.0.0.1", 0), reuse_port=True)
    with first, socket.create_server(("127.0.0.1", number(first)), reuse_port=True) as second:
        assert adopt(row("127.0.0.1", number(first)), [first, second]) == (first, second)


@NEEDS_IPV6
def test_one_for_both_families() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as dual:
        assert describe(dual) == f"[::]:{number(dual)} (IPv4 too)"
        for address in ("::", "0.0.0.0"):
            assert adopt(row(address, number(dual)), [dual]) == (dual,)
        for address in ("127.0.0.1", "::1"):
            assert adopt(row(address, number(dual)), [dual]) == ()


@NEEDS_IPV6
def test_one_for_ipv6_alone() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6) as six:
        assert describe(six) == f"[::]:{number(six)}"
        assert adopt(row("0.0.0.0", number(six)), [six]) == ()
        assert adopt(row("0:0::0", number(six)), [six]) == (six,)


@NEEDS_IPV6
def test_ipv4_that_is_written_as_ipv6() -> None:
    with socket.socket(socket.AF_INET6) as mapped:
        mapped.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        mapped.bind(("::ffff:127.0.0.1", 0))
        mapped.listen()
        assert describe(mapped) == f"127.0.0.1:{number(mapped)}"
        assert adopt(row("127.0.0.1", number(mapped)), [mapped]) == (mapped,)


def test_what_cannot_serve_is_named(one: socket.socket, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix, socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as idle:
        unix.bind(str(tmp_path / "x"))
        unix.listen()
        udp.bind(("127.0.0.1", 0))
        idle.bind(("127.0.0.1", 0))
        assert describe(unix) == f"Unix socket {tmp_path / 'x'}"
        assert describe(udp) == f"UDP 127.0.0.1:{number(udp)}"
        wanted = describe(udp)
        said = list(report([row("127.0.0.1", number(one)), row("127.0.0.1", number(idle))], [one, unix, udp, idle]))
    assert [text.partition(",")[0] for text in said[:2]] == [f"Unix socket {tmp_path / 'x'}", wanted]
    assert "TCP only" in said[0]
    assert "does not listen" in said[2]
    assert "pop3s: the service manager handed over no socket for 127.0.0.1:" in said[3]
    assert len(said) == 4


def test_names_of_unix_sockets() -> None:
    with socket.socket(socket.AF_UNIX) as unnamed, socket.socket(socket.AF_UNIX) as abstract:
        assert describe(unnamed) == "Unix socket without a name"
        abstract.bind(f"\0gatepost-test-{id(abstract)}")
        assert describe(abstract) == f"Unix socket @gatepost-test-{id(abstract)}"


def test_what_fits_nothing_is_named(one: socket.socket, every: socket.socket) -> None:
    (said,) = report([row("127.0.0.1", number(one))], [one, every])
    assert said.startswith(f"0.0.0.0:{number(every)}, handed over by the service manager, is not served: no listener")
    assert list(report([row("127.0.0.1", 1)], [])) == []


def test_other_families() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as netlink:
        assert describe(netlink) == f"socket of family {int(socket.AF_NETLINK)}"
