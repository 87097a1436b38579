import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.doctor.subject import EXAMINED, Subject, parse_subject, service_named
from gatepost.errors import InvalidValueError

SECRET = "hunter2-XYZZY"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("me@example.com", Subject("me@example.com")),
        ("  me@example.com\n", Subject("me@example.com")),
        ("me@[192.0.2.1]", Subject("me@[192.0.2.1]")),
        ("mailto:me@example.com?subject=x", Subject("me@example.com")),
        ("mail.example.com", Subject("mail.example.com")),
        ("mail.example.com:995", Subject("mail.example.com", 995)),
        ("pop3:110", Subject("pop3", 110)),
        ("192.0.2.1:25", Subject("192.0.2.1", 25)),
        ("2001:db8::1", Subject("2001:db8::1")),
        ("[2001:db8::1]", Subject("2001:db8::1")),
        ("[2001:db8::1]:993", Subject("2001:db8::1", 993)),
        ("pop3s://mail.example.com:10995", Subject("mail.example.com", 10995, "pop3s")),
        ("IMAPS://mail.example.com/INBOX", Subject("mail.example.com", None, "imaps")),
        ("smtps://mail.example.com", Subject("mail.example.com", None, "submissions")),
        ("imap://me%40example.com@[::1]:143/", Subject("::1", 143, "imap", "me@example.com")),
        ("müller.example", Subject("müller.example")),
    ],
)
def test_what_people_type(typed, expected):
    assert parse_subject(typed) == expected
    assert parse_subject(typed).is_address == ("@" in expected.subject)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Write a mail address"),
        ("a b", "Write a mail address"),
        ("x\x1b[2J", "ESCAPE (U+001B)"),
        ("a" * 321, "Write a mail address"),
        ("\udcff", "NO CHARACTER (U+DCFF)"),
        ("mailto:al%E2%80%8Bice@example.com", "ZERO WIDTH SPACE (U+200B)"),
        ("imaps://al%E2%80%8Bice@example.com", "ZERO WIDTH SPACE (U+200B)"),
        ("http://example.com", "It knows"),
        ("@example.com", "name@example.com"),
        ("me@", "name@example.com"),
        ("me@example.com:993", "--user"),
        ("[example.com]:993", "neither a host"),
        ("[::1]993", "neither a host"),
        (":993", "neither a host"),
        ("pop3s://", "neither a host"),
        ("host:", "1 to 65535"),
        ("host:0", "1 to 65535"),
        ("host:65536", "1 to 65535"),
        ("host:٣", "1 to 65535"),
        ("[::1]:x", "1 to 65535"),
    ],
)
def test_what_is_refused_with_a_way_out(typed, says):
    with pytest.raises(InvalidValueError) as caught:
        parse_subject(typed)
    problem, _, fix = str(caught.value).partition("\n")
    assert problem
    assert says in str(caught.value)
    assert fix


@pytest.mark.parametrize(
    "typed",
    [f"pop3s://me:{SECRET}@host", f"me:{SECRET}@host", f"host:{SECRET}", f"[{SECRET}]", f"x://{SECRET}", f"{SECRET} x"],
)
def test_what_may_be_a_password_is_never_repeated(typed):
    with pytest.raises(InvalidValueError) as caught:
        parse_subject(typed)
    assert SECRET not in str(caught.value)


@given(st.text(max_size=60))
def test_only_the_documented_error_escapes(typed):
    try:
        found = parse_subject(typed)
    except InvalidValueError:
        return
    assert found.subject
    assert found.port is None or 1 <= found.port <= 65_535


def test_services_are_found_by_name():
    assert {service.name for service in EXAMINED} >= {"pop3s", "imaps", "submission", "smtp"}
    assert service_named("POP3S").name == "pop3s"


@pytest.mark.parametrize("name", ["https", "gopher", ""])
def test_other_services_are_refused_with_the_list(name):
    with pytest.raises(InvalidValueError, match="It knows pop3s"):
        service_named(name)
