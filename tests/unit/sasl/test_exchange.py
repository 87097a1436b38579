import pytest

from gatepost.sasl import client, server
from gatepost.sasl.exchange import STRENGTH
from gatepost.sasl.plain import ExternalClient, ExternalServer, LoginClient, LoginServer, PlainClient, PlainServer
from gatepost.sasl.scram_client import ScramClient
from gatepost.sasl.scram_server import ScramServer
from gatepost.sasl.steps import SaslError

NONCE = "0123456789abcdefgh"
BINDING = ("tls-exporter", b"data")


def test_every_mechanism_has_both_sides() -> None:
    servers = [type(server(name, NONCE, {})) for name in STRENGTH]
    assert servers == [ExternalServer, ScramServer, ScramServer, PlainServer, LoginServer]
    clients = [type(client(name, "u", "p", NONCE, BINDING)) for name in STRENGTH]
    assert clients == [ExternalClient, ScramClient, ScramClient, PlainClient, LoginClient]


def test_the_client_tells_what_it_could_bind() -> None:
    assert client("SCRAM-SHA-256-PLUS", "u", "p", "abc", BINDING).step(None) == b"p=tls-exporter,,n=u,r=abc"
    assert client("SCRAM-SHA-256", "u", "p", "abc", BINDING).step(None) == b"y,,n=u,r=abc"
    assert client("SCRAM-SHA-256", "u", "p", "abc").step(None) == b"n,,n=u,r=abc"


def test_only_plus_takes_a_bound_message() -> None:
    bound = b"p=tls-exporter,,n=u,r=abc"
    server("SCRAM-SHA-256-PLUS", NONCE, {"tls-exporter": b"data"}).step(bound)
    with pytest.raises(SaslError):
        server("SCRAM-SHA-256", NONCE, {"tls-exporter": b"data"}).step(bound)


@pytest.mark.parametrize("name", ["", "plain", "CRAM-MD5", "SCRAM-SHA-1"])
def test_unknown_mechanisms_are_refused(name: str) -> None:
    with pytest.raises(SaslError):
        server(name, NONCE, {})
    with pytest.raises(SaslError):
        client(name, "u", "p", NONCE)


def test_plus_needs_a_binding() -> None:
    with pytest.raises(SaslError, match="binding"):
        client("SCRAM-SHA-256-PLUS", "u", "p", NONCE)
