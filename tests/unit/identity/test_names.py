import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.errors import InvalidValueError
from gatepost.identity.names import (
    LoginName,
    parse_address,
    parse_alias,
    parse_domain,
    parse_login,
    refuse_hidden,
    shown,
)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Example.COM", "example.com"),
        ("localhost", "localhost"),
        ("a-b.x1", "a-b.x1"),
        ("xn--mller-kva.de", "m\u00fcller.de"),
        ("M\u00dcLLER.de", "m\u00fcller.de"),
        ("stra\u00dfe.de", "stra\u00dfe.de"),
        ("mu\u0308ller.de", "m\u00fcller.de"),
        ("\u4f8b\u3048.jp", "\u4f8b\u3048.jp"),
        ("l\u00b7l.cat", "l\u00b7l.cat"),
    ],
)
def test_domains_have_one_form(text: str, domain: str) -> None:
    assert parse_domain(text) == domain
    assert parse_domain(domain) == domain


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "a..b", ".com", "com.", "-a.com", "a-.com", "a_b.com", "a b.com", "ab--c.com", "[192.0.2.1]",
        "192.0.2.1", "a" * 64 + ".com", ".".join(["abcdefgh"] * 30), "xn--a", "xn--\u00fc", "xn--a-.com", "a\0.com",
        "a\r\n.com", "\u200d.com", "-\u00fc.com", "\u00fc" * 60 + ".com", "\u2603.com", "xn--999999999", "a/b.com",
    ],
)  # fmt: skip
def test_other_domains_are_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        parse_domain(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Alice@Example.com", "alice@example.com"),
        ("first.last+tag@example.com", "first.last+tag@example.com"),
        ("o'neil_#%@example.com", "o'neil_#%@example.com"),
        ("J\u00d6RG@example.com", "j\u00f6rg@example.com"),
        ("jo\u0308rg@example.com", "j\u00f6rg@example.com"),
        ("\u7528\u6237@\u4f8b\u3048.jp", "\u7528\u6237@\u4f8b\u3048.jp"),
    ],
)
def test_addresses_have_one_form(text: str, address: str) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("alice", "no @"),
        ("@example.com", "before the @"),
        ("a@b@example.com", "domain name"),
        ("a b@example.com", "spaces"),
        ('"a b"@example.com', "quotes"),
        ("a/b@example.com", "spaces, quotes, /"),
        ("../../etc/passwd@example.com", "quotes, /"),
        (".a@example.com", "dot"),
        ("a.@example.com", "dot"),
        ("a..b@example.com", "dot"),
        ("a\0@example.com", r"CONTROL CHARACTER \(U\+0000\)"),
        ("a\r\nb@example.com", "CARRIAGE RETURN"),
        ("a\u200bb@example.com", r"ZERO WIDTH SPACE \(U\+200B\)"),
        ("a\u00a0b@example.com", "NO-BREAK SPACE"),
        ("a\ud800@example.com", "NO CHARACTER"),
        ("x" * 65 + "@example.com", "64"),
        ("x" * 60 + "@" + ".".join(["abcdefghi"] * 20) + ".com", "254"),
    ],
)
def test_other_addresses_are_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(InvalidValueError, match=why) as caught:
        parse_address(text)
    assert str(caught.value).replace("\n", "").isprintable()


@pytest.mark.parametrize("parse", [parse_address, parse_alias, parse_login, parse_domain])
@pytest.mark.parametrize("odd", ["\u200b", "\u202e", "\xad", "\ufeff", "\xa0", "\x1b"])
def test_what_nobody_sees_in_a_name_is_named(parse: Callable[[str], object], odd: str) -> None:
    for typed in ("alice@exam" + odd + "ple.com", "al" + odd + "ice@example.com"):
        with pytest.raises(InvalidValueError, match=re.escape(f"(U+{ord(odd):04X})")) as caught:
            parse(typed)
        assert "type it anew" in str(caught.value)
        assert odd not in str(caught.value)


def test_what_looks_like_another_letter_is_named_where_names_are_made() -> None:
    for typed in ("\uff41lice@example.com", "alice\ufe0f@example.com", "\U0001d41alice@example.com"):
        with pytest.raises(InvalidValueError, match=r"\(U\+"):
            refuse_hidden(typed)
    refuse_hidden("j\xf6rg@example.com")


@pytest.mark.parametrize("domain", ["a." * 500, "\u4e00" * 300, "xn--" + "a" * 60, "\u4e00." * 130, "xn--4ca." * 40])
def test_what_is_too_long_is_refused_before_the_work_of_punycode(domain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepost.identity.names._label", pytest.fail)
    with pytest.raises(InvalidValueError, match="too long"):
        parse_domain(domain)


def test_an_alias_may_be_a_whole_domain() -> None:
    assert parse_alias("@Example.com") == "@example.com"
    assert parse_alias("Sales@example.com") == "sales@example.com"
    with pytest.raises(InvalidValueError):
        parse_alias("@")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Alice", LoginName("alice@example.org")),
        ("alice@Example.com", LoginName("alice@example.com")),
        ("alice@example.com/Archive", LoginName("alice@example.com", "Archive")),
        ("alice/Archive/2026", LoginName("alice@example.org", "Archive/2026")),
        ("alice@example.com/a@b", LoginName("alice@example.com", "a@b")),
        ("alice@example.com/", LoginName("alice@example.com", "")),
        ("alice@example.com/Entwu\u0308rfe", LoginName("alice@example.com", "Entw\u00fcrfe")),
    ],
)
def test_logins(text: str, name: LoginName) -> None:
    assert parse_login(text, "example.org") == name


@pytest.mark.parametrize(
    "text", ["", "/x", "alice@", "@", "alice@example.com/a\nb", "alice/" + "x" * 256, "a' OR 1=1 --"]
)
def test_other_logins_are_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        parse_login(text, "example.org")


def test_a_bare_login_needs_a_default_domain() -> None:
    with pytest.raises(InvalidValueError, match="full mail address"):
        parse_login("alice")


@settings(max_examples=200)
@given(st.text(max_size=30), st.text(max_size=10))
def test_parsing_any_text_gives_one_form_or_the_documented_error(text: str, folder: str) -> None:
    try:
        name = parse_login(f"{text}@example.com/{folder}")
    except InvalidValueError:
        return
    assert parse_address(name.login) == name.login
    assert name.login.isprintable()
    assert "/" not in name.login


@given(st.text())
def test_shown_text_is_harmless(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 254
