"""The codes in a text, of every family that mail programs, servers and libraries use.

Each has one canonical form, in capitals, by which rows name it:

`[AUTH]` (POP3 and IMAP, RFC 2449 and 5530), `535`, `5.7.8`, `535 5.7.8` (SMTP, RFC 5321 and 3463), `0X800CCC0E`
(Windows), `AADSTS50173` (Microsoft's sign-in), `ALERT 48` (TLS, RFC 8446 §6), `OPENSSL 267` (reasons of OpenSSL's SSL
library), `VERIFY 20` (why OpenSSL did not verify a certificate), `WSA 10061` (Windows sockets), `ERRNO 111`,
`CURL 67`, `SSL -9806` (Apple), `NSS -8179` (Mozilla).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_BRACKETS: Final = re.compile(r"\[([A-Za-z][A-Za-z0-9/-]{2,30})\]")
_SMTP: Final = re.compile(
    r"(?:^|[\n(:'\"] ?|code \"?)([45]\d\d)(?:[ -]|, b?['\"]|\"|$)(?:[ -]?\(?#?([45]\.\d{1,3}\.\d{1,3})\b)?",
    re.MULTILINE,
)
_ENHANCED: Final = re.compile(
    r"(?:^|[#(]|dsn=|[Ss]tatus: |was: |said: )([45]\.\d{1,3}\.\d{1,3})\b(?!\.\d)", re.MULTILINE
)
_NUMBERED: Final = re.compile(r"\b(?:0x8[0-9a-f]{7}|AADSTS\d{4,8})\b", re.IGNORECASE)
_OPENSSL: Final = re.compile(r"\berror:((?:14|0A)[0-9A-F]{6})\b|\bcode: ((?:336|167)\d{6})\b", re.IGNORECASE)
_ALERT_REASONS: Final = 1000
"""OpenSSL's reasons from here on are TLS alerts that came from the other side."""
_FAMILIES: Final = {
    "ALERT": re.compile(r"\balert(?: number|:)? (\d{1,3})\b", re.IGNORECASE),
    "OPENSSL": re.compile(r"\bOPENSSL (\d{1,4})\b"),
    "VERIFY": re.compile(
        r"\bverify(?: error:num=| return code: | )(\d{1,3})\b|verification failed[;:] (\d{1,2})\b", re.IGNORECASE
    ),
    "WSA": re.compile(
        r"\b(?:winerror|wsa|wsae\w{1,20}|socket ?error|socketexception|winsock(?: error)?|errno|error(?: code)?|fehler"
        r"|erreur)\W{1,4}(1[01]0\d\d)\b",
        re.IGNORECASE,
    ),
    "ERRNO": re.compile(r"\berrno:?[ =]{1,2}(\d{1,3})\b", re.IGNORECASE),
    "CURL": re.compile(r"\b(?:lib)?curl(?: error)?:? \(?(\d{1,2})\b", re.IGNORECASE),
    "SSL": re.compile(r"(?<![\w.-])(-98\d\d)(?![\w-])"),
    "NSS": re.compile(r"\b(?:nss|nspr|error|code)\W{1,4}(-(?:8[01]\d\d|12[12]\d\d|59\d\d))\b", re.IGNORECASE),
}
_WEIGHTS: Final = {"[": 30, "0X": 80, "AADSTS": 80, "ALERT": 40, "OPENSSL": 40, "VERIFY": 40, "ERRNO": 20}
_FAMILY_WEIGHT: Final = 30
_SMTP_WEIGHT: Final = 20
"""SMTP's own are lighter, because servers use them for many things."""
BARE_WEIGHT: Final = 4
"""Of three digits alone: what they mean is said by the words behind them."""


def codes(text: str) -> frozenset[str]:
    """The codes in a text of readable lines, in their canonical forms."""
    lines = text.strip()
    found = {f"[{code.upper()}]" for code in _BRACKETS.findall(lines)}
    found.update(code.upper() for code in _NUMBERED.findall(lines))
    found.update(_ENHANCED.findall(lines))
    for reply, enhanced in _SMTP.findall(lines):
        found.update({reply, enhanced, f"{reply} {enhanced}"} if enhanced else {reply})
    found.update(_openssl(lines))
    for family, each in _FAMILIES.items():
        found.update(f"{family} {int(next(filter(None, place.groups())))}" for place in each.finditer(lines))
    return frozenset(found)


def _openssl(lines: str) -> Iterator[str]:
    """Reasons of the SSL library: OpenSSL 1 keeps a function beside them, OpenSSL 3 does not; both end alike."""
    for hexadecimal, decimal in _OPENSSL.findall(lines):
        reason = (int(hexadecimal, 16) if hexadecimal else int(decimal)) & 0xFFF
        yield f"ALERT {reason - _ALERT_REASONS}" if reason > _ALERT_REASONS else f"OPENSSL {reason}"


def weight(code: str) -> int:
    """How much a code says beside words: about as much as so many letters."""
    if code.isdigit():
        return BARE_WEIGHT
    if code[0] == "[":
        return _WEIGHTS["["] + len(code)
    if code[0].isdigit() and code[:2] != "0X":
        return _SMTP_WEIGHT
    return next((each for family, each in _WEIGHTS.items() if code.startswith(family)), _FAMILY_WEIGHT)
