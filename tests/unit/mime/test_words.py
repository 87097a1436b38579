from __future__ import annotations

import pytest

from gatepost.mime.words import SHOWN, base64_octets, clean, decode, decode_words, encode_words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        ("Grüße".encode(), "Grüße"),
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?ISO-8859-1?q?a_b?= =?utf-8?B?w7w=?= c", "a bü c"),
        (b"x =?utf-8*de?B?w7w=?= y", "x ü y"),
        (b"=?nonsense?Q?a=C3=BC?=", "aü"),
        (b"=?utf-7?Q?+ADw-script+AD4-?=", "+ADw-script+AD4-"),
        (b"=?punycode?Q?abc?=", "abc"),
        (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        (b"=?utf-8?B?w7w?=", "ü"),
        (b"=?utf-8?B?!!!!?=", ""),
        (b"=?utf-8?Q?=ff?=", "\N{REPLACEMENT CHARACTER}"),
        (b"a\x1b[31mb\xe2\x80\xaec", "a [31mb c"),
        (b"=?utf-8?Q?line=0Abreak?=", "line break"),
    ],
)
def test_decode_words(value: bytes, text: str) -> None:
    assert decode_words(value) == text


def test_a_million_words_are_bounded() -> None:
    assert len(decode_words(b"=?utf-8?Q?a?= " * 1_000_000)) < SHOWN


def test_charsets() -> None:
    assert decode(b"\x80", "ISO-8859-1") == "€"
    assert decode("漢字".encode("gb18030"), "gb2312") == "漢字"
    assert decode(b"abc", "zlib_codec") == "abc"


@pytest.mark.parametrize(
    ("text", "octets"), [(b"YQ==", b"a"), (b"Y Q\n", b"a"), (b"YWJj", b"abc"), (b"YWJjZ", b"abc"), (b"Z", b"")]
)
def test_base64_garbage_gives_what_it_can(text: bytes, octets: bytes) -> None:
    assert base64_octets(text) == octets


def test_clean_is_one_printable_line() -> None:
    assert clean("a\t\r\nb\x00c  d") == "a b c d"
    assert clean("abc", 2) == "ab"


@pytest.mark.parametrize("text", ["", "ü", "ü" * 200, "😀" * 50, "a" * 100])
def test_encoded_words_fit_and_decode(text: str) -> None:
    words = encode_words(text)
    assert all(len(word) <= 75 and word.isascii() for word in words)
    assert decode_words(b" ".join(words)) == text
