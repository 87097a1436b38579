"""Connects to a port like a mail program, to see which certificate it really serves. Blocking; trusts nobody."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Final

from cryptography import x509
from msgspec import Struct

from gatepost.config.settings import Certificate
from gatepost.errors import CertificateError, GatepostError
from gatepost.hostname import ascii_host
from gatepost.net.certificates import Loaded, describe
from gatepost.ports import Listener, TlsMode

PATIENCE: Final = 5.0
"""Seconds for each step."""
_OWN: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where we reach ourselves on a listener for all addresses."""

Upgrade = Callable[[socket.socket], None]
"""Speaks a protocol in the clear until TLS may begin. Raises GatepostError, OSError."""


class ProbeError(GatepostError):
    """The port did not show a certificate; the text says why."""


class Served(Struct, frozen=True):
    """What a port showed."""

    certificate: Loaded
    version: str
    cipher: str


def probe(listener: Listener, server_name: str = "", upgrade: Upgrade | None = None) -> Served:
    """Asks the listener for `server_name` (empty: for none in particular). Raises ProbeError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # we want to see what is there, however wrong it is
    address = _OWN.get(listener.address, listener.address)
    try:
        with socket.create_connection((address, listener.port), PATIENCE) as connected:
            if listener.service.tls is not TlsMode.IMPLICIT:
                _begin(connected, listener, upgrade)
            with context.wrap_socket(connected, server_hostname=ascii_host(server_name) or None) as secured:
                return _served(secured)
    except ConnectionRefusedError:
        raise ProbeError("nobody listens there; is the server running?") from None
    except ssl.SSLError as error:
        raise ProbeError(f"the TLS handshake failed: {error.reason or error}") from error
    except OSError as error:
        raise ProbeError(f"no answer: {error.strerror or error}") from error


def _begin(connected: socket.socket, listener: Listener, upgrade: Upgrade | None) -> None:
    if upgrade is None:
        raise ProbeError(f"{listener.service.name} has no way to TLS that we know")
    upgrade(connected)


def _served(secured: ssl.SSLSocket) -> Served:
    der = secured.getpeercert(binary_form=True)
    cipher = secured.cipher()
    if der is None or cipher is None:
        raise ProbeError("the server showed no certificate")
    try:
        certificate = describe(x509.load_der_x509_certificate(der), Certificate(""))
    except (CertificateError, ValueError) as error:
        raise ProbeError(f"its certificate cannot be read: {error}") from error
    return Served(certificate, secured.version() or "", cipher[0])
