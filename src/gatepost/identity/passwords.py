"""Making, keeping and checking secrets. Everything here that is slow says so: call that off the event loop."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final, assert_never

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gatepost.errors import MisuseError
from gatepost.model import Credential, CredentialKind, Verifier
from gatepost.sasl.prepare import opaque_string
from gatepost.sasl.scram import make_keys

MAIN: Final = "main"
"""Name of the credential that is an account's main password."""

MOST_APP: Final = 15
"""App passwords of one account: for the devices of a family. As many are tried at each login, by SCRAM and by name,
though an account has fewer or does not exist, so that nobody can tell by the time that it takes: 3 µs each."""

_TIME, _MEMORY, _LANES = 2, 19 * 1024, 1
"""OWASP's argon2id parameters: 19 MiB, two passes, one lane; some 30 ms. More memory would let a few dozen
simultaneous logins push mail out of the page cache."""

_ARGON2: Final = PasswordHasher(time_cost=_TIME, memory_cost=_MEMORY, parallelism=_LANES)

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""32 characters, none of which is mistaken for another: no i, l, o, u."""

_MISREAD: Final = str.maketrans({"i": "1", "l": "1", "o": "0", "-": "", " ": "", "\t": "", "\u00a0": ""})
"""What people type instead when they copy an app password from paper."""

_APP_LENGTH: Final = 24
"""Characters of 5 bits: 120 random bits."""

_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aiou"


def _dummy() -> str:
    salt, digest = (base64.b64encode(secrets.token_bytes(n)).rstrip(b"=").decode() for n in (16, 32))
    return f"$argon2id$v=19$m={_MEMORY},t={_TIME},p={_LANES}${salt}${digest}"


DUMMY_HASH: Final = _dummy()
"""Fits no password, and takes as long to find out as a real one."""

_NO_APP: Final = f"sha256${secrets.token_hex(16)}${secrets.token_hex(32)}"
"""The same for app passwords."""


def generate_password() -> str:
    """A main password that can be read out, remembered and typed on a phone: 64 random bits as four words, like
    `lusab-gotij-vimor-hatuz`.
    """
    return "-".join(_word(secrets.randbits(16)) for _ in range(4))


def _word(bits: int) -> str:
    """16 bits as consonant, vowel, consonant, vowel, consonant."""
    letters = []
    for alphabet in (_CONSONANTS, _VOWELS, _CONSONANTS, _VOWELS, _CONSONANTS):
        bits, index = divmod(bits, len(alphabet))
        letters.append(alphabet[index])
    return "".join(letters)


def generate_app_password() -> str:
    """An app password: 120 random bits as `xxxx-xxxx-xxxx-xxxx-xxxx-xxxx`."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(_APP_LENGTH))
    return "-".join(text[i : i + 4] for i in range(0, _APP_LENGTH, 4))


def canonical_app_password(text: str) -> str:
    """The 24 characters of an app password, however it was typed; empty if it cannot be one."""
    folded = text.lower().translate(_MISREAD)
    return folded if len(folded) == _APP_LENGTH and set(folded) <= set(_ALPHABET) else ""


def make_verifier(password: str, kind: CredentialKind, scram_salt: bytes) -> Verifier:
    """What to keep of a password; slow (some 80 ms). SCRAM knows an app password only as it was printed.

    Raises InvalidValueError for a password that RFC 8265 §4.2 forbids, MisuseError for an app password that
    `generate_app_password` did not make.
    """
    keys = make_keys(password, scram_salt)
    match kind:
        case CredentialKind.PASSWORD:
            hashed = _ARGON2.hash(opaque_string(password))
        case CredentialKind.APP:
            canonical = canonical_app_password(password)
            if not canonical:
                raise MisuseError("an app password is generated, never chosen")
            salt = secrets.token_hex(16)
            hashed = f"sha256${salt}${_app_digest(salt, canonical)}"
        case _:
            assert_never(kind)
    return Verifier(hash=hashed, stored_key=keys.stored_key, server_key=keys.server_key)


def _app_digest(salt: str, canonical: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + canonical.encode()).hexdigest()


def find_app(password: str, credentials: Sequence[Credential]) -> Credential | None:
    """The app password that this is, or None. Microseconds, and the same work whichever one matches, and if none does.

    Those of an account that has more than `MOST_APP`, from an earlier release, are all looked at.
    """
    canonical = canonical_app_password(password)
    apps = [each for each in credentials if each.kind is CredentialKind.APP]
    found = None
    for place in range(max(MOST_APP, len(apps))):
        credential = apps[place] if place < len(apps) else None
        _, salt, digest = (credential.verifier.hash if credential else _NO_APP).split("$")
        if hmac.compare_digest(_app_digest(salt, canonical), digest) and canonical and credential:
            found = credential
    return found


def argon2_fits(hashed: str, password: str) -> bool:
    """Whether the hash is this (prepared) password's; slow (some 30 ms), and the same whatever the answer."""
    try:
        return _ARGON2.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def scram_salt(secret: bytes, login: str) -> bytes:
    """The salt of a login, existing or not: so a SCRAM server can name one to whoever asks, always the same."""
    return hmac.digest(secret, b"scram-salt\0" + login.encode(), "sha256")[:16]
