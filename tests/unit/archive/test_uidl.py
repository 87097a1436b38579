from __future__ import annotations

import pytest

from gatepost.archive.uidl import Known, base, courier, dovecot, header_fields, valid, x_uidl


@pytest.mark.parametrize(
    ("uidl", "is_valid"), [("a", True), ("!~", True), ("", False), ("a b", False), ("x" * 71, False)]
)
def test_valid(uidl: str, *, is_valid: bool) -> None:
    assert (valid(uidl) is not None) is is_valid


@pytest.mark.parametrize("name", ["1.M2.host:2,FS", "1.M2.host", "1.M2.host;2,S", "1.M2.host!2,"])
def test_base(name: str) -> None:
    assert base(name) == "1.M2.host"


def test_dovecot_lists() -> None:
    text = (
        "3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1\n"
        "25006 P000000015c8b W2481 :1276528487.M364837P9451.kurkku,S=1355\n"
        "25017 :1276533073.M242911P3632.kurkku:2,F\n"
        "25018 Pbad\x7fone :odd\n"
        "nonsense\n"
        "x :y\n"
    )
    assert dovecot(text) == {
        "1276528487.M364837P9451.kurkku,S=1355": Known(25006, "000000015c8b"),
        "1276533073.M242911P3632.kurkku": Known(25017, "000061b94c0907b0"),
        "odd": Known(25018, None),
    }


def test_an_old_dovecot_list() -> None:
    assert dovecot("1 1173189136 20221\n20002 1.name:2,S\n") == {"1.name": Known(20002, "00004e2245ed7210")}


@pytest.mark.parametrize("text", ["", "garbage", "9 V1 N2\n1 :x"])
def test_what_is_no_dovecot_list(text: str) -> None:
    assert dovecot(text) == {}


def test_courier_lists() -> None:
    text = "/3 4 1234567890\n1.a:2,S 100 1:1234567890:0\n2.b 5 2:0\n3.c+'ü\udcff 5 0:0:1\nno line\n"
    assert courier(text) == {
        "1.a": Known(1, "UID1-1234567890"),
        "2.b": Known(2, "UID2"),
        "3.c+'ü\udcff": Known(0, "3.c+2B+27+C3+BC+FF"),
    }
    assert courier("/1 4\n1.a 100 1:1") == {}
    assert courier("") == {}


@pytest.mark.parametrize(
    ("data", "uidl"),
    [
        (b"X-UIDL: abc\n\nbody", "abc"),
        (b"A: b\r\nx-uidl:  abc \r\n\r\nX-UIDL: no", "abc"),
        (b"X-UIDL: a b\n\n", None),
        (b"X-UIDL: \xff\n\n", None),
        (b"A: b\n\nX-UIDL: no", None),
        (b"", None),
    ],
)
def test_x_uidl(data: bytes, uidl: str | None) -> None:
    assert x_uidl(data) == uidl


def test_the_last_field_counts() -> None:
    assert header_fields(b"Status: R\nStatus: O\n\n") == {b"status": b"O"}


HUGE = "1" * 5000


@pytest.mark.parametrize("digits", [HUGE, "\u00b2", "\u0661", "-1", "4294967296"])
def test_numbers_that_are_none_cost_only_their_line(digits: str) -> None:
    assert dovecot(f"3 V7 N9\n{digits} :a\n2 :b\n") == {"b": Known(2, "0000000200000007")}
    assert courier(f"/3 9 1\na 1 {digits}:7\nb 1 1:{digits}\nc 1 5:7\n") == {"c": Known(5, "UID5-7")}


def test_a_list_without_a_usable_uidvalidity_keeps_what_it_says_itself() -> None:
    assert dovecot(f"3 V{HUGE} N9\n1 Pmine :a\n2 :b\n") == {"a": Known(1, "mine"), "b": Known(2, None)}
