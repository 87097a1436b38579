from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatepost.net.proxy import MOST_V1, MOST_V2, SIGNATURE, Header, NoProxyError, ProxyError, is_header, parse

LINE = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 995\r\n"


def v2(command: int = 0x21, family: int = 0x11, body: bytes | None = None) -> bytes:
    if body is None:
        body = ip_address("203.0.113.9").packed + ip_address("192.0.2.1").packed + b"\x12\x67\x03\xe3"
    return SIGNATURE + bytes((command, family)) + len(body).to_bytes(2) + body


def test_version_1() -> None:
    assert parse(LINE + b"rest") == Header(len(LINE), "203.0.113.9", 4711)
    six = b"PROXY TCP6 2001:DB8::9 2001:db8::1 1 65535\r\n"
    assert parse(six) == Header(len(six), "2001:db8::9", 1)
    assert parse(b"PROXY UNKNOWN\r\n") == Header(15)
    assert parse(b"PROXY UNKNOWN whatever is here\r\n") == Header(32)


def test_version_2() -> None:
    assert parse(v2() + b"rest") == Header(28, "203.0.113.9", 4711)
    body = ip_address("2001:db8::9").packed + ip_address("2001:db8::1").packed + b"\0\1\0\2"
    assert parse(v2(family=0x21, body=body)) == Header(52, "2001:db8::9", 1)
    with_extensions = ip_address("203.0.113.9").packed * 2 + b"\0\1\0\2" + b"\x04\0\x03abc"
    assert parse(v2(body=with_extensions)) == Header(16 + len(with_extensions), "203.0.113.9", 1)


def test_what_is_no_header_at_all() -> None:
    with pytest.raises(NoProxyError):
        parse(b"CAPA\r\n")
    with pytest.raises(ProxyError) as malformed:
        parse(b"PROXY TCP4 x\r\n")
    assert not isinstance(malformed.value, NoProxyError)


@pytest.mark.parametrize(
    ("data", "header"),
    [(LINE, True), (b"PROXY UNKNOWN\r\n", True), (v2(), True), (b"PROXY\r\n", False), (b"\r\n", False), (b"", False)],
)
def test_where_nobody_expects_one(data: bytes, header: bool) -> None:
    assert is_header(data) is header


def test_the_balancer_itself() -> None:
    assert parse(v2(command=0x20, body=b"")) == Header(16)
    assert parse(v2(command=0x20)) == Header(28)
    assert parse(v2(family=0x31, body=bytes(216))) == Header(232)
    assert parse(v2(family=0x00, body=b"")) == Header(16)


@pytest.mark.parametrize("whole", [LINE, v2(), v2(command=0x20, body=b"")])
def test_every_beginning_wants_more(whole: bytes) -> None:
    for end in range(len(whole)):
        assert parse(whole[:end]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"USER alice\r\n",
        b"P0",
        b"\r\n\r\nX",
        b"\x16\x03\x01",
        b"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY \r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 4711\r\n",
        b"PROXY TCP4 203.0.113.9  192.0.2.1 4711 995\r\n",
        b"PROXY TCP4 2001:db8::1 192.0.2.1 4711 995\r\n",
        b"PROXY TCP4 203.0.113.9 x 4711 995\r\n",
        b"PROXY TCP6 fe80::1%eth0 fe80::1 1 2\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 65536 995\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 -1 995\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 \xb2 995\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 000001 995\r\n",
        b"PROXY " + b"x" * MOST_V1,
        v2(command=0x11),
        v2(command=0x22),
        v2(body=b"short"),
        SIGNATURE + b"\x21\x11" + (MOST_V2 + 1).to_bytes(2),
    ],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(ProxyError):
        parse(data)


def test_an_ipv4_client_of_a_dual_stack_balancer_is_an_ipv4_client() -> None:
    line = b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:10.0.0.1 4711 995\r\n"
    assert parse(line) == Header(len(line), "192.0.2.1", 4711)
    body = ip_address("::ffff:192.0.2.1").packed * 2 + b"\x12\x67\x03\xe3"
    assert parse(v2(family=0x21, body=body)) == Header(52, "192.0.2.1", 4711)
    with pytest.raises(ProxyError, match="another family"):
        parse(b"PROXY TCP4 ::ffff:192.0.2.1 10.0.0.1 4711 995\r\n")
