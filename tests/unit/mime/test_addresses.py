from __future__ import annotations

import pytest

from gatepost.mime.addresses import GROUP_END, MOST, Address, addresses


def one(name: bytes | None, mailbox: bytes, host: bytes, route: bytes | None = None) -> Address:
    return Address(name, route, mailbox, host)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", ()),
        (b"fred@example.com", (one(None, b"fred", b"example.com"),)),
        (b"<fred@example.com>", (one(None, b"fred", b"example.com"),)),
        (b"Fred Foo <fred@example.com>", (one(b"Fred Foo", b"fred", b"example.com"),)),
        (b'"Foo, Fred" <fred@example.com>', (one(b"Foo, Fred", b"fred", b"example.com"),)),
        (b'"say \\"hi\\"" <f@x>', (one(b'say "hi"', b"f", b"x"),)),
        (b"fred@example.com (Fred Foo)", (one(b"Fred Foo", b"fred", b"example.com"),)),
        (b"Fred (a (nested) comment) <f@x>", (one(b"Fred", b"f", b"x"),)),
        (b"(lead (er)) <f@x>", (one(b"lead er", b"f", b"x"),)),
        (b'"(no comment)" f (a \\( b) <f@x>', (one(b"(no comment) f", b"f", b"x"),)),
        (b"f@x) , g@y", (one(None, b"f", b"x)"), one(None, b"g", b"y"))),
        (b"f@x (never closed, g@y", (one(b"never closed, g@y", b"f", b"x"),)),
        (b"a@x, , b@y,", (one(None, b"a", b"x"), one(None, b"b", b"y"))),
        (b"John Q. Public <j@x>, k@y", (one(b"John Q. Public", b"j", b"x"), one(None, b"k", b"y"))),
        (b"<@a,@b:f@x>", (one(None, b"f", b"x", b"@a,@b"),)),
        (b'"a b"@x', (one(None, b'"a b"', b"x"),)),
        (b'N <"a>b"@x>', (one(b"N", b'"a>b"', b"x"),)),
        (b"f @ x", (one(None, b"f", b"x"),)),
        (b"f@[IPv6:::1]", (one(None, b"f", b"[IPv6:::1]"),)),
        (b"postmaster", (one(None, b"postmaster", b""),)),
        (b"<>", (one(None, b"", b""),)),
        (b"N <f@x", (one(b"N", b"f", b"x"),)),
        (b'"never closed <f@x>', (one(None, b'"never closed <f@x>'.partition(b"@")[0], b"x>"),)),
        ("Jürgen <j@ü.example>".encode(), (one("Jürgen".encode(), b"j", "ü.example".encode()),)),
        (b"undisclosed-recipients:;", (Address(None, None, b"undisclosed-recipients", None), GROUP_END)),
        (
            b"My Friends: a@x, B <b@y>; c@z",
            (
                Address(None, None, b"My Friends", None),
                one(None, b"a", b"x"),
                one(b"B", b"b", b"y"),
                GROUP_END,
                one(None, b"c", b"z"),
            ),
        ),
        (b"G: a@x", (Address(None, None, b"G", None), one(None, b"a", b"x"), GROUP_END)),
        (b"G: H: a@x;", (Address(None, None, b"G", None), one(None, b"Ha", b"x"), GROUP_END)),
        (b"a@x; b@y", (one(None, b"a", b"x"), one(None, b"b", b"y"))),
    ],
)
def test_addresses(value: bytes, expected: tuple[Address, ...]) -> None:
    assert addresses(value) == expected


def test_a_million_addresses_are_bounded() -> None:
    assert len(addresses(b"a@x," * 1_000_000)) == MOST


@pytest.mark.parametrize("storm", [b"(" * 50_000, b"<" * 50_000, b'"' * 50_001, b"((a)" * 20_000, b'\\"' * 50_000])
def test_unclosed_storms_end(storm: bytes) -> None:
    assert len(addresses(storm)) <= 1
