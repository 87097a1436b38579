import pytest

from gatepost.sasl.scram_client import ScramClient
from gatepost.sasl.steps import SaslError

NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def ready(password: str = "pencil") -> ScramClient:
    client = ScramClient("user", password, NONCE)
    assert client.step(None) == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    return client


def test_the_exchange_of_rfc_7677() -> None:
    client = ready()
    assert client.step(SERVER_FIRST) == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert not client.complete
    assert client.step(SERVER_FINAL) == b""
    assert client.complete
    with pytest.raises(SaslError, match="over"):
        client.step(b"")


def test_the_header_says_what_the_client_can() -> None:
    assert ScramClient("u", "p", "abc", could_bind=True).step(None) == b"y,,n=u,r=abc"
    bound = ScramClient("a,b=", "p", "abc", authzid="x,y", binding=("tls-exporter", b"data"))
    assert bound.step(None) == b"p=tls-exporter,a=x=2Cy,n=a=2Cb=3D,r=abc"


@pytest.mark.parametrize(
    ("challenge", "text"),
    [
        (SERVER_FIRST.replace(b"i=4096", b"i=4095"), "iteration"),
        (SERVER_FIRST.replace(b"i=4096", b"i=9000000"), "iteration"),
        (SERVER_FIRST.replace(b"rOpr", b"xOpr"), "replay"),
        (b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "replay"),
        (b"\xff", "UTF-8"),
        (b"e=unknown-user", "nonce, salt"),
    ],
)
def test_a_suspicious_first_answer_is_refused(challenge: bytes, text: str) -> None:
    client = ready()
    with pytest.raises(SaslError, match=text):
        client.step(challenge)
    with pytest.raises(SaslError, match="over"):
        client.step(SERVER_FIRST)


@pytest.mark.parametrize(
    ("challenge", "text"),
    [
        (b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "pretends"),
        (b"v=", "pretends"),
        (b"v=!", "base64"),
        (b"", "v="),
        (b"e=invalid-proof\r\n", "refuses: 'invalid-proof"),
    ],
)
def test_a_server_that_cannot_prove_itself_is_refused(challenge: bytes, text: str) -> None:
    client = ready()
    client.step(SERVER_FIRST)
    with pytest.raises(SaslError, match=text):
        client.step(challenge)
    assert not client.complete


def test_extensions_after_the_signature_are_passed_over() -> None:
    client = ready()
    client.step(SERVER_FIRST)
    client.step(SERVER_FINAL + b",x=future")
    assert client.complete


def test_a_server_that_speaks_first_is_refused() -> None:
    with pytest.raises(SaslError, match="first"):
        ScramClient("u", "p", "abc").step(b"hello")


def test_a_password_that_cannot_be_prepared_is_refused() -> None:
    client = ready("a\tb")
    with pytest.raises(SaslError, match="password"):
        client.step(SERVER_FIRST)


def test_a_name_that_cannot_be_carried_is_refused() -> None:
    with pytest.raises(SaslError):
        ScramClient("", "p", "abc")
