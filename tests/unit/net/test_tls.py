"""Contexts and the pipe: names, tickets over forks and reloads, client certificates, hostile records."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gatepost.config.settings import Certificate
from gatepost.errors import CertificateError
from gatepost.net import authority
from gatepost.net.authority import ensure
from gatepost.net.pipe import BarrenError, TlsPipe
from gatepost.net.tls import TlsContexts

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def client_context(files: authority.Paths, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files.authority))
    context.minimum_version = context.maximum_version = version
    return context


class Wire:
    """A client and a server pipe, back to back."""

    def __init__(
        self, pipe: TlsPipe, context: ssl.SSLContext, name: str, session: ssl.SSLSession | None = None
    ) -> None:
        self.pipe = pipe
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name, session=session)
        done = False
        while not done:
            try:
                self.client.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            self.up = pipe.handshake(self.outgoing.read())
            self.incoming.write(pipe.take())
        self.read()

    def read(self) -> bytes:
        try:
            return self.client.read(1 << 20)
        except ssl.SSLWantReadError:
            return b""

    def to_server(self, data: bytes) -> bytes:
        self.client.write(data)
        return self.pipe.receive(self.outgoing.read())


@pytest.fixture
def files(tmp_path: Path) -> authority.Paths:
    return ensure(tmp_path / "a", ["a.test", "*.wild.test"])


@pytest.mark.parametrize("version", VERSIONS)
def test_both_ways(files: authority.Paths, version: ssl.TLSVersion) -> None:
    contexts = TlsContexts([files.pair])
    wire = Wire(contexts.accept("a.test"), client_context(files, version), "a.test")
    assert wire.up
    assert wire.to_server(b"hello") == b"hello"
    assert wire.to_server(b"z" * 300_000) == b"z" * 300_000
    for size in (1, 100_000):
        wire.incoming.write(wire.pipe.send(b"y" * size))
        got = b""
        while len(got) < size:
            got += wire.client.read(1 << 20)
    info = wire.pipe.info()
    assert info.version == wire.client.version()
    assert info.sni == "a.test"
    assert not info.resumed
    assert info.server_end_point == contexts.loaded[0].end_point
    assert info.exporter == b""
    assert info.client_identity == ""


def test_ciphers_are_strong_and_the_client_chooses(files: authority.Paths) -> None:
    context = client_context(files, ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256")
    wire = Wire(TlsContexts([files.pair]).accept(""), context, "a.test")
    assert wire.pipe.info().cipher == "ECDHE-ECDSA-CHACHA20-POLY1305"
    context.set_ciphers("AES128-SHA:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match=r"NO_SHARED_CIPHER|no shared cipher"):
        Wire(TlsContexts([files.pair]).accept(""), context, "a.test")


def test_the_minimum_can_be_raised(files: authority.Paths) -> None:
    contexts = TlsContexts([files.pair], minimum="TLSv1.3")
    with pytest.raises(ssl.SSLError):
        Wire(contexts.accept(""), client_context(files, ssl.TLSVersion.TLSv1_2), "a.test")


def test_certificates_by_name(tmp_path: Path, files: authority.Paths) -> None:
    other = ensure(tmp_path / "b", ["b.test", "exact.wild.test"])
    contexts = TlsContexts([files.pair, other.pair])
    first, second = (loaded.end_point for loaded in contexts.loaded)

    def served(name: str) -> bytes:
        context = client_context(files)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return Wire(contexts.accept(name), context, name or "x.test").pipe.info().server_end_point

    assert [served(name) for name in ("a.test", "b.test")] == [first, second]
    assert [served(name) for name in ("any.wild.test", "exact.wild.test")] == [first, second]
    assert [served(name) for name in ("", "unknown.test", "x.y.wild.test", "wild.test")] == [first] * 4


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_survive_a_reload(files: authority.Paths, version: ssl.TLSVersion) -> None:
    contexts = TlsContexts([files.pair])
    context = client_context(files, version)
    wire = Wire(contexts.accept("a.test"), context, "a.test")
    contexts.reload()
    again = Wire(contexts.accept("a.test"), context, "a.test", wire.client.session)
    assert again.client.session_reused
    assert again.pipe.info().resumed
    assert wire.to_server(b"still here") == b"still here"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_renewed_certificate_ends_the_tickets(files: authority.Paths, version: ssl.TLSVersion) -> None:
    """Both sides must mean the same certificate by `tls-server-end-point`, and a resumed session has the old one."""
    contexts = TlsContexts([files.pair])
    context = client_context(files, version)
    wire = Wire(contexts.accept("a.test"), context, "a.test")
    before = contexts.loaded[0]
    ensure(files.key.parent, ["a.test", "new.test"])
    contexts.reload()
    assert contexts.loaded[0].fingerprint != before.fingerprint
    again = Wire(contexts.accept("a.test"), context, "a.test", wire.client.session)
    assert not again.client.session_reused
    seen = again.client.getpeercert(binary_form=True)
    assert seen is not None
    assert again.pipe.info().server_end_point == hashlib.sha256(seen).digest() != before.end_point
    then = Wire(contexts.accept("a.test"), context, "a.test", again.client.session)
    assert then.client.session_reused
    assert wire.to_server(b"still here") == b"still here"


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_resume_in_every_worker(files: authority.Paths, version: ssl.TLSVersion) -> None:
    """Two forked processes behind one port: sessions of one resume in the other."""
    contexts = TlsContexts([files.pair])
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    workers = [fork_worker(contexts, each) for each in listening]
    context = client_context(files, version)
    session: ssl.SSLSession | None = None
    seen = []
    for turn in range(4):
        with (
            socket.create_connection(listening[turn % 2].getsockname()) as raw,
            context.wrap_socket(raw, server_hostname="a.test", session=session) as wrapped,
        ):
            pid = int(wrapped.recv(100))
            seen.append((pid, wrapped.session_reused))
            session = wrapped.session
    for each in listening:
        each.close()
    for worker in workers:
        assert os.waitpid(worker, 0)[1] == 0
    assert seen == [(workers[0], False), (workers[1], True), (workers[0], True), (workers[1], True)]


def fork_worker(contexts: TlsContexts, listening: socket.socket) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for _ in range(2):
            accepted, _ = listening.accept()
            pipe = contexts.accept("a.test")
            while not pipe.handshake(accepted.recv(65536)):
                accepted.sendall(pipe.take())
            accepted.sendall(pipe.take() + pipe.send(str(os.getpid()).encode()))
            accepted.close()
        code = 0
    finally:
        os._exit(code)


def test_reload_is_all_or_nothing(tmp_path: Path, files: authority.Paths) -> None:
    other = ensure(tmp_path / "b", ["b.test"])
    contexts = TlsContexts([files.pair, other.pair])
    before = contexts.loaded
    ensure(files.key.parent, ["a.test", "new.test"])
    other.key.write_bytes(b"garbage")
    with pytest.raises(CertificateError):
        contexts.reload()
    assert contexts.loaded == before
    wire = Wire(contexts.accept("a.test"), client_context(files), "a.test")
    assert wire.pipe.info().server_end_point == before[0].end_point
    assert contexts.reload([files.pair])[0].names == ("a.test", "new.test")
    assert len(contexts.loaded) == 1
    with pytest.raises(CertificateError, match="no certificate to serve"):
        contexts.reload([])


def test_paths(files: authority.Paths) -> None:
    contexts = TlsContexts(
        [files.pair, Certificate(files.pair.file, files.pair.key)], client_cas=["", str(files.authority)]
    )
    assert contexts.paths == (str(files.certificate), str(files.key), str(files.authority))


def test_what_openssl_alone_finds_wrong(files: authority.Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ssl.SSLError(1, "EE_KEY_TOO_SMALL")

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", refuse)
    with pytest.raises(CertificateError, match=r"OpenSSL does not accept the pair: .*EE_KEY_TOO_SMALL"):
        TlsContexts([files.pair])


class TestClientCertificates:
    def issue(self, files: authority.Paths, directory: Path, *names: x509.GeneralName) -> tuple[str, str]:
        issuer = x509.load_pem_x509_certificate(files.authority.read_bytes())
        issuer_key = serialization.load_pem_private_key(files.authority_key.read_bytes(), None)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        certificate = builder.sign(issuer_key, hashes.SHA256())  # type: ignore[arg-type]
        pem = serialization.Encoding.PEM
        (directory / "c.pem").write_bytes(certificate.public_bytes(pem))
        (directory / "c.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return str(directory / "c.pem"), str(directory / "c.key")

    @pytest.mark.parametrize("version", VERSIONS)
    def test_identity(self, tmp_path: Path, files: authority.Paths, version: ssl.TLSVersion) -> None:
        ca = str(files.authority)
        contexts = TlsContexts([files.pair], client_cas=["", ca])
        own = client_context(files, version)
        own.load_cert_chain(
            *self.issue(
                files, tmp_path, x509.DNSName("x.test"), x509.RFC822Name("alice@a.test"), x509.RFC822Name("b@c")
            )
        )
        assert Wire(contexts.accept("a.test", ca), own, "a.test").pipe.info().client_identity == "alice@a.test"
        assert Wire(contexts.accept("a.test"), own, "a.test").pipe.info().client_identity == ""
        without = client_context(files, version)
        assert Wire(contexts.accept("a.test", ca), without, "a.test").pipe.info().client_identity == ""

    @pytest.mark.parametrize("version", VERSIONS)
    def test_an_identity_is_proved_anew_each_time(
        self, tmp_path: Path, files: authority.Paths, version: ssl.TLSVersion
    ) -> None:
        """A session that is resumed would vouch for it when its certificate or authority has come to its end."""
        clients = tmp_path / "clients.pem"
        clients.write_bytes(files.authority.read_bytes())
        contexts = TlsContexts([files.pair], client_cas=["", str(clients)])
        own = client_context(files, version)
        own.load_cert_chain(*self.issue(files, tmp_path, x509.RFC822Name("alice@a.test")))
        first = Wire(contexts.accept("a.test", str(clients)), own, "a.test")
        assert first.pipe.info().client_identity == "alice@a.test"
        assert not first.client.session.has_ticket
        first.pipe.close()
        again = Wire(contexts.accept("a.test", str(clients)), own, "a.test", first.client.session)
        assert not again.pipe.info().resumed
        assert again.pipe.info().client_identity == "alice@a.test"
        clients.write_bytes(ensure(tmp_path / "others", ["x.test"]).authority.read_bytes())
        contexts.reload()
        with pytest.raises(ssl.SSLCertVerificationError):
            Wire(contexts.accept("a.test", str(clients)), own, "a.test", first.client.session)

    def test_workers_need_not_read_the_authorities(self, files: authority.Paths) -> None:
        """Their user may have no right to."""
        contexts = TlsContexts([files.pair], client_cas=[str(files.authority)])
        context = client_context(files, ssl.TLSVersion.TLSv1_2)
        files.authority.unlink()
        for _ in range(2):
            assert Wire(contexts.accept("a.test", str(files.authority)), context, "a.test").up

    @pytest.mark.parametrize("names", [(), (x509.DNSName("x.test"),)])
    def test_no_address_in_it(
        self, tmp_path: Path, files: authority.Paths, names: tuple[x509.GeneralName, ...]
    ) -> None:
        ca = str(files.authority)
        contexts = TlsContexts([files.pair], client_cas=[ca])
        own = client_context(files)
        own.load_cert_chain(*self.issue(files, tmp_path, *names))
        assert Wire(contexts.accept("a.test", ca), own, "a.test").pipe.info().client_identity == ""

    def test_a_stranger_is_refused(self, tmp_path: Path, files: authority.Paths) -> None:
        strangers = ensure(tmp_path / "strangers", ["a.test"])
        ca = str(files.authority)
        contexts = TlsContexts([files.pair], client_cas=[ca])
        own = client_context(files)
        own.load_cert_chain(*self.issue(strangers, tmp_path, x509.RFC822Name("alice@a.test")))
        with pytest.raises(ssl.SSLCertVerificationError):
            Wire(contexts.accept("a.test", ca), own, "a.test")

    def test_not_an_authority(self, files: authority.Paths) -> None:
        with pytest.raises(CertificateError, match=r"client_ca.*holds no certificate authorities"):
            TlsContexts([files.pair], client_cas=[str(files.key)])


class TestHostileRecords:
    def test_a_goodbye_and_what_comes_with_it(self, files: authority.Paths) -> None:
        wire = Wire(TlsContexts([files.pair]).accept("a.test"), client_context(files), "a.test")
        wire.client.write(b"last")
        with pytest.raises(ssl.SSLWantReadError):
            wire.client.unwrap()
        assert wire.pipe.receive(wire.outgoing.read()) == b"last"
        assert wire.pipe.ended
        assert wire.pipe.close()

    def test_renegotiation_is_refused(self, files: authority.Paths) -> None:
        contexts = TlsContexts([files.pair])
        base = contexts._bases[""]
        assert base.options & ssl.OP_NO_RENEGOTIATION
        assert base.num_tickets == 1

    def test_octets_that_carry_nothing(self, files: authority.Paths) -> None:
        """A KeyUpdate flood as the pipe sees it: records go in, no data comes out."""
        pipe = TlsContexts([files.pair]).accept("a.test")
        wire = Wire(pipe, client_context(files), "a.test")
        wire.client.write(b"q" * 10_000)
        record = wire.outgoing.read()
        for octet in record[:-1]:
            assert pipe.receive(bytes((octet,))) == b""
        assert pipe.receive(record[-1:]) == b"q" * 10_000
        pipe._barren = TlsPipe.BARREN
        wire.client.write(b"q" * 10_000)
        record = wire.outgoing.read()
        with pytest.raises(BarrenError):
            pipe.receive(record[:-1])
