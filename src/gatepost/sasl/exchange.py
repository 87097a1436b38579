"""Makes exchanges by the name of their mechanism."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gatepost.sasl.plain import ExternalClient, ExternalServer, LoginClient, LoginServer, PlainClient, PlainServer
from gatepost.sasl.scram import SCRAM, SCRAM_PLUS
from gatepost.sasl.scram_client import ScramClient
from gatepost.sasl.scram_server import ScramServer
from gatepost.sasl.steps import Client, SaslError

PLAIN: Final = "PLAIN"
LOGIN: Final = "LOGIN"
EXTERNAL: Final = "EXTERNAL"

STRENGTH: Final = (EXTERNAL, SCRAM_PLUS, SCRAM, PLAIN, LOGIN)
"""Every mechanism there is, strongest first: a certificate cannot be guessed, SCRAM does not tell the password."""


def server(
    mechanism: str, nonce: str, bindings: Mapping[str, bytes]
) -> PlainServer | LoginServer | ExternalServer | ScramServer:
    """The server's side; `nonce` and `bindings` as in `ScramServer`. Raises SaslError for an unknown mechanism."""
    match mechanism:
        case "PLAIN":
            return PlainServer()
        case "LOGIN":
            return LoginServer()
        case "EXTERNAL":
            return ExternalServer()
        case "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS":
            return ScramServer(nonce, bindings, plus=mechanism == SCRAM_PLUS)
        case _:
            raise SaslError("unknown SASL mechanism; ask for the list")


def client(
    mechanism: str, username: str, password: str, nonce: str, binding: tuple[str, bytes] | None = None
) -> Client:
    """The client's side. `binding`: name and data of the channel's binding, if it has one; used by SCRAM only:
    with -PLUS it is proven, without -PLUS its existence is declared. Raises SaslError for an unknown mechanism.
    """
    match mechanism:
        case "PLAIN":
            return PlainClient(username, password)
        case "LOGIN":
            return LoginClient(username, password)
        case "EXTERNAL":
            return ExternalClient()
        case "SCRAM-SHA-256-PLUS" if binding:
            return ScramClient(username, password, nonce, binding=binding)
        case "SCRAM-SHA-256":
            return ScramClient(username, password, nonce, could_bind=binding is not None)
        case _:
            raise SaslError("unknown SASL mechanism, or one that needs a channel binding where there is none")
