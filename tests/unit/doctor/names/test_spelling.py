import pytest
from hypothesis import given, strategies

from gatepost.doctor.names.spelling import BadNameError, ascii_name, literal, split_address


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Mail.Example.COM", "mail.example.com"),
        (" mail.example.com. ", "mail.example.com"),
        ("_imaps._tcp.example.com", "_imaps._tcp.example.com"),
        ("Müller.example", "xn--mller-kva.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("straße.example", "xn--strae-oqa.example"),
        ("localhost", "localhost"),
    ],
)
def test_names_become_ascii(name, plain):
    assert ascii_name(name) == plain


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty label"),
        (".", "empty label"),
        ("mail..example.com", "empty label"),
        (".example.com", "empty label"),
        ("a" * 64 + ".example.com", "label too long"),
        ("ü" * 60 + ".example.com", "too long"),
        (".".join(["a" * 60] * 5), "name too long"),
        ("mail example.com", "character"),
        ("mail\x1b[31m.example.com", "character"),
        ("http://mail.example.com", "character"),
        ("☃\u2028.example", "not allowed"),
    ],
)
def test_what_cannot_be_a_name_says_why(name, why):
    with pytest.raises(BadNameError, match=why):
        ascii_name(name)


@given(strategies.text(max_size=80))
def test_only_bad_name_errors_escape_and_the_result_is_stable(text):
    try:
        plain = ascii_name(text)
    except BadNameError:
        return
    assert ascii_name(plain) == plain
    assert plain.isascii()


def test_literals():
    assert str(literal("[2001:db8::1]")) == "2001:db8::1"
    assert str(literal("192.0.2.1")) == "192.0.2.1"
    assert str(literal("fe80::1%eth0")) == "fe80::1%eth0"
    assert literal("mail.example.com") is None


def test_addresses_are_split_at_the_last_at():
    assert split_address(" me@Example.COM ") == ("me", "example.com")
    assert split_address('"a@b"@example.com') == ('"a@b"', "example.com")
    assert split_address("example.com") == ("", "example.com")
    with pytest.raises(BadNameError):
        split_address("me@")
