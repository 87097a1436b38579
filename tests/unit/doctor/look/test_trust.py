"""Whom a context trusts."""

from __future__ import annotations

import ssl
from types import SimpleNamespace

import certifi
import pytest

from gatepost.doctor.look import trust


def test_no_strict_check_and_no_renegotiation() -> None:
    context = trust.verifying()
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_platform_without_authorities_gets_bundled_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_: None)
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda _, file: loaded.append(file))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: SimpleNamespace(capath=str(tmp_path)))
    trust.verifying.__wrapped__()
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: SimpleNamespace(capath=None))
    trust.verifying.__wrapped__("own.pem")
    assert loaded == [certifi.where(), certifi.where(), "own.pem"]


def test_a_directory_of_authorities_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    (tmp_path / "0123abcd.0").touch()  # type: ignore[operator]
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: SimpleNamespace(capath=str(tmp_path)))
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert trust._system_has_roots(bare)


def test_weak_ciphers_do_not_weaken_other_contexts() -> None:
    trust.weak()
    old = trust.limited(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2)
    assert any("GCM" in cipher["name"] for cipher in old.get_ciphers())
