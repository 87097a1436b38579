from __future__ import annotations

import ssl

import pytest

from gatepost.net.hello import MOST_OCTETS, MOST_RECORDS, Hello, HelloError, read_hello


def real_hello(name: str | None = "mail.example.com", protocols: tuple[str, ...] = ()) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def records(message: bytes, size: int) -> bytes:
    return b"".join(record(message[start : start + size]) for start in range(0, len(message), size))


def record(fragment: bytes) -> bytes:
    return b"\x16\x03\x01" + len(fragment).to_bytes(2) + fragment


def vector(width: int, data: bytes) -> bytes:
    return len(data).to_bytes(width) + data


def hello(extensions: bytes | None = b"") -> bytes:
    body = b"\x03\x03" + bytes(32) + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0")
    if extensions is not None:
        body += vector(2, extensions)
    return b"\x01" + vector(3, body)


def sni(*names: tuple[int, bytes]) -> bytes:
    entries = b"".join(bytes((kind,)) + vector(2, name) for kind, name in names)
    return b"\0\0" + vector(2, vector(2, entries))


def test_what_openssl_sends() -> None:
    assert read_hello(real_hello()) == Hello("mail.example.com")
    assert read_hello(real_hello("MAIL.example.com", ("h2", "pop3"))) == Hello("mail.example.com", ("h2", "pop3"))
    assert read_hello(real_hello(None)) == Hello()


def test_every_beginning_of_it_wants_more() -> None:
    data = real_hello()
    for end in range(len(data)):
        assert read_hello(data[:end]) is None
    assert read_hello(data + b"more") == Hello("mail.example.com")


def test_split_over_records() -> None:
    message = real_hello(protocols=("pop3",))[5:]
    assert read_hello(records(message, len(message) // 10)) == Hello("mail.example.com", ("pop3",))
    with pytest.raises(HelloError, match="pieces"):
        read_hello(records(message, len(message) // (2 * MOST_RECORDS)))


def test_no_extensions() -> None:
    assert read_hello(record(hello(None))) == Hello()
    assert read_hello(record(hello(b""))) == Hello()


@pytest.mark.parametrize("name", [b"", b"a b", b"x\0y", b"a\r\nb", b"\xff\xfe", b"y" * 256])
def test_names_that_are_none(name: bytes) -> None:
    assert read_hello(record(hello(sni((0, name))))) == Hello()


def test_the_first_host_name_counts() -> None:
    assert read_hello(record(hello(sni((7, b"other"), (0, b"One.test"), (0, b"two.test"))))) == Hello("one.test")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"USER alice\r\n", "not TLS"),
        (b"\x17\x03\x03\0\1x", "not TLS"),
        (record(b"\x02\0\0\0"), "ClientHello"),
        (record(b"\x01\0\0\5abcde"), "cut short"),
        (record(hello(b"\0\0\0\x09abc")), "cut short"),
        (record(hello(b"\0\0" + vector(2, b"\0\x20abc"))), "cut short"),
        (b"\x16\x03\x01\xff\xff" + bytes(MOST_OCTETS + 1), "too long"),
        (record(b"\x01\xff\xff\xff"), "too long"),
    ],
)
def test_what_is_none(data: bytes, why: str) -> None:
    with pytest.raises(HelloError, match=why):
        read_hello(data)
