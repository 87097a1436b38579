from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from gatepost.errors import CertificateError
from gatepost.net import authority
from gatepost.net.authority import RENEW_DAYS, SERVER_DAYS, ensure
from gatepost.net.tls import TlsContexts

NOW = datetime.now(UTC)
NAMES = ["mail.example.com", "192.0.2.1", "2001:db8::1"]


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_made_once(tmp_path: Path) -> None:
    directory = tmp_path / "tls"
    files = ensure(directory, NAMES)
    before = contents(directory)
    assert sorted(before) == ["ca.key", "ca.pem", "server.key", "server.pem"]
    assert ensure(directory, NAMES) == files == authority.paths(directory)
    assert ensure(directory, NAMES[:1]) == files
    assert contents(directory) == before
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert modes == {"ca.key": 0o600, "server.key": 0o600, "ca.pem": 0o644, "server.pem": 0o644}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", NAMES)
def test_strict_clients_accept_it(tmp_path: Path, name: str) -> None:
    files = ensure(tmp_path, NAMES)
    context = ssl.create_default_context(cafile=str(files.authority))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    client_in, client_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(client_in, client_out, server_hostname=name)
    server = TlsContexts([files.pair]).accept(name)
    for _ in range(3):
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            server.handshake(client_out.read())
            client_in.write(server.take())
    assert client.version() == "TLSv1.3"


def test_the_server_certificate_is_renewed_in_time(tmp_path: Path) -> None:
    ensure(tmp_path, NAMES)
    before = contents(tmp_path)
    ensure(tmp_path, NAMES, now=NOW + timedelta(days=SERVER_DAYS - RENEW_DAYS - 2))
    assert contents(tmp_path) == before
    ensure(tmp_path, NAMES, now=NOW + timedelta(days=SERVER_DAYS - RENEW_DAYS + 1))
    after = contents(tmp_path)
    assert after["ca.pem"] == before["ca.pem"]
    assert after["server.pem"] != before["server.pem"]
    certificate = x509.load_pem_x509_certificate(after["server.pem"])
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=398)


def test_a_new_name_issues_a_new_certificate_under_the_same_authority(tmp_path: Path) -> None:
    ensure(tmp_path, NAMES)
    before = contents(tmp_path)
    ensure(tmp_path, [*NAMES, "münchen.example"])
    after = contents(tmp_path)
    assert after["ca.pem"] == before["ca.pem"]
    assert after["server.pem"] != before["server.pem"]
    ensure(tmp_path, ["MÜNCHEN.example"])
    assert contents(tmp_path) == after


@pytest.mark.parametrize("lost", ["ca.pem", "ca.key"])
@pytest.mark.parametrize("how", ["gone", "garbage", "foreign"])
def test_a_lost_authority_is_made_anew_with_all_it_signed(tmp_path: Path, lost: str, how: str) -> None:
    ensure(tmp_path / "a", NAMES)
    ensure(tmp_path / "b", NAMES)
    before = contents(tmp_path / "a")
    match how:
        case "gone":
            (tmp_path / "a" / lost).unlink()
        case "garbage":
            (tmp_path / "a" / lost).write_bytes(b"garbage")
        case _:
            (tmp_path / "a" / lost).write_bytes((tmp_path / "b" / lost).read_bytes())
    ensure(tmp_path / "a", NAMES)
    after = contents(tmp_path / "a")
    assert all(after[name] != before[name] for name in before)
    TlsContexts([authority.paths(tmp_path / "a").pair])


def test_an_old_authority_is_replaced(tmp_path: Path) -> None:
    ensure(tmp_path, NAMES, now=NOW - timedelta(days=3400))
    before = contents(tmp_path)
    ensure(tmp_path, NAMES)
    assert contents(tmp_path)["ca.pem"] != before["ca.pem"]


def test_long_names(tmp_path: Path) -> None:
    name = "a" * 60 + ".example.com"
    certificate = x509.load_pem_x509_certificate(ensure(tmp_path, [name]).certificate.read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=Gatepost"


def test_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="at least one name"):
        ensure(tmp_path, [])
    with pytest.raises(CertificateError, match="no host name"):
        ensure(tmp_path, ["ü" * 100])
    (tmp_path / "file").write_text("")
    with pytest.raises(CertificateError, match="Cannot keep certificates"):
        ensure(tmp_path / "file", NAMES)


def test_a_crash_between_key_and_certificate_is_mended(tmp_path: Path) -> None:
    files = ensure(tmp_path, NAMES)
    (tmp_path / "server.key.new").write_text("left behind")
    files.key.write_bytes(files.authority_key.read_bytes())
    ensure(tmp_path, NAMES)
    TlsContexts([files.pair])
    assert not (tmp_path / "server.key.new").exists()
