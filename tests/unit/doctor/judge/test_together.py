"""Facts in, (id, status) out: what only several contacts show."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.facts import Contact, Login, Reach
from gatepost.doctor.judge.together import judge
from support.wire_facts import BOOK, LEAF, LOGGED_IN, V6, VERIFIED, contact, target, told, unreached, untrusted

OTHER = replace(VERIFIED, chain=(replace(LEAF, sha256="cd" * 32),))
STRANGER = replace(VERIFIED, verified=False, chain=(replace(LEAF, sha256="ef" * 32, names=("www.example.com",)),))
WRONG = Login("PLAIN", False, b"a1 NO\r\n")


def at(seen: Contact, host: str) -> Contact:
    return replace(seen, target=target(seen.target.service.name, host))


SPECIMENS = {
    "nothing": ((), []),
    "one": ((contact(),), []),
    "healthy": ((contact("imaps"), contact(), contact("submissions"), contact("smtp"), contact(address=V6)), []),
    "certificates by port": ((contact("imaps"), contact(handshake=OTHER)), [("C13", "info")]),
    "one certificate is bad": (
        (contact("imaps"), untrusted(code=10, sha256="cd" * 32)),
        [("C13", "warn")],
    ),
    "the one between servers is bad": (
        (contact("imaps"), untrusted("smtp", code=18, sha256="cd" * 32)),
        [("C13", "info")],
    ),
    "certificates by host": ((contact("imaps"), at(contact(handshake=OTHER), "pop.example.com")), []),
    "certificates by family": ((contact(), contact(address=V6, handshake=OTHER)), [("D6", "info")]),
    "one family's is bad": ((contact(), untrusted(code=10, sha256="cd" * 32)), []),
    "another host without SNI": ((contact(without_sni=STRANGER),), [("C16", "info")]),
    "another host without SNI, twice": (
        (contact(without_sni=STRANGER), contact("imaps", without_sni=STRANGER)),
        [("C16", "info")],
    ),
    "the same host without SNI": ((contact(without_sni=OTHER),), []),
    "the same certificate without SNI": ((contact(without_sni=VERIFIED),), []),
    "no certificate without SNI": ((contact(without_sni=replace(STRANGER, chain=())),), []),
    "ban after a login": (
        (contact(login=WRONG), unreached(reach=Reach.TIMED_OUT)),
        [("A14", "fail")],
    ),
    "closed without a login": ((contact(), unreached()), [("T24", "warn")]),
    "closed before the password was judged": (
        (contact(login=Login("PLAIN", False, b"", error="closed")), unreached()),
        [("T24", "warn")],
    ),
    "closed after a farewell": ((contact(login=Login("PLAIN", False, b"* BYE x\r\n")), unreached()), [("T24", "warn")]),
    "another port is closed": ((contact(login=WRONG), unreached("pop3")), []),
    "closed after a login that went well": ((contact(login=LOGGED_IN), unreached()), []),
    "no ban after a login": ((contact(login=WRONG), contact(greeting=None)), []),
    "no ban before a login": ((unreached("imaps"), contact(login=LOGGED_IN)), []),
    "POP3 off": ((contact("imaps", login=LOGGED_IN), contact(login=WRONG)), [("A18", "fail")]),
    "sending off": ((contact("imaps", login=LOGGED_IN), contact("submissions", login=WRONG)), [("A19", "fail")]),
    "all refused": ((contact("imaps", login=WRONG), contact(login=WRONG)), []),
    "sending blocked": (
        (contact("imaps"), unreached("submissions", Reach.TIMED_OUT, host="smtp.example.com")),
        [("T4", "fail")],
    ),
    "one way of sending blocked": (
        (contact("imaps"), unreached("submissions", Reach.TIMED_OUT, host="smtp.example.com"),
         at(contact("submission"), "smtp.example.com")),
        [],
    ),
    "sending blocked at the same host": ((contact("imaps"), unreached("submissions", Reach.TIMED_OUT)), []),
    "port 25 blocked": (
        (contact("submissions"), unreached("smtp", Reach.TIMED_OUT, host="mx.example.com")),
        [("T3", "fail")],
    ),
    "port 25 blocked at the same host": ((contact("submissions"), unreached("smtp", Reach.TIMED_OUT)), []),
    "port 25 refused": ((contact("submissions"), unreached("smtp", host="mx.example.com")), []),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "expected"), SPECIMENS.values(), ids=SPECIMENS)
def test_specimens(seen: tuple[Contact, ...], expected: list[tuple[str, str]]) -> None:
    assert told(judge(seen, BOOK)) == expected


def test_one_family_is_bad() -> None:
    bad = untrusted(code=10, sha256="cd" * 32)
    found = judge((contact(), replace(bad, dial=replace(bad.dial, address=V6))), BOOK)
    assert told(found) == [("D6", "warn")]
    assert "995 over IPv6: cdcd" in found[0].evidence
