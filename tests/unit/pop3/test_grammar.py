import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.pop3 import grammar


@given(st.binary(max_size=60))
def test_base64_both_ways(data):
    assert grammar.from_base64(grammar.to_base64(data)) == data


@pytest.mark.parametrize("text", [b"A", b"AA", b"AB==\n", b"A===", b"QUI=QUI=", b"QR==", b" QQ==", b"\xff", b"QQ==="])
def test_what_is_not_base64(text):
    with pytest.raises(ValueError):
        grammar.from_base64(text)


@pytest.mark.parametrize(
    ("data", "end"),
    [(b"A: b\r\n\r\nbody", 8), (b"\r\nbody", 2), (b"A: b\r\n", -1), (b"", -1), (bytearray(b"A: b\r\n\r\n"), 8)],
)
def test_header_end(data, end):
    assert grammar.header_end(data) == end


@pytest.mark.parametrize(
    ("name", "good"), [("PLAIN", True), ("X" * 21, False), ("plain", False), ("A\n", False), ("", False)]
)
def test_mechanism_names(name, good):
    assert grammar.is_mechanism(name) is good
