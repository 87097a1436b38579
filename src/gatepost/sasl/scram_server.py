"""The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802 §5, §6; RFC 7677)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

from gatepost.errors import MisuseError
from gatepost.sasl import scram
from gatepost.sasl.prepare import decode
from gatepost.sasl.scram import ClientFinal, ClientFirst
from gatepost.sasl.steps import Finished, NeedKeys, NeedSalt, SaslError, Say, ScramKeys, Step, Verified


class ScramServer:
    """Client-first → `NeedSalt` → client-final → `NeedKeys` → empty message → `Finished`."""

    __slots__ = (
        "_bindings",
        "_expect",
        "_final",
        "_first",
        "_iterations",
        "_nonce",
        "_plus",
        "_server_first",
        "username",
    )

    def __init__(
        self, nonce: str, bindings: Mapping[str, bytes], *, plus: bool, iterations: int = scram.SCRAM_ITERATIONS
    ) -> None:
        """`nonce`: fresh random characters, used once. `bindings`: the connection's channel binding data by name,
        empty where -PLUS is not offered. `plus`: the client chose the -PLUS mechanism.

        Raises MisuseError for a nonce that is too short.
        """
        if len(nonce) < scram.MIN_NONCE:
            raise MisuseError("a server's SCRAM nonce needs more characters")
        self._nonce = scram.checked_nonce(nonce)
        self._bindings = {name: data for name, data in bindings.items() if data}
        self._plus = plus
        self._iterations = iterations
        self._expect: Callable[[bytes | None], Step] | None = self._client_first
        self._first: ClientFirst
        self._final: ClientFinal
        self._server_first = ""
        self.username = ""

    def step(self, data: bytes | None) -> Step:
        """See `steps.Server`."""
        if self._expect is None:
            raise SaslError("the exchange is over; begin a new one")
        handle, self._expect = self._expect, None
        return handle(data)

    def _client_first(self, data: bytes | None) -> Step:
        if data is None:
            self._expect = self._client_first
            return Say(b"")
        first = scram.parse_client_first(decode(data))
        self.username = first.username
        self._check_flag(first)
        self._first = first
        return NeedSalt(first.authzid, first.username, self._salt)

    def _check_flag(self, first: ClientFirst) -> None:
        """RFC 5802 §6: who was offered a binding and believes otherwise is being deceived."""
        if self._plus and first.flag != "p":
            raise SaslError("SCRAM-SHA-256-PLUS needs a channel binding (gs2 flag 'p')")
        if not self._plus and first.flag == "p":
            raise SaslError("SCRAM-SHA-256 has no channel binding; choose SCRAM-SHA-256-PLUS")
        if first.flag == "y" and self._bindings:
            raise SaslError("this server offers SCRAM-SHA-256-PLUS, but somebody on the way hid that from the client")
        if first.flag == "p" and first.binding not in self._bindings:
            raise SaslError(f"the channel binding must be one of: {', '.join(self._bindings) or 'none'}")

    def _salt(self, salt: bytes) -> Say:
        nonce = self._first.nonce + self._nonce
        self._server_first = f"r={nonce},s={scram.encode64(salt)},i={self._iterations}"
        self._expect = self._client_final
        return Say(self._server_first.encode())

    def _client_final(self, data: bytes | None) -> NeedKeys:
        final = scram.parse_client_final(decode(data or b""))
        if not hmac.compare_digest(final.nonce.encode(), (self._first.nonce + self._nonce).encode()):
            raise SaslError("the SCRAM nonce is not the one of this exchange")
        bound = self._first.gs2_header.encode() + self._bindings.get(self._first.binding, b"")
        if not hmac.compare_digest(final.binding, bound):
            raise SaslError("the SCRAM channel binding is not this connection's: somebody may be in between")
        self._final = final
        return NeedKeys(self._first.username, final.proof, self._verify)

    def _verify(self, keys: Sequence[ScramKeys]) -> Verified | None:
        message = f"{self._first.bare},{self._server_first},{self._final.without_proof}".encode()
        found = -1
        for index, key in enumerate(keys):
            signature = scram.mac(key.stored_key, message)
            claimed = hashlib.sha256(scram.xor(self._final.proof, signature)).digest()
            if hmac.compare_digest(claimed, key.stored_key):
                found = index
        if found < 0:
            return None
        self._expect = self._acknowledged
        return Verified(found, Say(b"v=" + scram.encode64(scram.mac(keys[found].server_key, message)).encode()))

    def _acknowledged(self, data: bytes | None) -> Finished:
        """The server's signature travels in a challenge, which the client answers with nothing (RFC 4422 §5.1.3)."""
        if data:
            raise SaslError("after the server's signature the client sends an empty message")
        return Finished()
