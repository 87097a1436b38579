"""Who is in the issuer of a certificate."""

from __future__ import annotations

import pytest

from gatepost.doctor.judge.issuers import interceptor, is_public


@pytest.mark.parametrize(
    ("issuer", "product"),
    [
        ("O=AVG Technologies,CN=AVG Web Shield Root", "AVG"),
        ("CN=FGT60E,O=Fortinet,C=US", "Fortinet FortiGate"),
        ("CN=fortigate CA", "Fortinet FortiGate"),
        ("CN=mitmproxy", "mitmproxy"),
        ("CN=G DATA Mail Scanner Root", "G DATA"),
        ("CN=Preset CA", ""),
        ("CN=Savgard Root", ""),
        ("CN=DrXWeb", ""),
        ("", ""),
    ],
)
def test_who_stands_between_is_known_by_whole_words(issuer: str, product: str) -> None:
    assert interceptor(issuer) == product


@pytest.mark.parametrize(
    ("issuer", "public"),
    [
        ("CN=R11,O=Let's Encrypt,C=US", True),
        ("CN=DIGICERT TLS RSA SHA256 2020 CA1", True),
        ("CN=Amazonas Verein", False),
        ("CN=mail.example.com", False),
    ],
)
def test_who_is_trusted_everywhere(issuer: str, public: bool) -> None:
    assert is_public(issuer) is public
