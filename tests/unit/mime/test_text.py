from __future__ import annotations

import pytest

from gatepost.mime.text import HTML_OCTETS, PLAIN_OCTETS, PREVIEW, content, preview, window


@pytest.mark.parametrize(
    ("data", "encoding", "charset", "subtype", "text"),
    [
        (b"Hello\r\n  world", b"7bit", b"", b"plain", "Hello world"),
        (b"Gr=C3=BC=\r\n=C3=9Fe", b"quoted-printable", b"utf-8", b"plain", "Grüße"),
        (b"SGVs\r\nbG8=", b"base64", b"us-ascii", b"plain", "Hello"),
        (b"SGVsbG8=garbage!!", b"base64", b"", b"plain", "Hello"),
        (b"=ZZ=", b"quoted-printable", b"", b"plain", "=ZZ"),
        (b"\xfc", b"8bit", b"iso-8859-1", b"plain", "ü"),
        (b"\xfc", b"8bit", b"\xff", b"plain", "\N{REPLACEMENT CHARACTER}"),
        (b"x", b"x-unknown", b"x-unknown", b"plain", "x"),
        (b"<style>p{}</style><p>Hi &amp; <b>bye</b></p><!-- no -->", b"7bit", b"", b"html", "Hi & bye"),
        (b"<script>never closed", b"7bit", b"", b"html", ""),
        (b"a<!-- never closed", b"7bit", b"", b"html", "a"),
        (b"a <b", b"7bit", b"", b"html", "a"),
        (b"a&#65;&#x42; &#0065;", b"7bit", b"", b"html", "aAB A"),
        (b"a&#" + b"1" * 4301 + b";b&#X" + b"f" * 5000, b"7bit", b"", b"html", "a\ufffdb\ufffd"),
    ],
)
def test_preview(data: bytes, encoding: bytes, charset: bytes, subtype: bytes, text: str) -> None:
    assert preview(data, encoding, charset, subtype).rstrip("=") == text


def test_a_preview_is_short() -> None:
    assert len(preview(b"word " * 1000, b"7bit", b"", b"plain")) <= PREVIEW


def test_windows() -> None:
    assert (window(b"plain"), window(b"html")) == (PLAIN_OCTETS, HTML_OCTETS)


def test_content_of_an_unknown_encoding_is_as_it_stands() -> None:
    assert content(b"a=3D", b"7bit") == b"a=3D"
