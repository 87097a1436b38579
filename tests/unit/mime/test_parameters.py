from __future__ import annotations

import pytest

from gatepost.mime.parameters import MOST, media_type, parameter, parameters, token


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain", (b"text", b"plain")),
        (b" Text / HTML ; charset=x", (b"text", b"html")),
        (b"text", (b"", b"")),
        (b"text/", (b"", b"")),
        (b"/plain", (b"", b"")),
        (b"", (b"", b"")),
        (b"x" * 300 + b"/plain", (b"", b"")),
    ],
)
def test_media_type(value: bytes, expected: tuple[bytes, bytes]) -> None:
    assert media_type(value) == expected


def test_token() -> None:
    assert token(b"  Attachment; filename=x") == b"attachment"
    assert token(b";") == b""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain", ()),
        (b"text/plain; Charset=utf-8", ((b"charset", b"utf-8"),)),
        (b'a/b; x="q \\"r\\\\"; y=z', ((b"x", b'q "r\\'), (b"y", b"z"))),
        (b'a/b; x="never closed; y=1', ((b"x", b"never closed; y=1"),)),
        (b"a/b;;; ;x = 1 (comment); y=", ((b"x", b"1"), (b"y", b""))),
        (b'a/b; x="a;b"; y', ((b"x", b"a;b"),)),
        (b'a/b; =1; x="', ((b"x", b""),)),
    ],
)
def test_parameters(value: bytes, expected: tuple[tuple[bytes, bytes], ...]) -> None:
    assert parameters(value) == expected


def test_continued_parameters_are_put_together_in_order() -> None:
    values = parameters(b'm/m; boundary*1="b"; boundary*0*=a; boundary*2=c; boundaryx=no; boundary*z=no')
    assert parameter(values, b"boundary") == b"abc"
    assert parameter(values, b"charset") == b""
    assert parameter(((b"boundary*0", b"no"), (b"boundary", b"yes")), b"boundary") == b"yes"


def test_a_hundred_thousand_continuations_and_semicolons_are_bounded() -> None:
    storm = b"m/m" + b"".join(b"; name*%d=x" % n for n in range(100_000))
    assert len(parameters(storm)) == MOST
    assert parameters(b"m/m" + b";" * 100_000 + b" boundary=x") == ((b"boundary", b"x"),)
    assert parameters(b"m/m" + b"; a" * 100_000 + b"; boundary=x") == ((b"boundary", b"x"),)
