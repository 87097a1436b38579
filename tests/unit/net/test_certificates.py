from __future__ import annotations

import hashlib
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gatepost.config.settings import Certificate
from gatepost.errors import CertificateError
from gatepost.net import certificates
from gatepost.net.authority import ensure
from gatepost.net.certificates import covers, end_point, load

NOW = time.time()
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8


@pytest.fixture
def pair(tmp_path: Path) -> Certificate:
    return ensure(tmp_path, ["Mail.example.com", "*.example.org", "192.0.2.1"]).pair


def self_signed(
    key: Any, *names: str, algorithm: Any = None, extension: x509.ExtensionType | None = None
) -> x509.Certificate:
    name = x509.Name([])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    if extension:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, algorithm)


def save(path: Path, key: Any, certificate: x509.Certificate, password: bytes | None = None) -> Certificate:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    (path / "c.pem").write_bytes(certificate.public_bytes(PEM))
    (path / "k.pem").write_bytes(key.private_bytes(PEM, PKCS8, encryption))
    return Certificate(str(path / "c.pem"), str(path / "k.pem"))


def test_a_sound_pair(pair: Certificate) -> None:
    loaded = load(pair, NOW)
    assert loaded.names == ("mail.example.com", "*.example.org", "192.0.2.1")
    assert loaded.key_type == "ECDSA P-256"
    assert loaded.subject == "CN=mail.example.com"
    assert loaded.issuer.startswith("CN=Gatepost local authority")
    assert loaded.not_before < NOW < loaded.not_after
    der = x509.load_pem_x509_certificate(Path(pair.file).read_bytes()).public_bytes(serialization.Encoding.DER)
    assert loaded.end_point == hashlib.sha256(der).digest()
    assert loaded.fingerprint.replace(":", "").lower() == hashlib.sha256(der).hexdigest()


def test_key_and_certificate_in_one_file(pair: Certificate, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(Path(pair.key).read_bytes() + Path(pair.file).read_bytes())
    assert load(Certificate(str(both)), NOW).names
    with pytest.raises(CertificateError, match=r"no usable private key.*Name the key's file with `key`"):
        load(Certificate(pair.file), NOW)


def test_missing(pair: Certificate) -> None:
    with pytest.raises(CertificateError, match=r"no certificate file /nowhere\.pem"):
        load(Certificate("/nowhere.pem", pair.key), NOW)
    with pytest.raises(CertificateError, match=r"no key file /nowhere\.pem"):
        load(Certificate(pair.file, "/nowhere.pem"), NOW)
    with pytest.raises(CertificateError, match="cannot be read: Is a directory"):
        load(Certificate(str(Path(pair.file).parent), pair.key), NOW)


@pytest.mark.parametrize("visible", [True, False])
def test_unreadable(pair: Certificate, monkeypatch: pytest.MonkeyPatch, *, visible: bool) -> None:
    def forbidden(*_: object) -> int:
        raise PermissionError

    def hidden(_: Path) -> os.stat_result:
        raise PermissionError

    monkeypatch.setattr(certificates.os, "open", forbidden)
    monkeypatch.setattr(certificates.os, "geteuid", lambda: 4_000_000)
    if not visible:
        monkeypatch.setattr(Path, "stat", hidden)
    with pytest.raises(CertificateError, match="cannot be read by user 4000000") as caught:
        load(pair, NOW)
    assert ("mode 0644" in str(caught.value)) is visible


@pytest.mark.parametrize("garbage", [b"", b"\x30\x82\x01\x00", b"-----BEGIN CERTIFICATE-----\nx\n"])
def test_not_pem(pair: Certificate, garbage: bytes) -> None:
    Path(pair.file).write_bytes(garbage)
    with pytest.raises(CertificateError, match="no certificate in PEM form"):
        load(pair, NOW)


def test_key_not_pem(pair: Certificate) -> None:
    Path(pair.key).write_bytes(b"garbage")
    with pytest.raises(CertificateError, match=r"no usable private key in PEM form \(-----BEGIN PRIVATE KEY-----\)\.$"):
        load(pair, NOW)


def test_dates(pair: Certificate) -> None:
    with pytest.raises(CertificateError, match=r"expired on \d{4}-\d\d-\d\d"):
        load(pair, NOW + 400 * 86400)
    with pytest.raises(CertificateError, match="not valid before"):
        load(pair, NOW - 86400)


def test_not_its_key(pair: Certificate) -> None:
    with pytest.raises(CertificateError, match="is not the key of the certificate"):
        load(Certificate(pair.file, str(Path(pair.key).parent / "ca.key")), NOW)


def test_passphrase(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    files = save(tmp_path, key, self_signed(key, "a.test", algorithm=hashes.SHA256()), b"secret")
    with pytest.raises(CertificateError, match="protected by a passphrase"):
        load(files, NOW)


def test_no_names(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    files = save(tmp_path, key, self_signed(key, algorithm=hashes.SHA256()))
    with pytest.raises(CertificateError, match="names no server"):
        load(files, NOW)


def test_kinds_of_keys_and_their_end_points(tmp_path: Path) -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    certificate = self_signed(rsa_key, "a.test", algorithm=hashes.SHA512())
    assert load(save(tmp_path, rsa_key, certificate), NOW).key_type == "RSA 2048"
    assert len(end_point(certificate)) == 64
    edwards = ed25519.Ed25519PrivateKey.generate()
    certificate = self_signed(edwards, "a.test")
    assert load(save(tmp_path, edwards, certificate), NOW).key_type == "Ed25519"
    assert len(end_point(certificate)) == 32
    big = ec.generate_private_key(ec.SECP384R1())
    assert load(save(tmp_path, big, self_signed(big, "a.test", algorithm=hashes.SHA384())), NOW).key_type == (
        "ECDSA secp384r1"
    )


def test_weak_signatures_are_bound_with_sha256() -> None:
    class Old:
        signature_hash_algorithm = hashes.SHA1()

        def fingerprint(self, algorithm: hashes.HashAlgorithm) -> bytes:
            return algorithm.name.encode()

    assert end_point(Old()) == b"sha256"  # type: ignore[arg-type]


def test_covers() -> None:
    names = ("mail.example.com", "*.example.org", "192.0.2.1", "2001:db8::1")
    assert covers(names, "MAIL.example.com.")
    assert covers(names, "a.example.org")
    assert not covers(names, "a.b.example.org")
    assert not covers(names, "example.org")
    assert covers(names, "192.0.2.1")
    assert covers(names, "2001:DB8:0::1")
    assert not covers(names, "192.0.2.2")


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """As `openssl req -addext subjectAltName=DNS:münchen.example` makes it where files are in ISO 8859-1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = "münchen.example".encode("latin-1")
    names = b"\x82" + bytes((len(name),)) + name
    extension = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30" + bytes((len(names),)) + names)
    files = save(tmp_path, key, self_signed(key, extension=extension, algorithm=hashes.SHA256()))
    with pytest.raises(CertificateError, match=r"c\.pem is malformed.*xn--"):
        load(files, NOW)


def test_an_unknown_signature_algorithm(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = self_signed(key, "a.test", algorithm=hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    ecdsa_with_sha256, nothing_known = (bytes.fromhex("06082a8648ce3d0403" + last) for last in ("02", "7f"))
    odd = x509.load_der_x509_certificate(der.replace(ecdsa_with_sha256, nothing_known))
    with pytest.raises(CertificateError, match="uses an algorithm that Gatepost does not know"):
        load(save(tmp_path, key, odd), NOW)
