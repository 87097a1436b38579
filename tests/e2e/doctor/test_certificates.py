"""The zoo, part two: certificates, and TLS itself. Rows C and V."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from support.doctor_zoo import IMPLICIT, STARTTLS, Authority, Identity, Script, healthy, raw, self_signed, tls
from support.specimens import HOME, HOST, Specimen, confirm, examined, identity, ids

V10, V11, V12, V13 = (
    ssl.TLSVersion.TLSv1,
    ssl.TLSVersion.TLSv1_1,
    ssl.TLSVersion.TLSv1_2,
    ssl.TLSVersion.TLSv1_3,
)
STRANGER = Authority("Example Company internal CA")
BETWEEN = HOME.intermediate()
FINISHED = HOME.intermediate("Zoo intermediate of last year", days=(-400, -30))
AIA = "http://ca.example.test/intermediate.der"
SMALL_GROUP = """\
-----BEGIN DH PARAMETERS-----
MIGHAoGBAKBAUdIXr6FJT3VDUibkGtcbsWElS02k6oa9NdyYzCL8LJn6WyjgbQCD
6tR0Uq1yRMkQaVJQLi1eFhHGoRRgaeDiPvXGN1xMysdfU03vuDEe8hKIpqfOIn0v
BTHXGtij8uVPcwQahJHmWLNUGYnfbaZt3O8Nn4QLUWX0/B7ico0XAgEC
-----END DH PARAMETERS-----
"""
"""1024 bits, as they were common until Logjam (2015)."""


def shows(identity: Identity, protocol: str = "pop3", **changes: object) -> Script:
    """A server that is well apart from its certificate."""
    return healthy(protocol, identity, mode=STARTTLS if "mode" in changes else IMPLICIT)


def speaks(lowest: ssl.TLSVersion, highest: ssl.TLSVersion, **settings: str) -> Script:
    """A server that is well apart from its TLS."""
    return healthy("imap", identity()).but(context=tls(identity(), lowest, highest, **settings))  # type: ignore[arg-type]


def alert(number: int) -> Script:
    """Answers a ClientHello with a fatal alert (RFC 8446 §6)."""
    return raw(bytes((21, 3, 3, 0, 2, 2, number)), after=b"\x16")


def small_group(folder: Path) -> Script:
    """Offers nothing but a Diffie-Hellman group that is too small."""
    file = folder / "dh.pem"
    file.write_text(SMALL_GROUP)
    context = tls(HOME.issue(HOST, key="rsa2048"), V12, V12, ciphers="DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
    context.load_dh_params(str(file))
    return healthy("imap", identity()).but(context=context)


def by_name() -> Script:
    """The right certificate for those who say the name, another one for the others."""
    context = tls(HOME.issue("other.example.test"), for_names={HOST: identity()})
    return healthy("pop3", identity()).but(context=context)


def old_root_sent() -> Identity:
    """With a root that has expired; programs that know the new one, with the same key, do not mind."""
    sound = HOME.issue(HOST)
    return Identity((*sound.chain, HOME.signed((-4000, -30))), sound.key)


SPECIMENS = (
    Specimen("C0", shows(HOME.issue("*.example.test")), called="wildcard"),
    Specimen("C0", shows(BETWEEN.issue(HOST)), called="chain"),
    Specimen("C0", shows(HOME.issue("127.0.0.1")), host="127.0.0.1", called="address"),
    Specimen("C1", shows(HOME.issue(HOST, days=(-100, -3)))),
    Specimen("C1", shows(HOME.issue(HOST, days=(-100, -3)), "smtp", mode=STARTTLS), "submission"),
    Specimen("C1", shows(HOME.issue("other.example.test", days=(-100, -3))), also="C3", called="and-wrong-name"),
    Specimen("C2", shows(HOME.issue(HOST, days=(1, 90)))),
    Specimen("C3", shows(HOME.issue("www.example.test", "example.test"))),
    Specimen("C3", shows(HOME.issue("*.example.test"), "imap"), "imaps", host="a.mail.example.test", called="too-deep"),
    Specimen("C3", shows(HOME.issue(HOST)), host="127.0.0.1", called="address"),
    Specimen("C4", shows(self_signed(HOST))),
    Specimen("C4", shows(self_signed(HOST), "imap", mode=STARTTLS), "imap", login=True, called="password-kept"),
    Specimen("C5", shows(STRANGER.issue(HOST, sends="all"))),
    Specimen("C5", shows(Authority("Avast Web/Mail Shield Root").issue(HOST)), called="antivirus"),
    Specimen("C6", shows(BETWEEN.issue(HOST, sends="leaf", aia=AIA))),
    Specimen("C6", shows(Authority("R11, Let's Encrypt").issue(HOST)), called="public-authority"),
    Specimen("C7", shows(STRANGER.issue(HOST))),
    Specimen("C8", shows(HOME.issue(HOST, server_auth=False))),
    Specimen("C9", shows(HOME.issue(HOST, aki=False))),
    Specimen("C10", shows(HOME.issue(HOST, san=False))),
    Specimen("C11", shows(HOME.issue(HOST, key="rsa1024"))),
    Specimen("C12", shows(HOME.issue(HOST, days=(-80, 5)))),
    Specimen("C16", by_name()),
    Specimen("C17", shows(FINISHED.issue(HOST))),
    Specimen("C17", shows(FINISHED.issue(HOST), "imap", mode=STARTTLS), "imap", called="by-starttls"),
    Specimen("C17", shows(HOME.intermediate(days=(30, 400)).issue(HOST)), called="not-yet-valid"),
    Specimen("C17", shows(FINISHED.issue(HOST, days=(1, 90))), also="C2", decides=False, called="and-leaf-too-early"),
    Specimen("C17", shows(old_root_sent()), called="old-root-is-sent"),
    Specimen("C18", shows(HOME.intermediate(key="rsa1024").issue(HOST))),
    Specimen("C19", shows(HOME.intermediate(ca=False).issue(HOST)), called="no-authority"),
    Specimen("C19", shows(HOME.intermediate(length=0).intermediate("Zoo third").issue(HOST)), called="too-long"),
    Specimen("C19", shows(HOME.intermediate(permits="other.test").issue(HOST)), called="names"),
    Specimen("C20", shows(self_signed("invalid2.invalid")), host="127.0.0.1", called="asked-by-address"),
    Specimen("C6", shows(BETWEEN.issue(HOST, sends="leaf")), called="private-authority"),
    Specimen("V0", speaks(V12, V13), "imaps"),
    Specimen("V1", speaks(V10, V10), "imaps"),
    Specimen("V1", speaks(V10, V11), "imaps", called="two-old-ones"),
    Specimen("V2", speaks(V13, V13), "imaps"),
    Specimen("V3", speaks(V12, V12, ciphers="ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"), "imaps"),
    Specimen("V3", alert(40), "imaps", called="alert"),
    Specimen("V4", speaks(V12, V13, client_ca=HOME.file), "imaps"),
    Specimen("V3", speaks(V12, V12, client_ca=HOME.file), "imaps", called="client-certificate-under-TLS-1.2"),
    Specimen("V5", speaks(V10, V13), "imaps"),
    Specimen(
        "V5", speaks(V12, V13, ciphers="ECDHE+AESGCM:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"), "imaps", called="no-encryption"
    ),
    Specimen("V8", speaks(V12, V12), "imaps"),
    Specimen("X30", alert(80), "imaps"),
)


@pytest.mark.parametrize("specimen", SPECIMENS, ids=ids(SPECIMENS))
def test_specimen(specimen: Specimen) -> None:
    confirm(specimen, asyncio.run(examined(specimen)))


def test_a_diffie_hellman_group_that_is_too_small(tmp_path: Path) -> None:
    specimen = Specimen("V6", small_group(tmp_path), "imaps")
    confirm(specimen, asyncio.run(examined(specimen)))
