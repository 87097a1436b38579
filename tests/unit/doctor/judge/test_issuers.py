"""Who is in the issuer of a certificate."""

from __future__ import annotations

import pytest

from gatepost.doctor.judge.issuers import interceptor, is_kin, is_public


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


def test_kin_have_telling_words_in_common() -> None:
    assert is_kin("CN=Corp Issuing CA 1", "CN=Corp Root CA")
    assert is_kin("CN=Issuing 7,O=Example\\, Inc", "O=Example,CN=Root")
    assert not is_kin("CN=Corp Root CA", "CN=Corp Root CA")
    assert not is_kin("CN=Other Issuing CA", "CN=Corp Root CA")
    assert not is_kin("CN=Intermediate Certificate Authority", "CN=Root Certificate Authority")


@pytest.mark.parametrize(
    ("issuer", "product"),
    [
        ("CN=Norton Web/Mail Shield Root,O=Norton Web/Mail Shield", "Norton"),
        ("CN=Web/Mail Shield Root", "Avast"),
        ("CN=Bitdefender Personal CA.Net-Defender,O=Bitdefender", "Bitdefender"),
        ("CN=Kaspersky Anti-Virus Personal Root Certificate", "Kaspersky"),
        ("CN=ESET SSL Filter CA", "ESET"),
        ("CN=Panda Security SSL", "Panda"),
    ],
)
def test_programs_that_open_the_encryption(issuer: str, product: str) -> None:
    assert interceptor(issuer) == product
