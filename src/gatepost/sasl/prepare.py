"""Text of names and passwords, so that the same secret typed on two keyboards is the same secret."""

from __future__ import annotations

import unicodedata
from typing import Final

from gatepost.errors import InvalidValueError
from gatepost.sasl.steps import MAX_MESSAGE, MAX_NAME, MAX_PASSWORD, SaslError

_VIRAMA: Final = 9
"""Canonical combining class after which ZERO WIDTH (NON-)JOINER carries meaning (RFC 5892 Appendix A.1, A.2)."""

_OLD_HANGUL: Final = ((0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7FB))
"""Conjoining jamo (RFC 8264 §9.9): two keyboards may write one syllable differently."""

_IGNORABLE: Final = (
    (0x034F, 0x034F), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x3164, 0x3164), (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0), (0xE0100, 0xE01EF),
)  # fmt: skip
"""Default_Ignorable_Code_Point (RFC 8264 §9.13), beyond those that the general category gives away."""


def opaque_string(password: str) -> str:
    """A password as RFC 8265 §4.2 (OpaqueString) compares it: spaces to SPACE, then NFC; case stays.

    The characters are those of the FreeformClass (RFC 8264 §4.3); its rules for a few characters in context
    (§9.6, CONTEXTO) are left out: they are about look-alikes, which nobody sees in a password.
    Raises InvalidValueError for an empty or overlong one, and for characters that cannot be typed again surely.
    """
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    prepared = unicodedata.normalize("NFC", spaced)
    for position, character in enumerate(prepared):
        if not (" " <= character <= "~") and not _allowed(character, prepared[position - 1 : position]):
            raise InvalidValueError(
                f"a password cannot contain U+{ord(character):04X}, which does not show or cannot be typed the same "
                "way everywhere; leave it out"
            )
    if not prepared:
        raise InvalidValueError("a password cannot be empty")
    if len(prepared.encode()) > MAX_PASSWORD:
        raise InvalidValueError(f"a password cannot be longer than {MAX_PASSWORD} octets")
    return prepared


def _allowed(character: str, before: str) -> bool:
    """FreeformClass (RFC 8264 §4.3), by the derivation of §8."""
    code = ord(character)
    if code in (0x200C, 0x200D):
        return before != "" and unicodedata.combining(before) == _VIRAMA
    if any(low <= code <= high for low, high in _OLD_HANGUL + _IGNORABLE):
        return False
    return unicodedata.category(character)[0] in "LMNPS" or character == " "


def decode(data: bytes) -> str:
    """A message, or a part of one, as text. Raises SaslError for what is too long or not UTF-8."""
    if len(data) > MAX_MESSAGE:
        raise SaslError(f"a SASL message here has {MAX_MESSAGE} octets at most")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SaslError("the SASL message is not UTF-8") from error


def checked_name(name: str) -> str:
    """A user name as it came. Raises SaslError for an empty or overlong one, or one with NUL."""
    if not name or "\0" in name or len(name.encode()) > MAX_NAME:
        raise SaslError(f"a user name has 1 to {MAX_NAME} octets, none of them NUL")
    return name


def checked_authzid(name: str) -> str:
    """An authorization identity: as a user name, but it may be empty."""
    return checked_name(name) if name else ""


def checked_password(password: str) -> str:
    """A password as it came. Raises SaslError for one that is overlong, empty or has NUL (RFC 4616 §2)."""
    if not password or "\0" in password or len(password.encode()) > MAX_PASSWORD:
        raise SaslError(f"a password has 1 to {MAX_PASSWORD} octets, none of them NUL")
    return password


def escape_name(name: str) -> str:
    """A `saslname` (RFC 5802 §5.1). Raises SaslError as `checked_name`."""
    return checked_name(name).replace("=", "=3D").replace(",", "=2C")


def unescape_name(text: str) -> str:
    """Back from a `saslname`; a `=` that is not `=2C` or `=3D` raises SaslError (RFC 5802 §5.1)."""
    first, *others = text.split("=")
    parts = [first]
    for other in others:
        match other[:2]:
            case "2C":
                parts.append("," + other[2:])
            case "3D":
                parts.append("=" + other[2:])
            case _:
                raise SaslError("in a SCRAM user name '=' is followed by '2C' or '3D' only")
    return checked_name("".join(parts))
