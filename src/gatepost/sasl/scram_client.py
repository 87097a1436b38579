"""The client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802 §5; RFC 7677)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from gatepost.errors import InvalidValueError
from gatepost.sasl import scram
from gatepost.sasl.prepare import decode, escape_name
from gatepost.sasl.steps import SaslError


class ScramClient:
    """Proves the password without sending it, and makes the server prove that it knows it too."""

    __slots__ = ("_bare", "_binding", "_expect", "_gs2", "_nonce", "_password", "_signature", "complete")

    def __init__(
        self,
        username: str,
        password: str,
        nonce: str,
        *,
        authzid: str = "",
        binding: tuple[str, bytes] | None = None,
        could_bind: bool = False,
    ) -> None:
        """`binding`: name and data of the channel binding (then it is -PLUS). `could_bind`: we have binding data,
        but the server did not offer -PLUS; it fails if it did and somebody hid it.

        Raises SaslError for a name that SCRAM cannot carry.
        """
        kind, self._binding = binding or ("", b"")
        flag = f"p={kind}" if binding else "y" if could_bind else "n"
        self._gs2 = f"{flag},{'a=' + escape_name(authzid) if authzid else ''},"
        self._bare = f"n={escape_name(username)},r={scram.checked_nonce(nonce)}"
        self._nonce = nonce
        self._password = password
        self._signature = b""
        self._expect: Callable[[str], str] = self._first
        self.complete = False

    def step(self, challenge: bytes | None) -> bytes:
        """See `steps.Client`."""
        answer, self._expect = self._expect, self._over
        return answer(decode(challenge or b"")).encode()

    def _first(self, challenge: str) -> str:
        if challenge:
            raise SaslError("the server speaks first, which SCRAM does not have")
        self._expect = self._final
        return self._gs2 + self._bare

    def _final(self, challenge: str) -> str:
        server = scram.parse_server_first(challenge)
        if not server.nonce.startswith(self._nonce) or server.nonce == self._nonce:
            raise SaslError("the server did not add to our SCRAM nonce: this may be a replay")
        bound = scram.encode64(self._gs2.encode() + self._binding)
        without_proof = f"c={bound},r={server.nonce}"
        message = f"{self._bare},{challenge},{without_proof}".encode()
        try:
            salted = scram.salted_password(self._password, server.salt, server.iterations)
        except InvalidValueError as error:
            raise SaslError(str(error)) from error
        key = scram.client_key(salted)
        proof = scram.xor(key, scram.mac(hashlib.sha256(key).digest(), message))
        self._signature = scram.mac(scram.server_key(salted), message)
        self._expect = self._server_final
        return f"{without_proof},p={scram.encode64(proof)}"

    def _server_final(self, challenge: str) -> str:
        result = challenge.split(",", maxsplit=1)[0]
        if result.startswith("e="):
            raise SaslError(f"the server refuses: {result[2:]!a}")
        if not hmac.compare_digest(scram.decode64(scram.attribute(result, "v")), self._signature):
            raise SaslError("the server does not know this password: it is not the server it pretends to be")
        self.complete = True
        return ""

    def _over(self, challenge: str) -> str:
        raise SaslError(f"the SCRAM exchange is over, the server sent {len(challenge)} characters more")
