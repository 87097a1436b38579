"""The server's certificate, fault by fault: rows C1-C12, C17-C20 and C30.

OpenSSL reports the first fault only, so dates, names, key and purpose are judged from the certificate itself; only
trust (who issued it) comes from OpenSSL.
"""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final

from msgspec.structs import replace

from gatepost.doctor.facts import Certificate, Contact, Handshake
from gatepost.doctor.judge.issuers import interceptor, is_kin, is_public
from gatepost.doctor.judge.pen import Pen, attempt, between_servers, session
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Confidence, Finding, Status
from gatepost.hostname import ascii_host

DAY: Final = 86_400
WARNING: Final = 14 * DAY
"""Renewals are due well before; certificates that live for days only are given a sixth of their life."""

_SELF_SIGNED: Final = 18
_SELF_SIGNED_IN_CHAIN: Final = 19
_NO_ISSUER: Final = frozenset({2, 20, 21})
_PURPOSE: Final = 26
_NO_KEY_ID: Final = 85
_WEAK_LEAF: Final = 66
_WEAK_ABOVE: Final = frozenset({67, 68})
_DATES: Final = frozenset({9, 10})
_CONSTRAINTS: Final = frozenset({24, 25, 32, 47, 48, 51, 79})
"""No authority (24 until OpenSSL 3, then 79), path length, no certSign, names permitted or excluded."""

_WEAK_HASHES: Final = frozenset({"md5", "sha1"})
_SMALLEST_KEY: Final = {"RSA": 2048, "EC": 224, "DSA": 2048}

_EXPLAINING: Final = frozenset(f"C{number}" for number in (*range(1, 10), 11, *range(17, 21)))
"""Rows that say why a certificate was refused."""


def judge(contact: Contact, now: float, book: Book, authorities: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """Nothing where no certificate was seen. `now`: Unix seconds, by our clock.

    `authorities`: the subjects of those that are trusted beside the system's.
    """
    write = Pen(contact, book)
    tried = attempt(contact)
    seen = session(contact) or tried
    if tried is None or seen is None:
        return ()
    chain = next((each.chain for each in (seen, tried) if each.chain), ())
    if not chain:
        found = _weak_by_error(tried, write)
    elif _asks_for_a_name(chain[0]):
        found = (write("C20", chain[0].subject, names=_names(chain[0])),)
    else:
        found = _of_chain(contact, chain, tried, now, write, authorities)
    if not between_servers(contact.target):
        return found
    return tuple(each if each.status is Status.PASS else _eased(each) for each in found)


def _eased(finding: Finding) -> Finding:
    """Between servers nobody checks certificates, unless DANE or MTA-STS says so."""
    return replace(finding, status=Status.INFO)


def _asks_for_a_name(leaf: Certificate) -> bool:
    """Google's certificate for those who send no server name: `invalid2.invalid`, and so says its subject."""
    names = (leaf.common_name, *leaf.names)
    return "no sni provided" in leaf.subject.lower() or any(name.lower().endswith(".invalid") for name in names)


def _of_chain(
    contact: Contact,
    chain: tuple[Certificate, ...],
    tried: Handshake,
    now: float,
    write: Pen,
    authorities: tuple[str, ...],
) -> tuple[Finding, ...]:
    leaf, above = chain[0], _above(chain)
    found = (
        *_dates(leaf, now, write),
        *_name(leaf, contact.target.host, write, verified=tried.verified),
        *_trust(leaf, above, tried, write, authorities),
        *_key(leaf, tried, write),
        *_purpose(leaf, tried, write),
        *_dates_above(leaf, above, tried, now, write),
        *_weak_above(leaf, above, tried, write),
        *_constraints(leaf, above, tried, write),
    )
    if not tried.verified and not _EXPLAINING & {each.id for each in found}:
        return (*found, write("C30", tried.verify_message or tried.error))
    if found:
        return found
    days = str(int((leaf.not_after - now) // DAY))
    return (write("C0", f"{leaf.issuer}; until {_date(leaf.not_after)}", days=days),)


def _dates(leaf: Certificate, now: float, write: Pen) -> tuple[Finding, ...]:
    if now > leaf.not_after:
        days = str(int((now - leaf.not_after) // DAY))
        return (write("C1", f"valid until {_date(leaf.not_after)}", days=days, date=_date(leaf.not_after)),)
    if now < leaf.not_before:
        return (write("C2", f"valid from {_date(leaf.not_before)}", date=_date(leaf.not_before), clock=_date(now)),)
    left = leaf.not_after - now
    if left < min(WARNING, (leaf.not_after - leaf.not_before) / 6):
        return (write("C12", days=str(int(left // DAY)), date=_date(leaf.not_after)),)
    return ()


def _date(seconds: float) -> str:
    """`2026-11-23 03:25 UTC`; any number is printable, however wrong."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _name(leaf: Certificate, host: str, write: Pen, *, verified: bool) -> tuple[Finding, ...]:
    if any(covers(name, host) for name in leaf.names) or (verified and leaf.names):
        return ()
    if not leaf.names and (verified or covers(leaf.common_name, host)):
        return (write("C10", f"CN={leaf.common_name}", names=leaf.common_name),)
    return (write("C3", f"valid for: {_names(leaf) or 'no name'}", names=_names(leaf)),)


def covers(name: str, host: str) -> bool:
    """Whether a name of a certificate is the host's: an address, a name, or `*.` and the rest (RFC 9525 §6.3)."""
    name, host = _plain(name), _plain(host)
    if _address(name) or _address(host):
        return _address(name) == _address(host)
    if name.startswith("*."):
        label, _, rest = host.partition(".")
        return bool(label) and "." in rest and rest == name[2:]
    return bool(name) and name == host


def _plain(name: str) -> str:
    """In lower case, without the final dot, as it is in DNS."""
    name = name.rstrip(".").lower()
    try:
        return ascii_host(name)
    except UnicodeError:
        return name


def _address(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return ""


def _names(leaf: Certificate) -> str:
    """The first ten names, as words."""
    names = leaf.names or ((leaf.common_name,) if leaf.common_name else ())
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")


def _trust(
    leaf: Certificate, above: tuple[Certificate, ...], tried: Handshake, write: Pen, authorities: tuple[str, ...]
) -> tuple[Finding, ...]:
    """Who issued it, and whether this machine trusts them."""
    product = interceptor(leaf.issuer)
    words: dict[str, Any] = {"issuer": leaf.issuer, "fingerprint": leaf.sha256}
    evidence = tried.verify_message or tried.error
    code = tried.verify_code
    if product:
        status = Status.INFO if tried.verified else None
        return (write("C5", f"issuer: {leaf.issuer}", status=status, confidence=Confidence.LIKELY, **words),)
    if code == _SELF_SIGNED:
        return (write("C4", evidence, **words),)
    if code == _SELF_SIGNED_IN_CHAIN:
        return (write("C5", evidence, **words),)
    if code not in _NO_ISSUER:
        return ()
    top = (leaf, *above)[-1].issuer
    if any(is_kin(top, each) for each in authorities):
        return (write("C6", evidence, confidence=Confidence.LIKELY, **words),)
    if above or len(tried.chain) > 1:
        return (write("C7", evidence, **words),)
    if is_public(leaf.issuer):
        return (write("C6", evidence, confidence=Confidence.CERTAIN, **words),)
    return (write("C6" if leaf.issuer_url else "C7", evidence, confidence=Confidence.LIKELY, **words),)


def _key(leaf: Certificate, tried: Handshake, write: Pen) -> tuple[Finding, ...]:
    if _is_small(leaf) or _is_hashed_weakly(leaf) or tried.verify_code == _WEAK_LEAF:
        return (write("C11", f"{leaf.key}, {leaf.signature}"),)
    return _weak_by_error(tried, write)


def _is_small(certificate: Certificate) -> bool:
    kind = certificate.key.split()[0] if certificate.key else ""
    return certificate.key_bits < _SMALLEST_KEY.get(kind, 0)


def _is_hashed_weakly(certificate: Certificate) -> bool:
    """Nobody looks at the signature of a root: it is its own."""
    return certificate.signature.lower() in _WEAK_HASHES and certificate.subject != certificate.issuer


def _weak_by_error(tried: Handshake, write: Pen) -> tuple[Finding, ...]:
    """What OpenSSL refuses to look at."""
    weak = any(word in tried.error for word in ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"))
    return (write("C11", tried.error),) if weak else ()


def _purpose(leaf: Certificate, tried: Handshake, write: Pen) -> tuple[Finding, ...]:
    if not leaf.server_auth:
        return (write("C8", tried.verify_message or "extendedKeyUsage without serverAuth"),)
    if tried.verify_code == _NO_KEY_ID or (not leaf.authority_key_id and leaf.subject != leaf.issuer):
        return (write("C9", tried.verify_message or "no Authority Key Identifier"),)
    return ()


# --- above the leaf --------------------------------------------------------------------------------------------------


def _above(chain: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    """The certificates of the chain that lead up from the leaf, in order; others that were sent do no harm."""
    at = chain[0]
    found: list[Certificate] = []
    for _ in chain[1:]:
        at = next((each for each in chain[1:] if each.subject == at.issuer and each not in found), at)
        if at not in (chain[0], *found):
            found.append(at)
    return tuple(found)


def _dates_above(
    leaf: Certificate, above: tuple[Certificate, ...], tried: Handshake, now: float, write: Pen
) -> tuple[Finding, ...]:
    """C17. Programs that know another way up do not mind; old ones do, and break off."""
    bad = [each for each in above if not each.not_before <= now <= each.not_after]
    refused = tried.verify_code in _DATES
    if bad:
        worst = bad[0]
        late = now > worst.not_after
        dates = f"valid {'until' if late else 'from'} {_date(worst.not_after if late else worst.not_before)}"
        status = None if refused else Status.WARN
        return (write("C17", f"{worst.subject}: {dates}", status=status, name=worst.subject, date=dates),)
    if refused and leaf.not_before <= now <= leaf.not_after:
        top = (leaf, *above)[-1].issuer
        return (write("C17", tried.verify_message, name=top, date=tried.verify_message),)
    return ()


def _weak_above(leaf: Certificate, above: tuple[Certificate, ...], tried: Handshake, write: Pen) -> tuple[Finding, ...]:
    """C18. What OpenSSL counts as weak it refuses; other programs may count otherwise."""
    bad = [each for each in above if _is_small(each) or _is_hashed_weakly(each)]
    refused = tried.verify_code in _WEAK_ABOVE and not _is_hashed_weakly(leaf)
    if not bad and not refused:
        return ()
    proof = f"{bad[0].subject}: {bad[0].key}, {bad[0].signature}" if bad else tried.verify_message
    status = None if refused or not tried.verified else Status.WARN
    return (write("C18", proof, status=status, name=bad[0].subject if bad else leaf.issuer),)


def _constraints(
    leaf: Certificate, above: tuple[Certificate, ...], tried: Handshake, write: Pen
) -> tuple[Finding, ...]:
    """C19: who signed was not allowed to, or not this."""
    refused = tried.verify_code in _CONSTRAINTS or (tried.verify_code == _PURPOSE and leaf.server_auth)
    impostors = [each for each in above if not each.is_authority]
    if refused or (impostors and not tried.verified):
        signer = (impostors or above or (leaf,))[0]
        name = signer.subject if signer is not leaf else leaf.issuer
        return (write("C19", tried.verify_message or "CA:FALSE", name=name),)
    return ()
