"""What every server gets: the same users, mail, password and certificate."""

from __future__ import annotations

import base64
import datetime as dt
import mailbox
import random
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DOMAIN = "bench.test"
HOST = "127.0.0.1"
PASSWORD = "correct-horse-battery-9"


@dataclass(frozen=True, slots=True)
class Workload:
    """Users `u000@bench.test`… with their mail, and one user with a large maildrop."""

    directory: Path
    users: int = 32
    messages: int = 10
    size: int = 20_000
    """Octets of a message as sent, CRLF counted."""
    large_messages: int = 100_000
    large_size: int = 1_000

    @property
    def logins(self) -> tuple[str, ...]:
        """The ordinary users."""
        return tuple(f"u{number:03}@{DOMAIN}" for number in range(self.users))

    @property
    def large(self) -> str:
        """The one with the large maildrop."""
        return f"large@{DOMAIN}"

    @property
    def certificate(self) -> Path:
        """PEM, ECDSA P-256, self-signed."""
        return self.directory / "cert.pem"

    @property
    def key(self) -> Path:
        return self.directory / "key.pem"

    def maildir(self, login: str) -> Path:
        """Where the user's mail waits to be imported."""
        return self.directory / "maildirs" / login

    def mail(self, login: str) -> Iterator[bytes]:
        """The user's messages in order, with CRLF."""
        large = login == self.large
        count, size = (self.large_messages, self.large_size) if large else (self.messages, self.size)
        return (message(login, number, size) for number in range(count))


def message(login: str, number: int, size: int) -> bytes:
    """A message of exactly `size` octets, the same in every run, different for every user and number."""
    head = (
        f"From: Sender <sender@example.org>\r\nTo: <{login}>\r\nSubject: Message {number} for {login}\r\n"
        f"Date: Tue, 04 Mar 2025 10:{number // 60 % 60:02}:{number % 60:02} +0000\r\n"
        f"Message-ID: <{number}.{login}>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    ).encode()
    noise = base64.b64encode(random.Random(f"{login}/{number}").randbytes(size))
    lines = b"\r\n".join(noise[at : at + 76] for at in range(0, len(noise), 76))
    body = (head + lines)[: size - 2]
    # A cut inside a line end would leave a bare CR before the last CRLF.
    return body.rstrip(b"\r\n").ljust(size - 2, b"x") + b"\r\n"


def write_certificate(load: Workload) -> None:
    """Makes the key and the certificate that all servers show."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"mail.{DOMAIN}")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"mail.{DOMAIN}")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    load.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    load.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    load.key.chmod(0o600)


def write_maildir(load: Workload, login: str) -> Path:
    """Writes the user's mail as a Maildir with LF line ends, as delivery agents do; returns its place."""
    place = load.maildir(login)
    place.parent.mkdir(parents=True, exist_ok=True)
    mailbox.Maildir(place, create=True)
    for number, content in enumerate(load.mail(login)):
        name = f"{1_700_000_000 + number}.M{number:06}.bench"
        Path(place, "new", name).write_bytes(content.replace(b"\r\n", b"\n"))
    return place


def client_context(load: Workload) -> ssl.SSLContext:
    """TLS 1.3 with a P-256 key exchange. Nothing keeps sessions, so that every handshake is a full one."""
    context = ssl.create_default_context(cafile=str(load.certificate))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_ecdh_curve("prime256v1")
    return context


def server_context(load: Workload) -> ssl.SSLContext:
    """What the bare loop shows; one session ticket, like Gatepost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(load.certificate, load.key)
    context.num_tickets = 1
    return context
