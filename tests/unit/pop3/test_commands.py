import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.pop3 import commands as c
from gatepost.pop3.parse import command, response

NUMBER = st.integers(0, 10**12)
TEXT = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), min_size=1)
COMMAND = st.one_of(
    st.sampled_from([*c.PLAIN_VERBS.values(), c.Apop(), c.ListMechanisms(), c.Lang(), c.ListSizes(), c.Uidl()]),
    st.builds(c.Retr, NUMBER), st.builds(c.Dele, NUMBER), st.builds(c.ListSizes, NUMBER), st.builds(c.Uidl, NUMBER),
    st.builds(c.Top, NUMBER, NUMBER), st.builds(c.Pass, TEXT), st.builds(c.Lang, st.sampled_from(["*", "de", "en-US"])),
    st.builds(c.User, TEXT.map(lambda name: name.strip(" ")).filter(bool)),
    st.builds(c.Auth, st.sampled_from(["PLAIN", "SCRAM-SHA-256-PLUS"]), st.none() | st.binary(max_size=30)),
)  # fmt: skip


@given(COMMAND)
def test_what_is_encoded_parses_to_the_same(value):
    line = c.encode(value)
    assert line.endswith(b"\r\n")
    assert command(line[:-2]) == value


@given(st.builds(c.Response, st.binary(max_size=40)) | st.just(c.Abort()))
def test_responses_both_ways(value):
    assert response(c.encode(value)[:-2]) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (c.Pass("open sesame"), b"PASS ***\r\n"),
        (c.Auth("PLAIN", b"secret"), b"AUTH PLAIN ***\r\n"),
        (c.Auth("PLAIN", b""), b"AUTH PLAIN ***\r\n"),
        (c.Auth("PLAIN"), b"AUTH PLAIN\r\n"),
        (c.Response(b"secret"), b"***\r\n"),
        (c.Abort(), b"*\r\n"),
        (c.User("alice"), b"USER alice\r\n"),
    ],
)
def test_secrets_are_hidden(value, shown):
    assert c.encode(value, hide=True) == shown


def test_secrets_are_not_in_repr():
    assert repr(c.Pass("x")) == "Pass(***)"
    assert repr(c.Auth("PLAIN", b"x")) == "Auth('PLAIN', ***)"
    assert repr(c.Auth("PLAIN")) == "Auth('PLAIN', None)"
    assert repr(c.Response(b"x")) == "Response(***)"
