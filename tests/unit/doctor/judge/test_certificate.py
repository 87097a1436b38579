"""Facts in, (id, status) out: every fault of a certificate for itself, whatever OpenSSL met first."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from gatepost.doctor.facts import Certificate, Contact
from gatepost.doctor.judge.certificate import covers, judge
from support.wire_facts import (
    BOOK,
    DAY,
    HOST,
    LEAF,
    NOW,
    VERIFIED,
    contact,
    failed_handshake,
    target,
    told,
    unreached,
    untrusted,
)

PRIVATE: dict[str, Any] = {"issuer": "CN=Example Internal CA", "issuer_url": ""}
SELF: dict[str, Any] = {"issuer": f"CN={HOST}", "issuer_url": "", "authority_key_id": False}
EXPIRED: dict[str, Any] = {"not_before": NOW - 90 * DAY, "not_after": NOW - 3 * DAY}


def trusted(**changes: Any) -> Contact:
    return contact(handshake=replace(VERIFIED, chain=(replace(LEAF, **changes),)))


def with_chain(code: int, **changes: Any) -> Contact:
    """The first, refused handshake saw two certificates."""
    seen = untrusted(code=code, **changes)
    assert seen.handshake
    chain = (replace(LEAF, **changes), replace(LEAF, is_authority=True))
    return replace(seen, handshake=replace(seen.handshake, chain=chain))


SPECIMENS = {
    "good": (trusted(), [("C0", "pass")]),
    "good by STARTTLS": (contact("submission"), [("C0", "pass")]),
    "good for six days, as is usual there": (
        trusted(not_before=NOW - 3 * DAY, not_after=NOW + 3 * DAY),
        [("C0", "pass")],
    ),
    "expired": (untrusted(code=10, **EXPIRED), [("C1", "fail")]),
    "not yet valid": (untrusted(code=9, not_before=NOW + DAY), [("C2", "fail")]),
    "other name": (untrusted(code=62, names=("www.example.com",)), [("C3", "fail")]),
    "no name at all": (untrusted(code=62, names=(), common_name=""), [("C3", "fail")]),
    "many names": (untrusted(code=62, names=tuple(f"h{n}.example.com" for n in range(30))), [("C3", "fail")]),
    "self-signed": (untrusted(code=18, **SELF), [("C4", "fail")]),
    "private authority in the chain": (untrusted(code=19, **PRIVATE), [("C5", "fail")]),
    "antivirus that is not trusted": (untrusted(code=20, issuer="CN=Avast Web/Mail Shield Root"), [("C5", "fail")]),
    "antivirus that is trusted": (trusted(issuer="CN=ESET SSL Filter CA,O=ESET"), [("C5", "info")]),
    "missing intermediate": (untrusted(code=20), [("C6", "fail")]),
    "perhaps missing intermediate": (untrusted(code=21, issuer="CN=Some CA"), [("C6", "fail")]),
    "unknown authority": (untrusted(code=20, **PRIVATE), [("C7", "fail")]),
    "unknown authority with its chain": (with_chain(20), [("C7", "fail")]),
    "for clients only": (untrusted(code=26, server_auth=False), [("C8", "fail")]),
    "no key identifier": (untrusted(code=85, authority_key_id=False), [("C9", "warn")]),
    "no key identifier, old Python": (trusted(authority_key_id=False), [("C9", "warn")]),
    "common name only": (trusted(names=()), [("C10", "warn")]),
    "common name only, and expired": (untrusted(code=10, names=(), **EXPIRED), [("C1", "fail"), ("C10", "warn")]),
    "small key": (trusted(key="RSA 1024", key_bits=1024), [("C11", "warn")]),
    "small key, refused": (untrusted(code=66), [("C11", "warn")]),
    "SHA-1": (trusted(signature="sha1"), [("C11", "warn")]),
    "self-signed with SHA-1": (untrusted(code=18, signature="sha1", **SELF), [("C4", "fail")]),
    "key of an unknown kind": (trusted(key="", key_bits=0), [("C0", "pass")]),
    "too small to look at": (contact(handshake=failed_handshake("EE_KEY_TOO_SMALL")), [("C11", "warn")]),
    "refused, not seen": (contact(handshake=failed_handshake("UNEXPECTED_EOF")), []),
    "expires soon": (trusted(not_after=NOW + 5 * DAY), [("C12", "warn")]),
    "another rule": (untrusted(code=44, message="invalid CA certificate"), [("C30", "fail")]),
    "another rule, and expires soon": (untrusted(code=44, not_after=NOW + 5 * DAY), [("C12", "warn"), ("C30", "fail")]),
    "OpenSSL dislikes a name that covers": (untrusted(code=62), [("C30", "fail")]),
    "name that only OpenSSL knows to be right": (trusted(names=("m*.example.com",)), [("C0", "pass")]),
    "everything at once": (
        untrusted(code=18, names=("other",), server_auth=False, key="RSA 512", key_bits=512, **EXPIRED),
        [("C1", "fail"), ("C3", "fail"), ("C4", "fail"), ("C11", "warn"), ("C8", "fail")],
    ),
    "self-signed between servers": (untrusted("smtp", code=18, **SELF), [("C4", "info")]),
    "other name between servers": (untrusted("smtp", code=62, names=("mx1.example.com",)), [("C3", "info")]),
    "good between servers": (contact("smtp"), [("C0", "pass")]),
    "not reached": (unreached(), []),
    "no session": (contact("pop3", upgrade=None), []),
}


@pytest.mark.parametrize(("seen", "expected"), SPECIMENS.values(), ids=SPECIMENS)
def test_specimens(seen: Contact, expected: list[tuple[str, str]]) -> None:
    assert told(judge(seen, NOW, BOOK)) == expected


def test_what_the_texts_name() -> None:
    (old,) = judge(untrusted(code=10, **EXPIRED), NOW, BOOK)
    (other,) = judge(untrusted(code=62, names=("www.example.com", "example.com")), NOW, BOOK)
    (private,) = judge(untrusted(code=20, **PRIVATE), NOW, BOOK)
    (own,) = judge(untrusted(code=18, **SELF), NOW, BOOK)
    assert "2027-01-12" in old.cause
    assert "www.example.com, example.com" in other.cause
    assert "Example Internal CA" in private.title
    assert "abab" in own.cause
    assert "abab" not in private.cause


def test_the_confidence_of_a_missing_link() -> None:
    (public,) = judge(untrusted(code=20), NOW, BOOK)
    (perhaps,) = judge(untrusted(code=20, issuer="CN=Some CA"), NOW, BOOK)
    assert (public.confidence, perhaps.confidence) == ("certain", "likely")


def test_the_command_uses_starttls_where_the_port_does() -> None:
    (by_starttls,) = judge(untrusted("submission", code=18, **SELF), NOW, BOOK)
    (at_once,) = judge(untrusted("submissions", code=18, **SELF), NOW, BOOK)
    assert "-starttls smtp" in by_starttls.command
    assert "-starttls" not in at_once.command


@pytest.mark.parametrize("seconds", [10**18, -(10**18)])
def test_a_date_beyond_all_calendars_is_told_as_a_number(seconds: int) -> None:
    (found,) = judge(untrusted(code=10, not_before=seconds, not_after=seconds), NOW, BOOK)
    assert str(seconds) in found.evidence


@pytest.mark.parametrize(
    ("name", "host", "expected"),
    [
        ("mail.example.com", "MAIL.example.com.", True),
        ("*.example.com", "mail.example.com", True),
        ("*.example.com", "a.mail.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.com", "example.com", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("2001:DB8:0::1", "2001:db8::1", True),
        ("*.0.2.1", "192.0.2.1", False),
        ("xn--mller-kva.example", "müller.example", True),
        ("müller..example", "x", False),
        ("", "", False),
    ],
)
def test_covers(name: str, host: str, expected: bool) -> None:
    assert covers(name, host) is expected


def test_a_host_that_is_an_address() -> None:
    seen = replace(untrusted(code=64), target=target(host="192.0.2.1"))
    assert told(judge(seen, NOW, BOOK)) == [("C3", "fail")]


BETWEEN = replace(LEAF, subject=LEAF.issuer, issuer="CN=Root", names=(), is_authority=True)
ROOT = replace(BETWEEN, subject="CN=Root")
GONE = {"not_before": NOW - 900 * DAY, "not_after": NOW - DAY}


def above(*chain: Certificate, code: int = 0, **leaf: Any) -> Contact:
    """A leaf and what was sent with it; refused with this code, if any."""
    sent = (replace(LEAF, **leaf), *chain)
    if not code:
        return contact(handshake=replace(VERIFIED, chain=sent))
    seen = untrusted(code=code, **leaf)
    assert seen.unverified
    return replace(seen, unverified=replace(seen.unverified, chain=sent))


ABOVE = {
    "expired intermediate": (above(replace(BETWEEN, **GONE), code=10), [("C17", "fail")]),
    "intermediate of tomorrow": (above(replace(BETWEEN, not_before=NOW + DAY), code=9), [("C17", "fail")]),
    "expired root is sent along": (above(BETWEEN, replace(ROOT, **GONE)), [("C17", "warn")]),
    "root of this machine has expired": (above(BETWEEN, code=10), [("C17", "fail")]),
    "leaf of tomorrow, intermediate of yesterday": (
        above(replace(BETWEEN, **GONE), code=10, not_before=NOW + DAY),
        [("C2", "fail"), ("C17", "fail")],
    ),
    "expired certificate that leads nowhere": (above(replace(ROOT, subject="CN=Junk", **GONE)), [("C0", "pass")]),
    "chain in disorder": (above(ROOT, replace(BETWEEN, **GONE), code=10), [("C17", "fail")]),
    "weak intermediate": (above(replace(BETWEEN, key="RSA 1024", key_bits=1024), code=67), [("C18", "fail")]),
    "weak intermediate that we let pass": (above(replace(BETWEEN, signature="sha1")), [("C18", "warn")]),
    "weak root is its own": (above(BETWEEN, replace(ROOT, signature="sha1")), [("C0", "pass")]),
    "weak one that was not sent": (above(code=68), [("C18", "fail")]),
    "weak signature of the leaf": (above(code=68, signature="sha1"), [("C11", "warn")]),
    "no authority": (above(replace(BETWEEN, is_authority=False), code=79), [("C19", "fail")]),
    "no authority, and unknown": (
        above(replace(BETWEEN, is_authority=False), code=20),
        [("C7", "fail"), ("C19", "fail")],
    ),
    "names that are not permitted": (above(code=47), [("C19", "fail")]),
    "authority for other purposes": (above(BETWEEN, code=26), [("C19", "fail")]),
    "no server name was sent": (
        above(code=18, common_name="invalid2.invalid", subject="OU=No SNI provided"),
        [("C20", "fail")],
    ),
}


@pytest.mark.parametrize(("seen", "expected"), ABOVE.values(), ids=ABOVE.keys())
def test_faults_above_the_leaf(seen: Contact, expected: list[tuple[str, str]]) -> None:
    assert told(judge(seen, NOW, BOOK)) == expected


def test_who_is_at_fault_is_named() -> None:
    (found,) = judge(above(replace(BETWEEN, **GONE), code=10), NOW, BOOK)
    assert BETWEEN.subject in found.title
    assert "valid until" in found.cause
    (found,) = judge(above(replace(BETWEEN, is_authority=False), code=79), NOW, BOOK)
    assert BETWEEN.subject in found.title


@pytest.mark.parametrize(
    ("authorities", "row"), [((), "C7"), (("CN=Zoo Root",), "C7"), (("CN=Corp Root CA,O=Corp Ltd",), "C6")]
)
def test_a_missing_link_below_an_authority_that_is_trusted(authorities: tuple[str, ...], row: str) -> None:
    corp = {"issuer": "CN=Corp Issuing CA 1,O=Corp Ltd", "issuer_url": ""}
    between = replace(BETWEEN, subject=corp["issuer"], issuer="CN=Corp Policy CA")
    for seen in (untrusted(code=20, **corp), above(between, code=20, **corp)):
        assert told(judge(seen, NOW, BOOK, authorities)) == [(row, "fail")]
