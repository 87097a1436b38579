"""What both sides of SCRAM-SHA-256 share: keys, proofs and the grammar (RFC 5802 §3, §7; RFC 7677)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from gatepost.numbers import number
from gatepost.sasl.prepare import opaque_string, unescape_name
from gatepost.sasl.steps import SaslError, ScramKeys

SCRAM: Final = "SCRAM-SHA-256"
SCRAM_PLUS: Final = "SCRAM-SHA-256-PLUS"

SCRAM_ITERATIONS: Final = 100_000
"""PBKDF2 rounds of every verifier that we make; the one number for all accounts, because the server names it
before it knows which credential is used (or whether the user exists at all).

At a login only the client pays: some 50 ms on a computer, a few tenths of a second on an old phone. RFC 7677 §4 asks
for 4,096 at least, and for as many as can be borne: a stolen StoredKey takes 25 times longer to guess than at that
floor. Changing the number makes every stored verifier useless for SCRAM.
"""

MIN_ITERATIONS: Final = 4096
"""RFC 7677 §4: our client refuses a server that asks for less; it may be somebody who wants to guess the password."""

MAX_ITERATIONS: Final = 2_000_000
"""Our client refuses more: about a second of work at the bidding of a server that has proved nothing yet."""

MIN_SALT: Final = 8
"""Octets; our client refuses a shorter salt. Every known server sends 12 or more."""

MIN_NONCE: Final = 18
MAX_NONCE: Final = 512
"""Characters of a nonce: ours have 18 at least (RFC 5802 §5.1 leaves it open), the peer's are bounded by this."""

TLS_SERVER_END_POINT: Final = "tls-server-end-point"
TLS_EXPORTER: Final = "tls-exporter"
"""Channel bindings of RFC 5929 §4 and RFC 9266; `tls-unique` is not safe before TLS 1.3, and not defined in it."""


def salted_password(password: str, salt: bytes, iterations: int) -> bytes:
    """Hi(Normalize(password), salt, i) of RFC 5802 §2.2. Raises InvalidValueError as `opaque_string`."""
    return hashlib.pbkdf2_hmac("sha256", opaque_string(password).encode(), salt, iterations)


def make_keys(password: str, salt: bytes, iterations: int = SCRAM_ITERATIONS) -> ScramKeys:
    """StoredKey and ServerKey of RFC 5802 §3. Slow on purpose. Raises InvalidValueError as `opaque_string`."""
    salted = salted_password(password, salt, iterations)
    return ScramKeys(hashlib.sha256(client_key(salted)).digest(), server_key(salted))


def client_key(salted: bytes) -> bytes:
    return mac(salted, b"Client Key")


def server_key(salted: bytes) -> bytes:
    return mac(salted, b"Server Key")


def mac(key: bytes, message: bytes) -> bytes:
    """HMAC() of RFC 5802 §2.2."""
    return hmac.digest(key, message, "sha256")


def xor(left: bytes, right: bytes) -> bytes:
    """Raises ValueError if they differ in length."""
    if len(left) != len(right):
        raise ValueError("only octets of equal number have an exclusive or")
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(len(left))


def encode64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode64(text: str) -> bytes:
    """Raises SaslError for anything that is not base64 in its one canonical form."""
    try:
        data = binascii.a2b_base64(text.encode(), strict_mode=True)
    except binascii.Error as error:
        raise SaslError("a field of the SCRAM message is not base64") from error
    if encode64(data) != text:
        raise SaslError("a field of the SCRAM message is not base64 in its canonical form")
    return data


def attribute(text: str, letter: str) -> str:
    """The value of `letter=value`. Raises SaslError if it is another attribute."""
    if not text.startswith(f"{letter}="):
        raise SaslError(f"the SCRAM message has no '{letter}=' where RFC 5802 puts it")
    return text[2:]


def checked_nonce(nonce: str) -> str:
    """`printable` of RFC 5802 §7: 0x21 to 0x7E but the comma. Raises SaslError."""
    if not 0 < len(nonce) <= MAX_NONCE or any(not "!" <= c <= "~" or c == "," for c in nonce):
        raise SaslError(f"a SCRAM nonce has 1 to {MAX_NONCE} printable ASCII characters, no comma")
    return nonce


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """client-first-message of RFC 5802 §7, taken apart."""

    flag: str
    """`n`: no binding; `y`: the client could, and thinks that the server cannot; `p`: bound by `binding`."""
    binding: str
    """Name of the channel binding; empty without one."""
    gs2_header: str
    authzid: str
    bare: str
    username: str
    nonce: str


def parse_client_first(text: str) -> ClientFirst:
    """Raises SaslError."""
    fields = text.split(",")
    if len(fields) < 4:
        raise SaslError("the first SCRAM message begins: binding flag, authorization identity, name, nonce")
    gs2_flag, gs2_authzid, name, nonce = fields[:4]
    flag, _, binding = gs2_flag.partition("=")
    if flag not in ("n", "y", "p") or (flag == "p") != bool(binding) or (flag != "p" and "=" in gs2_flag):
        raise SaslError("the SCRAM channel binding flag is 'n', 'y' or 'p=' with a name")
    if name.startswith("m="):
        raise SaslError("the SCRAM message asks for a mandatory extension (m=); there is none")
    return ClientFirst(
        flag,
        binding,
        gs2_header=f"{gs2_flag},{gs2_authzid},",
        authzid=unescape_name(attribute(gs2_authzid, "a")) if gs2_authzid else "",
        bare=",".join(fields[2:]),
        username=unescape_name(attribute(name, "n")),
        nonce=checked_nonce(attribute(nonce, "r")),
    )


@dataclass(frozen=True, slots=True)
class ClientFinal:
    """client-final-message of RFC 5802 §7, taken apart."""

    without_proof: str
    binding: bytes = field(repr=False)
    nonce: str = field(repr=False)
    proof: bytes = field(repr=False)


def parse_client_final(text: str) -> ClientFinal:
    """Extensions before the proof are passed over (RFC 5802 §5.1), though they are signed. Raises SaslError."""
    without_proof, _, last = text.rpartition(",")
    fields = without_proof.split(",")
    if len(fields) < 2:
        raise SaslError("the last SCRAM message has a channel binding, a nonce and a proof")
    proof = decode64(attribute(last, "p"))
    if len(proof) != hashlib.sha256().digest_size:
        raise SaslError("the SCRAM proof does not have the 32 octets of SHA-256")
    return ClientFinal(without_proof, decode64(attribute(fields[0], "c")), attribute(fields[1], "r"), proof)


@dataclass(frozen=True, slots=True)
class ServerFirst:
    """server-first-message of RFC 5802 §7, taken apart."""

    nonce: str
    salt: bytes
    iterations: int


def parse_server_first(text: str) -> ServerFirst:
    """Raises SaslError, also for an iteration count or a salt outside our bounds."""
    fields = text.split(",")
    if len(fields) < 3 or fields[0].startswith("m="):
        raise SaslError("the server's first SCRAM message is not: nonce, salt, iteration count")
    digits = attribute(fields[2], "i")
    count = None if digits.startswith("0") else number(digits, 999_999_999)
    if count is None:
        raise SaslError("the server's SCRAM iteration count is not a number")
    if not MIN_ITERATIONS <= count <= MAX_ITERATIONS:
        raise SaslError(f"the server's SCRAM iteration count is not within {MIN_ITERATIONS} to {MAX_ITERATIONS}")
    salt = decode64(attribute(fields[1], "s"))
    if len(salt) < MIN_SALT:
        raise SaslError(f"the server's SCRAM salt has less than {MIN_SALT} octets")
    return ServerFirst(checked_nonce(attribute(fields[0], "r")), salt, count)
