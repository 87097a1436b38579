"""The TLS handshake of one connection, from the first octet of its ClientHello. No socket, no waiting."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from gatepost.net.doors import DECODE_ERROR, NO_APPLICATION_PROTOCOL
from gatepost.net.hello import HelloError, read_hello
from gatepost.net.outcome import Ended, Outcome, tls_reason
from gatepost.net.pipe import TlsPipe
from gatepost.net.tls import TlsContexts


class Handshake:
    """Feed it what the client sends, and send what `answer` gives, whether it goes on, is done or raises."""

    __slots__ = ("_alpn", "_answer", "_client_ca", "_contexts", "_held", "pipe")

    def __init__(self, contexts: TlsContexts, alpn: Sequence[str], client_ca: str) -> None:
        """`alpn`: the names of the protocol that is spoken here (RFC 7301); empty: whatever the client says.
        `client_ca` as in `Listener`.
        """
        self._contexts = contexts
        self._alpn = frozenset(alpn)
        self._client_ca = client_ca
        self._held = b""
        self._answer = b""
        self.pipe: TlsPipe | None = None
        """There is one once the ClientHello was read."""

    def feed(self, data: bytes) -> bool:
        """True once it is complete. Raises Ended."""
        if self.pipe is None:
            data = self._held = self._held + data
            self.pipe = self._begun(data)
            if self.pipe is None:
                return False
            self._held = b""
        try:
            return self.pipe.handshake(data)
        except ssl.SSLError as error:
            raise Ended(Outcome.NO_TLS, f"the TLS handshake failed: {tls_reason(error)}") from None

    def _begun(self, data: bytes) -> TlsPipe | None:
        """None while the ClientHello is not complete."""
        try:
            hello = read_hello(data)
        except HelloError as error:
            self._answer = DECODE_ERROR
            raise Ended(Outcome.NO_TLS, str(error)) from None
        if hello is None:
            return None
        if hello.protocols and self._alpn and not self._alpn & set(hello.protocols):
            self._answer = NO_APPLICATION_PROTOCOL
            raise Ended(Outcome.WRONG_DOOR, f"the client wants to speak {hello.protocols[0]!r}")
        return self._contexts.accept(hello.server_name, self._client_ca)

    def answer(self) -> bytes:
        """What is to be sent now, perhaps nothing. The end of a handshake may wait for the first words inside it."""
        return self._answer if self.pipe is None else self.pipe.take()
