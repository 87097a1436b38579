"""Facts in, (id, status) out: the TLS session."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.facts import Contact, VersionTried
from gatepost.doctor.judge.tls import judge
from support.wire_facts import BOOK, SILENT, VERIFIED, VERSIONS, contact, failed_handshake, told, unreached, untrusted

GOOD = [("V0", "pass"), ("V9", "pass")]


def refused(error: str, versions: tuple[VersionTried, ...] = (), **facts: object) -> Contact:
    return contact(handshake=failed_handshake(error), versions=versions, greeting=None, inside_tls=None, **facts)


def accepting(*names: str, service: str = "pop3s") -> Contact:
    return contact(service, versions=tuple(replace(each, accepted=each.what in names) for each in VERSIONS))


OLD = (VersionTried("TLSv1", True, "AES256-SHA"), VersionTried("TLSv1.2", False))
SPECIMENS = {
    "1.2 and 1.3": (contact(), GOOD),
    "1.2 and 1.3 by STARTTLS": (contact("submission"), GOOD),
    "versions not tried": (contact(versions=()), [("V0", "pass")]),
    "certificate not trusted": (untrusted(code=18), GOOD),
    "certificate not trusted, not looked at": (refused("CERTIFICATE_VERIFY_FAILED"), []),
    "only old versions": (refused("TLSV1_ALERT_PROTOCOL_VERSION", OLD), [("V1", "fail")]),
    "no version in common, others not tried": (refused("UNSUPPORTED_PROTOCOL"), [("V1", "fail")]),
    "no version in common, and no old one either": (
        refused("TLSV1_ALERT_PROTOCOL_VERSION", OLD[1:]),
        [("X30", "fail")],
    ),
    "agreed on an old version": (contact(handshake=replace(VERIFIED, version="TLSv1.1")), [("V1", "fail")]),
    "only 1.3": (accepting("TLSv1.3"), [("V0", "pass"), ("V2", "info"), ("V9", "pass")]),
    "only 1.2": (
        replace(accepting("TLSv1.2"), handshake=replace(VERIFIED, version="TLSv1.2")),
        [("V0", "pass"), ("V8", "info"), ("V9", "pass")],
    ),
    "no common cipher": (refused("SSLV3_ALERT_HANDSHAKE_FAILURE"), [("V3", "fail")]),
    "client certificate wanted": (refused("TLSV13_ALERT_CERTIFICATE_REQUIRED"), [("V4", "fail")]),
    "client certificate wanted after the handshake": (
        contact(handshake=replace(VERIFIED, error="TLSV13_ALERT_CERTIFICATE_REQUIRED"), greeting=None),
        [("V4", "fail")],
    ),
    "broken after the handshake": (
        contact(handshake=replace(VERIFIED, error="TLSV1_ALERT_INTERNAL_ERROR"), greeting=None),
        [("X30", "fail")],
    ),
    "weak versions too": (accepting("TLSv1", "TLSv1.2", "TLSv1.3"), [("V0", "pass"), ("V5", "warn")]),
    "weak versions between servers": (
        accepting("TLSv1", "TLSv1.2", "TLSv1.3", service="smtp"),
        [("V0", "pass"), ("V5", "info")],
    ),
    "our library cannot try": (
        contact(versions=(VersionTried("TLSv1", False, testable=False), *VERSIONS[1:])),
        [("V0", "pass"), ("S5", "skip")],
    ),
    "small Diffie-Hellman": (refused("DH_KEY_TOO_SMALL"), [("V6", "fail")]),
    "name refused": (refused("TLSV1_UNRECOGNIZED_NAME_ALERT", without_sni=VERIFIED), [("X20", "fail")]),
    "server's own fault": (refused("TLSV1_ALERT_INTERNAL_ERROR", without_sni=failed_handshake()), [("X30", "fail")]),
    "key too small to look at": (refused("EE_KEY_TOO_SMALL"), []),
    "not reached": (unreached(), []),
    "no TLS": (contact("pop3", plain=SILENT, upgrade=None), []),
    "hung up": (refused("UNEXPECTED_EOF"), []),
}


@pytest.mark.parametrize(("seen", "expected"), SPECIMENS.values(), ids=SPECIMENS)
def test_specimens(seen: Contact, expected: list[tuple[str, str]]) -> None:
    assert told(judge(seen, BOOK)) == expected


def test_weak_versions_are_named() -> None:
    weak = judge(accepting("TLSv1", "TLSv1.1", "TLSv1.2"), BOOK)[-1]
    assert "TLSv1, TLSv1.1" in weak.title
