import pytest

from gatepost.errors import InvalidValueError
from gatepost.sasl.prepare import (
    checked_authzid,
    checked_name,
    checked_password,
    decode,
    escape_name,
    opaque_string,
    unescape_name,
)
from gatepost.sasl.steps import MAX_MESSAGE, MAX_NAME, MAX_PASSWORD, SaslError


@pytest.mark.parametrize(
    ("typed", "prepared"),
    [
        ("correct horse battery staple", "correct horse battery staple"),  # RFC 8265 §4.3, examples 12 to 15
        ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
        ("\u03c0\u00df\u00e5", "\u03c0\u00df\u00e5"),
        ("Jack of \u2666s", "Jack of \u2666s"),
        ("foo\u1680bar", "foo bar"),
        ("a\u0308", "\u00e4"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
        ("\u5bc6\u7801 \ud55c", "\u5bc6\u7801 \ud55c"),
    ],
)
def test_opaque_string_keeps_case_and_joins_spaces_and_accents(typed: str, prepared: str) -> None:
    assert opaque_string(typed) == prepared
    assert opaque_string(prepared) == prepared


@pytest.mark.parametrize(
    "typed",
    [
        "", "my cat is a \tby", "a\x00b", "a\r\nb", "a\x7f", "zero\u200bwidth", "\u200djoin", "a\u200cb", "vs\ufe0f",
        "\u1100\u1161x\u1100", "\ue000", "\ud800", "\u0378", "\ufdd0", "x" * (MAX_PASSWORD + 1),
    ],
)  # fmt: skip
def test_opaque_string_refuses_what_cannot_be_typed_again(typed: str) -> None:
    with pytest.raises(InvalidValueError, match="password"):
        opaque_string(typed)


def test_decode_is_bounded_and_strict() -> None:
    assert decode("ä".encode()) == "ä"
    with pytest.raises(SaslError, match="UTF-8"):
        decode(b"\xc3")
    with pytest.raises(SaslError, match="4096"):
        decode(b"x" * (MAX_MESSAGE + 1))


@pytest.mark.parametrize("name", ["", "a\0b", "x" * (MAX_NAME + 1)])
def test_names_have_bounds(name: str) -> None:
    with pytest.raises(SaslError):
        checked_name(name)
    if name:
        with pytest.raises(SaslError):
            checked_authzid(name)


def test_an_authorization_identity_may_be_empty() -> None:
    assert checked_authzid("") == ""
    assert checked_authzid("a") == "a"


@pytest.mark.parametrize("password", ["", "a\0b", "x" * (MAX_PASSWORD + 1)])
def test_passwords_have_bounds(password: str) -> None:
    with pytest.raises(SaslError) as caught:
        checked_password(password)
    assert not password or password not in str(caught.value)


def test_a_password_stays_as_it_came() -> None:
    assert checked_password(" pa\u0308ss ") == " pa\u0308ss "


def test_saslname_escapes_equals_and_comma() -> None:
    assert escape_name("a=b,c") == "a=3Db=2Cc"
    assert unescape_name("a=3Db=2Cc") == "a=b,c"
    assert unescape_name("=3D2C") == "=2C"


@pytest.mark.parametrize("text", ["a=b", "a=", "=2c", "=3d", "a=2", ""])
def test_a_stray_equals_is_refused(text: str) -> None:
    with pytest.raises(SaslError):
        unescape_name(text)
