"""Whatever comes in first, only documented errors come out, and how it is cut into pieces changes nothing."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gatepost.config.settings import Limits
from gatepost.net.hello import Hello, HelloError, read_hello
from gatepost.net.proxy import SIGNATURE, Header, ProxyError, parse
from gatepost.net.shared_tally import SharedTally


def vector(width: int, data: bytes) -> bytes:
    return len(data).to_bytes(width) + data


hellos = st.builds(
    lambda name, protocols, extra: (
        b"\x03\x03"
        + bytes(32)
        + b"\0"
        + vector(2, b"\x13\x01")
        + b"\1\0"
        + vector(
            2,
            b"\0\0"
            + vector(2, vector(2, b"\0" + vector(2, name.encode())))
            + b"\0\x10"
            + vector(2, vector(2, b"".join(vector(1, each.encode()) for each in protocols)))
            + b"\xff\x01"
            + vector(2, extra),
        ),
        Hello(name, tuple(protocols)),
    ),
    st.text("abcxyz019.-", min_size=1, max_size=40),
    st.lists(st.text("abcxyz019/.", min_size=1, max_size=10), max_size=4),
    st.binary(max_size=200),
)


@given(hellos, st.integers(40, 400))
def test_hello_survives_any_fragments(made: tuple[bytes, Hello], size: int) -> None:
    body, expected = made
    message = b"\x01" + vector(3, body)
    data = b"".join(
        b"\x16\x03\x01" + vector(2, message[start : start + size]) for start in range(0, len(message), size)
    )
    assert read_hello(data) == expected
    assert read_hello(data[:-1]) is None


@given(st.binary(max_size=300), st.booleans())
def test_hello_raises_its_own_error_only(data: bytes, framed: bool) -> None:
    with suppress(HelloError):
        read_hello(b"\x16\x03\x01" + vector(2, b"\x01" + vector(3, data)) if framed else data)


@given(st.binary(max_size=300), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"]))
def test_proxy_raises_its_own_error_only(data: bytes, start: bytes) -> None:
    with suppress(ProxyError):
        parse(start + data)


addresses = st.builds(IPv4Address, st.integers(0, 2**32 - 1)) | st.builds(IPv6Address, st.integers(0, 2**128 - 1))


@given(addresses, st.integers(0, 65535), st.binary(max_size=50), st.booleans())
def test_proxy_round_trip(address: IPv4Address | IPv6Address, port: int, rest: bytes, binary: bool) -> None:
    if binary:
        family = 0x11 if address.version == 4 else 0x21
        body = address.packed * 2 + port.to_bytes(2) + b"\0\1"
        header = SIGNATURE + bytes((0x21, family)) + vector(2, body)
    else:
        header = f"PROXY TCP{address.version} {address} {address} {port} 1\r\n".encode()
    assert parse(header + rest) == Header(len(header), str(address), port)
    for end in range(len(header)):
        assert parse(header[:end]) is None


class Counting(RuleBasedStateMachine):
    """The shared tally against a dictionary: workers that come, go and die."""

    MOST = 3

    def __init__(self) -> None:
        super().__init__()
        self.tally = SharedTally(Limits(connections_per_address=self.MOST, allow=()), 3, clock=lambda: 1.0)
        self.open: dict[tuple[int, str], int] = {}

    def total(self, address: str) -> int:
        return sum(count for (_, each), count in self.open.items() if each == address)

    @rule(worker=st.integers(0, 2), address=st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]))
    def connect(self, worker: int, address: str) -> None:
        self.tally.bind_worker(worker)
        welcome = self.tally.connect(address)
        assert welcome == (self.total(address) < self.MOST)
        if welcome:
            self.open[worker, address] = self.open.get((worker, address), 0) + 1

    @rule(worker=st.integers(0, 2), address=st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]))
    def disconnect(self, worker: int, address: str) -> None:
        self.tally.bind_worker(worker)
        self.tally.disconnect(address)
        if self.open.get((worker, address)):
            self.open[worker, address] -= 1

    @rule(worker=st.integers(0, 2))
    def die(self, worker: int) -> None:
        self.tally.forget_worker(worker)
        self.open = {key: count for key, count in self.open.items() if key[0] != worker}

    @invariant()
    def nobody_is_over_the_limit(self) -> None:
        assert all(self.total(address) <= self.MOST for _, address in self.open)


TestCounting = Counting.TestCase
TestCounting.settings = settings(max_examples=15, stateful_step_count=20)
