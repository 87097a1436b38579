"""DER to `facts.Certificate`. Whatever is wrong with a certificate, what can be read of it is told."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from gatepost.doctor.facts import Certificate
from gatepost.doctor.tongues.words import readable

CHAIN_LIMIT: Final = 10
"""Certificates of a chain that are read: honest ones have two to four."""
_NAMES: Final = 1000
"""Names of one certificate; authorities issue a hundred at most."""
_TEXT: Final = 300
_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_MALFORMED: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

T = TypeVar("T")
E = TypeVar("E", bound=x509.ExtensionType)


def certificate(der: bytes) -> Certificate:
    """What is in it. A certificate that cannot be read has a fingerprint only, and the reason for a subject."""
    print_ = hashlib.sha256(der).hexdigest()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd certificates; they are what we look for
        try:
            return _read(x509.load_der_x509_certificate(der), print_)
        except _MALFORMED as error:
            subject = readable(f"(unreadable: {error})".encode(), _TEXT)
            return Certificate(subject, "", (), "", 0, 0, "", 0, "", False, False, "", print_)


def subjects_of(pem: bytes) -> tuple[str, ...]:
    """The subjects of all certificates in PEM that can be read."""
    try:
        return tuple(_part(lambda one=one: _name(one.subject), "") for one in x509.load_pem_x509_certificates(pem))  # type: ignore[misc]
    except _MALFORMED:
        return ()


def _read(read: x509.Certificate, fingerprint: str) -> Certificate:
    key, bits = _part(lambda: _key(read), ("", 0))
    constraints = _extension(read, x509.BasicConstraints)
    return Certificate(
        subject=_part(lambda: _name(read.subject), ""),
        issuer=_part(lambda: _name(read.issuer), ""),
        names=_part(lambda: _names(read), ()),
        common_name=_part(lambda: _common_name(read.subject), ""),
        not_before=int(read.not_valid_before_utc.timestamp()),
        not_after=int(read.not_valid_after_utc.timestamp()),
        key=key,
        key_bits=bits,
        signature=_part(lambda: read.signature_hash_algorithm.name if read.signature_hash_algorithm else "", ""),
        server_auth=_serves(read),
        authority_key_id=_extension(read, x509.AuthorityKeyIdentifier) is not None,
        issuer_url=_part(lambda: _issuer_url(read), ""),
        sha256=fingerprint,
        is_authority=constraints is not None and constraints.ca,
    )


def _part(read: Callable[[], T], missing: T) -> T:
    """A part that cannot be read does not hide the others."""
    try:
        return read()
    except _MALFORMED:
        return missing


def _extension(read: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return read.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, *_MALFORMED):
        return None


def _name(name: x509.Name) -> str:
    return readable(name.rfc4514_string().encode("utf-8", "backslashreplace"), _TEXT)


def _common_name(name: x509.Name) -> str:
    values = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    value = values[-1].value if values else ""
    return readable(value if isinstance(value, bytes) else value.encode(), _TEXT)


def _names(read: x509.Certificate) -> tuple[str, ...]:
    found = _extension(read, x509.SubjectAlternativeName)
    if found is None:
        return ()
    texts = [name.value for name in found if isinstance(name, x509.DNSName)]
    texts += [str(name.value) for name in found if isinstance(name, x509.IPAddress)]
    return tuple(readable(text.encode(), _TEXT) for text in texts[:_NAMES])


def _key(read: x509.Certificate) -> tuple[str, int]:
    match read.public_key():
        case rsa.RSAPublicKey(key_size=size):
            return f"RSA {size}", size
        case dsa.DSAPublicKey(key_size=size):
            return f"DSA {size}", size
        case ec.EllipticCurvePublicKey(curve=curve):
            return f"EC {_CURVES.get(curve.name, curve.name)}", curve.key_size
        case ed25519.Ed25519PublicKey():
            return "Ed25519", 256
        case ed448.Ed448PublicKey():
            return "Ed448", 456
        case other:
            return type(other).__name__, 0


def _serves(read: x509.Certificate) -> bool:
    """RFC 5280 §4.2.1.12: without the extension any use is allowed."""
    usages = _extension(read, x509.ExtendedKeyUsage)
    if usages is None:
        return True
    return ExtendedKeyUsageOID.SERVER_AUTH in usages or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages


def _issuer_url(read: x509.Certificate) -> str:
    access = _extension(read, x509.AuthorityInformationAccess) or ()
    for description in access:
        where = description.access_location
        if description.access_method == AuthorityInformationAccessOID.CA_ISSUERS and isinstance(
            where, x509.UniformResourceIdentifier
        ):
            return readable(where.value.encode(), _TEXT)
    return ""
