import pytest

from gatepost.sasl.plain import (
    PASSWORD_PROMPT,
    USERNAME_PROMPT,
    ExternalClient,
    ExternalServer,
    LoginClient,
    LoginServer,
    PlainClient,
    PlainServer,
)
from gatepost.sasl.steps import NeedIdentity, NeedPassword, SaslError, Say


def test_plain_takes_the_examples_of_rfc_4616() -> None:
    assert PlainServer().step(b"\0tim\0tanstaaftanstaaf") == NeedPassword("", "tim", "tanstaaftanstaaf")
    assert PlainServer().step(b"Ursel\0Kurt\0xipj3plmq") == NeedPassword("Ursel", "Kurt", "xipj3plmq")


def test_plain_without_initial_response_asks_for_it() -> None:
    server = PlainServer()
    assert server.step(None) == Say(b"")
    assert server.step(b"\0a\0b") == NeedPassword("", "a", "b")


@pytest.mark.parametrize("data", [b"", b"a\0b", b"\0a\0", b"\0\0b", b"\0a\0b\0", b"\0a\0b\0c", b"\0\xff\0b"])
def test_plain_refuses_every_other_form_and_is_over_then(data: bytes) -> None:
    server = PlainServer()
    with pytest.raises(SaslError):
        server.step(data)
    with pytest.raises(SaslError, match="over"):
        server.step(b"\0a\0b")


def test_login_asks_for_name_and_password() -> None:
    server = LoginServer()
    assert server.step(None) == Say(USERNAME_PROMPT)
    assert server.step(b"alice") == Say(PASSWORD_PROMPT)
    assert server.step(b"secret") == NeedPassword("", "alice", "secret")
    with pytest.raises(SaslError, match="over"):
        server.step(b"secret")


def test_login_takes_the_name_as_initial_response() -> None:
    server = LoginServer()
    assert server.step(b"alice") == Say(PASSWORD_PROMPT)
    assert server.step(b"secret") == NeedPassword("", "alice", "secret")


@pytest.mark.parametrize("name", [b"", b"a\0", b"x" * 5000])
def test_login_refuses_names_that_are_none(name: bytes) -> None:
    with pytest.raises(SaslError):
        LoginServer().step(name)


@pytest.mark.parametrize("password", [b"", b"a\0", b"x" * 5000])
def test_login_refuses_passwords_that_are_none(password: bytes) -> None:
    server = LoginServer()
    server.step(b"alice")
    with pytest.raises(SaslError):
        server.step(password)


def test_external_takes_an_identity_or_none() -> None:
    server = ExternalServer()
    assert server.step(None) == Say(b"")
    assert server.step(b"") == NeedIdentity("")
    with pytest.raises(SaslError, match="over"):
        server.step(b"")
    assert ExternalServer().step(b"a@b") == NeedIdentity("a@b")
    with pytest.raises(SaslError):
        ExternalServer().step(b"a\0b")


def test_plain_client() -> None:
    client = PlainClient("tim", "tanstaaf", "ursel")
    assert client.step(None) == b"ursel\0tim\0tanstaaf"
    assert client.complete
    assert "tanstaaf" not in repr(client)
    with pytest.raises(SaslError):
        client.step(b"")
    with pytest.raises(SaslError):
        PlainClient("tim", "x").step(b"challenge")
    with pytest.raises(SaslError):
        PlainClient("tim\0", "x").step(None)


def test_login_client() -> None:
    client = LoginClient("tim", "tanstaaf")
    assert client.step(b"User Name\0") == b"tim"
    assert not client.complete
    assert client.step(b"Password\0") == b"tanstaaf"
    assert client.complete
    with pytest.raises(SaslError):
        client.step(b"More:")


def test_login_client_needs_a_prompt_for_the_password() -> None:
    client = LoginClient("tim", "tanstaaf")
    assert client.step(None) == b"tim"
    with pytest.raises(SaslError):
        client.step(None)


def test_external_client() -> None:
    client = ExternalClient("a@b")
    assert client.step(None) == b"a@b"
    assert client.complete
    with pytest.raises(SaslError):
        client.step(b"")
    with pytest.raises(SaslError):
        ExternalClient().step(b"x")
