"""The server's certificate, fault by fault: rows C1-C12 and C30.

OpenSSL reports the first fault only, so dates, names, key and purpose are judged from the certificate itself; only
trust (who issued it) comes from OpenSSL.
"""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final

from msgspec.structs import replace

from gatepost.doctor.facts import Certificate, Contact, Handshake
from gatepost.doctor.judge.issuers import interceptor, is_public
from gatepost.doctor.judge.pen import Pen, attempt, between_servers, session
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Confidence, Finding, Status

DAY: Final = 86_400
WARNING: Final = 14 * DAY
"""Renewals are due well before; certificates that live for days only are given a sixth of their life."""

_SELF_SIGNED: Final = 18
_SELF_SIGNED_IN_CHAIN: Final = 19
_NO_ISSUER: Final = frozenset({2, 20, 21})
_PURPOSE: Final = 26
_NO_KEY_ID: Final = 85
_WEAK: Final = frozenset({66, 67, 68})

_WEAK_HASHES: Final = frozenset({"md5", "sha1"})
_SMALLEST_KEY: Final = {"RSA": 2048, "EC": 224, "DSA": 2048}

_EXPLAINING: Final = frozenset({"C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C11"})
"""Rows that say why a certificate was refused."""


def judge(contact: Contact, now: float, book: Book) -> tuple[Finding, ...]:
    """Nothing where no certificate was seen. `now`: Unix seconds, by our clock."""
    write = Pen(contact, book)
    tried = attempt(contact)
    seen = session(contact) or tried
    if tried is None or seen is None:
        return ()
    leaf = next((each.chain[0] for each in (seen, tried) if each.chain), None)
    found = _weak_by_error(tried, write) if leaf is None else _of_leaf(contact, leaf, tried, now, write)
    if not between_servers(contact.target):
        return found
    return tuple(each if each.status is Status.PASS else _eased(each) for each in found)


def _eased(finding: Finding) -> Finding:
    """Between servers nobody checks certificates, unless DANE or MTA-STS says so."""
    return replace(finding, status=Status.INFO)


def _of_leaf(contact: Contact, leaf: Certificate, tried: Handshake, now: float, write: Pen) -> tuple[Finding, ...]:
    found = (
        *_dates(leaf, now, write),
        *_name(leaf, contact.target.host, write, verified=tried.verified),
        *_trust(leaf, tried, write),
        *_key(leaf, tried, write),
        *_purpose(leaf, tried, write),
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
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
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


def _trust(leaf: Certificate, tried: Handshake, write: Pen) -> tuple[Finding, ...]:
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
    if len(tried.chain) > 1:
        return (write("C7", evidence, **words),)
    if is_public(leaf.issuer):
        return (write("C6", evidence, confidence=Confidence.CERTAIN, **words),)
    return (write("C6" if leaf.issuer_url else "C7", evidence, confidence=Confidence.LIKELY, **words),)


def _key(leaf: Certificate, tried: Handshake, write: Pen) -> tuple[Finding, ...]:
    kind = leaf.key.split()[0] if leaf.key else ""
    small = leaf.key_bits < _SMALLEST_KEY.get(kind, 0)
    hashed = leaf.signature.lower() in _WEAK_HASHES and leaf.subject != leaf.issuer
    if small or hashed or tried.verify_code in _WEAK:
        return (write("C11", f"{leaf.key}, {leaf.signature}"),)
    return _weak_by_error(tried, write)


def _weak_by_error(tried: Handshake, write: Pen) -> tuple[Finding, ...]:
    """What OpenSSL refuses to look at."""
    weak = any(word in tried.error for word in ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"))
    return (write("C11", tried.error),) if weak else ()


def _purpose(leaf: Certificate, tried: Handshake, write: Pen) -> tuple[Finding, ...]:
    if not leaf.server_auth or tried.verify_code == _PURPOSE:
        return (write("C8", tried.verify_message or "extendedKeyUsage without serverAuth"),)
    if tried.verify_code == _NO_KEY_ID or (not leaf.authority_key_id and leaf.subject != leaf.issuer):
        return (write("C9", tried.verify_message or "no Authority Key Identifier"),)
    return ()
