"""A local certificate authority, and the server certificate it issues, for the first day.

Until there is a certificate that everybody trusts, people can trust this authority's: one file, made on their
own machine. Its key never leaves the directory. Profiles follow RFC 5280 §4.2 closely enough for Python's
strict verification: key identifiers, key usage and basic constraints are all there and critical where they must be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from gatepost.config.settings import Certificate
from gatepost.errors import CertificateError
from gatepost.hostname import ascii_host
from gatepost.net.certificates import covers, load
from gatepost.net.private_folder import PrivateFolder

AUTHORITY_DAYS: Final = 3650
SERVER_DAYS: Final = 397
"""Apple's programs accept no server certificate that lives longer than 398 days."""
RENEW_DAYS: Final = 30
"""A server certificate is replaced when less than this is left."""
_CLOCKS_DIFFER: Final = timedelta(hours=1)
"""Certificates begin in the past, for clients whose clock is slow."""
_MAX_COMMON_NAME: Final = 64
"""RFC 5280, ub-common-name."""


class Paths(Struct, frozen=True):
    """The four files, in one directory."""

    authority: Path
    """What people add to their trusted authorities."""
    authority_key: Path
    certificate: Path
    key: Path

    @property
    def pair(self) -> Certificate:
        """The server's pair, as `TlsContexts` takes it."""
        return Certificate(str(self.certificate), str(self.key))


def paths(directory: Path) -> Paths:
    """Where the files are, whether they exist or not."""
    return Paths(directory / "ca.pem", directory / "ca.key", directory / "server.pem", directory / "server.key")


def ensure(directory: Path, hostnames: Sequence[str], *, now: datetime | None = None) -> Paths:
    """Makes what is missing, no longer valid or due for renewal; does nothing when all is well.

    `hostnames` are DNS names and IP addresses. Changing them issues a new server certificate under the same
    authority, so nobody has to trust anything anew. Raises CertificateError.
    """
    at = now or datetime.now(UTC)
    files = paths(directory)
    names = [_ascii(name) for name in hostnames]
    try:
        with PrivateFolder(directory, make=True) as folder:
            authority = _authority(folder, files, at)
            if not _serves(folder, files, authority.certificate, names, at):
                _issue(folder, files, authority, names, at)
    except OSError as error:
        raise CertificateError(
            f"Cannot keep certificates in {directory}: {error.strerror}. Let this user read and write it."
        ) from error
    return files


class _Authority(Struct, frozen=True):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def _authority(folder: PrivateFolder, files: Paths, now: datetime) -> _Authority:
    """The one that is there, if it still outlives a server certificate; else a new one."""
    with suppress(FileNotFoundError, ValueError, TypeError):
        certificate = x509.load_pem_x509_certificate(folder.read(files.authority.name))
        if certificate.not_valid_after_utc > now + timedelta(days=SERVER_DAYS):
            key = serialization.load_pem_private_key(folder.read(files.authority_key.name), password=None)
            if isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key():
                return _Authority(certificate, key)
    return _new_authority(folder, files, now)


def _new_authority(folder: PrivateFolder, files: Paths, now: datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # The name differs from authority to authority: clients that met two of the same name mix them up.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Gatepost local authority {serial & 0xFFFFFF:06x}")])
    usage = _usage(signs_certificates=True)
    builder = (
        _builder(name, name, key.public_key(), serial, now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256())
    _write_pair(folder, (files.authority, files.authority_key), certificate, key)
    return _Authority(certificate, key)


def _serves(
    folder: PrivateFolder, files: Paths, authority: x509.Certificate, hostnames: Iterable[str], now: datetime
) -> bool:
    def read(path: str, _: str) -> bytes:
        return folder.read(Path(path).name)

    try:
        loaded = load(files.pair, (now + timedelta(days=RENEW_DAYS)).timestamp(), read)
        certificate = x509.load_pem_x509_certificate(folder.read(files.certificate.name))
        certificate.verify_directly_issued_by(authority)
    except Exception:  # noqa: BLE001 -- whatever is wrong with the old one, the answer is a new one
        return False
    return all(covers(loaded.names, name) for name in hostnames)


def _issue(folder: PrivateFolder, files: Paths, authority: _Authority, hostnames: Sequence[str], now: datetime) -> None:
    if not hostnames:
        raise CertificateError("A server certificate needs at least one name. Set `server.hostname`.")
    key = ec.generate_private_key(ec.SECP256R1())
    common = hostnames[0] if len(hostnames[0]) <= _MAX_COMMON_NAME else "Gatepost"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    issuer_key = authority.key.public_key()
    serial = x509.random_serial_number()
    builder = (
        _builder(subject, authority.certificate.subject, key.public_key(), serial, now, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in hostnames]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )
    _write_pair(folder, (files.certificate, files.key), builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, serial: int, now: datetime, days: int
) -> x509.CertificateBuilder:
    start = now - _CLOCKS_DIFFER
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _ascii(name: str) -> str:
    try:
        return ascii_host(name).lower()
    except ValueError as error:
        raise CertificateError(f"{name!r} is no host name for a certificate. Correct `server.hostname`.") from error


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_pair(
    folder: PrivateFolder, names: tuple[Path, Path], certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    """Key first: a crash between the two leaves a pair that does not match, which `ensure` makes anew."""
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate_file, key_file = names
    folder.write(key_file.name, secret, 0o600)
    folder.write(certificate_file.name, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
