from __future__ import annotations

import re

import pytest

from gatepost.mime.downgrade import FIELD_OCTETS, FIELDS, OCTETS, ascii_size, surrogate
from gatepost.mime.headers import header_end, unfold
from gatepost.mime.words import WORD, decode_words, encode_words


def lowered(field: str) -> str:
    return surrogate(f"{field}\r\n".encode()).decode("ascii").removesuffix("\r\n")


def word(text: str) -> str:
    return b"".join(encode_words(text)).decode()


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("From: Fred <fred@EXÄMPLE.com>", "From: Fred:;"),
        ("From: fréd@example.com", "From: internationalized-address:;"),
        ("From: <fréd@example.com>", "From: internationalized-address:;"),
        ("From: Frédéric <fred@example.com>", f"From: {word('Frédéric')} <fred@example.com>"),
        ("From: Frédéric <frédéric@example.com>", f"From: {word('Frédéric')}:;"),
        ('To: a@x, é@y, "B, C" <b@z>', 'To: <a@x>,\r\n internationalized-address:;,\r\n "B, C" <b@z>'),
        ("To: Großes: a@x, é@y;", "To: <a@x>,\r\n internationalized-address:;"),
        ("Cc: Größe:;, a@x", f"Cc: {word('Größe')}:;,\r\n <a@x>"),
        ("Cc: é local", "Cc: internationalized-address:;"),
        ("Resent-To: nöbody", "Resent-To: internationalized-address:;"),
        ("Subject: Grüße", f"Subject: {word('Grüße')}"),
        ("SUBJECT : Grüße", f"SUBJECT : {word('Grüße')}"),
        ("X-Whatever: ü", f"X-Whatever: {word('ü')}"),
        (
            "Content-Type: text/plain; name=ü; charset=utf-8",
            "Content-Type: text/plain;\r\n name*=utf-8''%C3%BC;\r\n charset=\"utf-8\"",
        ),
        ("Content-Type: text/plain; name*=ü", "Content-Type: text/plain"),
        ("Content-Type: text/plain; nüme=x", "Content-Type: text/plain"),
        ("Content-Type: text/pläin", ""),
        (
            'Content-Disposition: attachment; filename="a \\" ü"',
            "Content-Disposition: attachment;\r\n filename*=utf-8''a%20%22%20%C3%BC",
        ),
        ("Content-Disposition: attachment; filename=" + "ü" * 200, "Content-Disposition: attachment"),
        (
            "Content-Disposition: attachment; filename=ü; filename*=utf-8''%C3%BC",
            "Content-Disposition: attachment;\r\n filename*=utf-8''%C3%BC",
        ),
        ("Content-Type: a/b; name*=utf-8''a\"b; x=ü", "Content-Type: a/b;\r\n name*=utf-8''a;\r\n x*=utf-8''%C3%BC"),
        ('Content-Type: a/b; name*="a b"; x=ü', "Content-Type: a/b;\r\n name*=\"a b\";\r\n x*=utf-8''%C3%BC"),
        ("Received: from ü by x", ""),
        ("Sübject: x", ""),
        ("no colon ü", ""),
        ("X-Long: ü" + "x" * FIELD_OCTETS, ""),
    ],
)
def test_fields(field: str, expected: str) -> None:
    assert lowered(field) == expected


def test_ascii_fields_and_the_empty_line_stay_as_they_are() -> None:
    header = "Received: by x;\r\n\tdate\r\nSubject: Grüße\r\nX-Keep:  odd  \r\n\r\n".encode()
    result = surrogate(header)
    assert result.isascii()
    assert result.startswith(b"Received: by x;\r\n\tdate\r\nSubject: =?utf-8?B?")
    assert result.endswith(b"\r\nX-Keep:  odd  \r\n\r\n")
    assert header_end(result) == len(result)


TEXTS = {
    "koi8-r": "Привет", "windows-1251": "Привет", "gb2312": "你好", "shift_jis": "こんにちは", "euc-kr": "안녕",
    "iso-8859-1": "Grüße", "iso-8859-2": "žluťoučký", "iso-8859-7": "Καλημέρα", "windows-1252": "“x”",
}  # fmt: skip


@pytest.mark.parametrize(("charset", "text"), TEXTS.items())
def test_what_is_no_utf_8_stays_as_it_came(charset: str, text: str) -> None:
    fields = ("Subject: {}", "From: {} <a@example.com>", 'Content-Type: a/b; name="{}"', "X-Any: =?utf-8?Q?a?= {}")
    for field in fields:
        raw = field.format(text).encode(charset) + b"\r\n"
        assert surrogate(raw + b"\r\n") == raw + b"\r\n"
        assert ascii_size(raw + b"\r\n", 1000) == 0
        both = raw + "Subject: Grüße\r\n\r\n".encode()
        assert surrogate(both) == raw + b"Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n\r\n"
        assert ascii_size(both, 1000) == 1000 - len(both) + len(surrogate(both))


@pytest.mark.parametrize(
    "field",
    [
        "a =?utf-8?Q?b?= grüß =?utf-8?B?Yw==?= d",
        "ü =?koi8-r?B?8NLJ18XU?=",
        "=?utf-8?Q?b?= =?utf-8?Q?c?= ü",
        "=?utf-8?Q?=C3=BC?=é",
    ],
)
def test_encoded_words_are_not_encoded_again(field: str) -> None:
    result = surrogate(f"Subject: {field}\r\nFrom: {field} <a@x>\r\n\r\n".encode())
    assert result.isascii()
    shown = decode_words(field.encode())
    subject, sender = (unfold(one).partition(b":")[2].strip() for one in re.split(rb"\r\n(?=[A-Z])", result.rstrip()))
    assert decode_words(subject) == shown
    assert decode_words(sender.removesuffix(b" <a@x>")) == shown
    assert all(known[0] in result for known in WORD.finditer(field.encode()))


def test_fields_beyond_the_limits() -> None:
    many = "X-A: ü\r\n\tü\r\n".encode() * (FIELDS + 10)
    keep = b"X-B: plain\r\n folded\r\n\r\n"
    assert surrogate(many + keep).endswith(keep)
    assert surrogate(many + bytes(set(range(32)) - {10, 13}) + keep).isascii()
    raw = b"X-C: \xe9\r\n" + keep
    assert surrogate(many + raw).endswith("X-A: ü\r\n\tü\r\n".encode() + raw)
    every = bytes(range(32)).replace(b"\r", b"").replace(b"\n", b"")
    assert surrogate(many + b"X-D: " + every + b"\r" + "ü\n".encode() + keep).endswith(b"=\r\n\r\n")


def test_so_many_octets_are_converted() -> None:
    field = f"X-A: {'ü' * 20_000}\r\n".encode()
    assert surrogate(field * 10 + b"\r\n").count(b"X-A:") == OCTETS // len(field) + 1


def test_a_surrogate_is_never_empty() -> None:
    assert surrogate("ü".encode()) == b"\r\n"
    assert ascii_size("ü".encode(), 2) == 2


def test_long_subjects_are_folded() -> None:
    result = surrogate(f"Subject: {'ü' * 500}\r\n\r\n".encode())
    assert max(map(len, result.split(b"\r\n"))) < 90
    assert decode_words(result[8:].replace(b"\r\n", b"")) == "ü" * 500


def test_an_ascii_header_is_its_own_surrogate() -> None:
    header = b"Subject: x\r\n\r\n"
    assert surrogate(header) is header
    assert ascii_size(header, 100) == 0


def test_the_size_is_that_of_the_surrogate() -> None:
    header = "Subject: ü\r\n\r\n".encode()
    assert ascii_size(header, 100) == 100 - len(header) + len(surrogate(header))


def test_only_so_many_fields_are_converted() -> None:
    header = "X-A: ü\r\n".encode() * (FIELDS + 10) + b"X-B: plain\r\n\r\n"
    result = surrogate(header)
    assert result.count(b"X-A:") == FIELDS
    assert b"X-B: plain" in result
