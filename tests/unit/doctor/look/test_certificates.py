"""What is read of a certificate, and that nothing in it can hurt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, x25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from gatepost.doctor.look.certificates import certificate
from support.doctor_zoo import Authority, self_signed

HOME = Authority()
DER = serialization.Encoding.DER


def der(identity: object) -> bytes:
    return identity.chain[0].public_bytes(DER)  # type: ignore[attr-defined]


def test_a_sound_one() -> None:
    read = certificate(der(HOME.issue("mail.example.test", "192.0.2.1", aia="http://ca.example.test/ca.crt")))
    assert read.subject == "CN=mail.example.test"
    assert read.issuer == "CN=Zoo authority"
    assert read.names == ("mail.example.test", "192.0.2.1")
    assert (read.key, read.key_bits, read.signature) == ("EC P-256", 256, "sha256")
    assert (read.server_auth, read.authority_key_id, read.is_authority) == (True, True, False)
    assert read.issuer_url == "http://ca.example.test/ca.crt"
    assert len(read.sha256) == 64


def test_what_is_missing_or_weak() -> None:
    read = certificate(der(HOME.issue("x", key="rsa1024", san=False, server_auth=False, aki=False)))
    assert (read.names, read.common_name) == ((), "x")
    assert (read.key, read.key_bits) == ("RSA 1024", 1024)
    assert (read.server_auth, read.authority_key_id, read.issuer_url) == (False, False, "")
    assert certificate(der(self_signed("x"))).server_auth


def test_an_authority() -> None:
    assert certificate(HOME.certificate.public_bytes(DER)).is_authority


def made(key: object, subject: str = "x", *extensions: x509.ExtensionType, named: bool = True) -> bytes:
    signer = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)] if named else [])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name,
        name,
        key.public_key(),
        5,
        now,
        now + timedelta(days=1),  # type: ignore[attr-defined]
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(DER)


def test_every_kind_of_key() -> None:
    keys = {
        "Ed25519": ed25519.Ed25519PrivateKey.generate(),
        "Ed448": ed448.Ed448PrivateKey.generate(),
        "EC P-384": ec.generate_private_key(ec.SECP384R1()),
        "EC secp256k1": ec.generate_private_key(ec.SECP256K1()),
        "DSA 1024": dsa.generate_private_key(1024),
        "X25519PublicKey": x25519.X25519PrivateKey.generate(),
    }
    for name, key in keys.items():
        assert certificate(made(key)).key == name


def test_an_eddsa_signature_has_no_hash() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([])
    now = datetime.now(UTC)
    signed = x509.CertificateBuilder(name, name, key.public_key(), 5, now, now + timedelta(days=1)).sign(key, None)
    read = certificate(signed.public_bytes(DER))
    assert (read.signature, read.common_name, read.subject) == ("", "", "")


def test_any_use_is_a_servers_use() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    assert certificate(made(key, "x", x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]))).server_auth


def test_other_access_descriptions_are_no_issuer() -> None:
    ocsp = x509.AccessDescription(
        x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example.test")
    )
    assert (
        certificate(made(ed25519.Ed25519PrivateKey.generate(), "x", x509.AuthorityInformationAccess([ocsp]))).issuer_url
        == ""
    )


def test_names_that_a_terminal_would_obey() -> None:
    read = certificate(made(ed25519.Ed25519PrivateKey.generate(), "\x1b[2Jx"))
    assert read.common_name == "\\x1b[2Jx"
    assert "\x1b" not in read.subject


def test_a_long_list_of_names_is_cut() -> None:
    many = x509.SubjectAlternativeName([x509.DNSName(f"{number}.example.test") for number in range(1500)])
    assert len(certificate(made(ed25519.Ed25519PrivateKey.generate(), "x", many)).names) == 1000


def test_rubbish_has_a_fingerprint() -> None:
    read = certificate(b"rubbish")
    assert read.subject.startswith("(unreadable: ")
    assert len(read.sha256) == 64


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_spoilt_one_raises_nothing(place: int, octet: int) -> None:
    octets = bytearray(SOUND)
    octets[place % len(octets)] = octet
    assert len(certificate(bytes(octets)).sha256) == 64


SOUND = der(HOME.issue("mail.example.test", "192.0.2.1", aia="http://ca.example.test/ca.crt"))
