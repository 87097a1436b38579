"""Loads a certificate with its key and finds out beforehand all that would later fail in a client's hands.

The names come from the subject alternative name only: no client looks at the common name any more (RFC 9525 §2).
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from msgspec import Struct

from gatepost.config.settings import Certificate
from gatepost.errors import CertificateError
from gatepost.net.private_folder import LARGEST

_WEAK: Final = ("md5", "sha1")
"""RFC 5929 §4.1: where the signature uses one of these, the end-point binding uses SHA-256 in its place."""


Read = Callable[[str, str], bytes]
"""What `read_file` is: the octets of the file at a path, which holds a so-and-so. Raises CertificateError."""


class Loaded(Struct, frozen=True):
    """A certificate that is fit to be served."""

    files: Certificate
    names: tuple[str, ...]
    """DNS names (lower case, perhaps with `*.` in front) and IP addresses of the subject alternative name."""
    subject: str
    issuer: str
    not_before: int
    not_after: int
    """Seconds since the epoch."""
    fingerprint: str
    """SHA-256 of the certificate, in hexadecimal pairs with colons."""
    key_type: str
    """E.g. `ECDSA P-256`, `RSA 2048`."""
    end_point: bytes
    """Channel binding `tls-server-end-point` (RFC 5929 §4)."""


def load(files: Certificate, now: float, read: Read | None = None) -> Loaded:
    """Reads (with `read`, if it is not `read_file`) and checks the pair at time `now`.

    Raises CertificateError, which says what is wrong and the fix.
    """
    octets = read or read_file
    certificate = _parse_certificate(files.file, octets(files.file, "certificate"))
    loaded = describe(certificate, files)
    _check_key(certificate, files, octets)
    _check_dates(loaded, now)
    if not loaded.names:
        raise CertificateError(
            f"{files.file}: the certificate names no server (it has no subject alternative name), so no mail program "
            "accepts it. Have it issued again with the names that people connect to."
        )
    return loaded


def describe(certificate: x509.Certificate, files: Certificate) -> Loaded:
    """What a certificate says about itself, without any check. Raises CertificateError for what cannot be read."""
    try:
        return _described(certificate, files)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            f"{files.file or 'The certificate'} is malformed, or uses an algorithm that Gatepost does not know: "
            f"{error}. Have it issued again; host names with letters beyond a-z stand in it as xn--… (IDNA)."
        ) from error


def _described(certificate: x509.Certificate, files: Certificate) -> Loaded:
    return Loaded(
        files=files,
        names=_names(certificate),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        key_type=_key_type(certificate),
        end_point=end_point(certificate),
    )


def end_point(certificate: x509.Certificate) -> bytes:
    """The channel binding of RFC 5929 §4: the certificate, hashed as its own signature is."""
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None or algorithm.name in _WEAK:  # None: Ed25519 and the like, where the RFC leaves it open
        algorithm = hashes.SHA256()
    return certificate.fingerprint(algorithm)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    dns = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    return (*dns, *(str(address) for address in names.get_values_for_type(x509.IPAddress)))


def _key_type(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {'P-256' if key.curve.name == 'secp256r1' else key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return type(key).__name__.removesuffix("PublicKey").removeprefix("_")


def _parse_certificate(path: str, data: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(data)[0]
    except ValueError as error:
        raise CertificateError(
            f"{path} holds no certificate in PEM form (text that begins with -----BEGIN CERTIFICATE-----). "
            "Convert it, for DER with: openssl x509 -inform der -in FILE -out FILE.pem"
        ) from error


def _check_key(certificate: x509.Certificate, files: Certificate, read: Read) -> None:
    path = files.key or files.file
    try:
        key = serialization.load_pem_private_key(read(path, "key"), password=None)
    except TypeError as error:
        raise CertificateError(
            f"{path}: the key is protected by a passphrase, and a server starts with nobody there to type it. "
            f"Remove it: openssl pkey -in {path} -out KEY.pem, and keep that file at mode 0600."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            f"{path} holds no usable private key in PEM form (-----BEGIN PRIVATE KEY-----)."
            + ("" if files.key else " Name the key's file with `key`.")
        ) from error
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise CertificateError(
            f"{path} is not the key of the certificate in {files.file}. Give the key it was issued for; "
            "the server's own certificate must come first in its file."
        )


def _check_dates(loaded: Loaded, now: float) -> None:
    if now >= loaded.not_after:
        raise CertificateError(
            f"{loaded.files.file}: the certificate expired on {_day(loaded.not_after)}. Renew it; "
            "Gatepost takes up the new file by itself."
        )
    if now < loaded.not_before:
        raise CertificateError(
            f"{loaded.files.file}: the certificate is not valid before {_day(loaded.not_before)}, and this machine's "
            f"clock says {_day(int(now))}. Set the clock, or wait."
        )


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def read_file(path: str, what: str) -> bytes:
    """Reads a small file, and waits for nobody to write to a pipe of that name.

    Raises CertificateError that names the file and who may not read it.
    """
    try:
        return _octets(Path(path))
    except FileNotFoundError as error:
        raise CertificateError(f"There is no {what} file {path}. Correct the path, or create it.") from error
    except PermissionError as error:
        raise CertificateError(
            f"The {what} file {path}{_owner(path)} cannot be read by user {_user(os.geteuid())}. "
            f"Let this user read it (it must not be readable by everybody), or start Gatepost as root."
        ) from error
    except OSError as error:
        raise CertificateError(f"The {what} file {path} cannot be read: {error.strerror}.") from error


def _octets(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        return file.read(LARGEST)


def _owner(path: str) -> str:
    try:
        status = Path(path).stat()
    except OSError:
        return ""
    return f" (of {_user(status.st_uid)}, mode {stat.S_IMODE(status.st_mode):04o})"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def covers(names: tuple[str, ...], host: str) -> bool:
    """Whether a certificate with these names is good for `host` (RFC 9525 §6.3: `*` is one whole label)."""
    try:
        return str(ip_address(host)) in names
    except ValueError:
        host = host.lower().rstrip(".")
        return host in names or "*." + host.partition(".")[2] in names
