from __future__ import annotations

from pathlib import Path

from gatepost.config.settings import Certificate, ServiceSettings, Settings, Tls
from gatepost.config.shape import Findings
from gatepost.net.authority import ensure
from gatepost.net.certificate_check import check_certificates


def told(settings: Settings) -> list[str]:
    findings = Findings(None, {})
    check_certificates(settings, findings)
    return [f"{each.problem} | {each.fix}" for each in findings.all]


def test_what_is_good(tmp_path: Path) -> None:
    files = ensure(tmp_path, ["localhost"])
    services = {"pop3s": ServiceSettings(client_ca=str(files.authority))}
    assert told(Settings(tls=Tls(certificate=(files.pair,)), service=services)) == []


def test_what_is_not(tmp_path: Path) -> None:
    files = ensure(tmp_path, ["localhost"])
    alone = Certificate(str(files.certificate), "")
    (tmp_path / "text").write_text("x")
    services = {"pop3s": ServiceSettings(client_ca=str(tmp_path / "text"))}
    first, second = told(Settings(tls=Tls(certificate=(alone,)), service=services))
    assert "holds no usable private key" in first
    assert first.endswith("| Name the key's file with `key`.")
    assert "holds no certificate authorities in PEM form | Name a file of text" in second


def test_what_cannot_be_read_is_told_by_others(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    services = {"pop3s": ServiceSettings(client_ca=absent)}
    assert told(Settings(tls=Tls(certificate=(Certificate(absent, absent),)), service=services)) == []
