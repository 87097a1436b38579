"""Which protocol somebody speaks, told from the first octets."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from gatepost.doctor.tongues.words import line_end


class Speech(StrEnum):
    """What the first words of a server sound like."""

    POP3 = "pop3"
    IMAP = "imap"
    SMTP = "smtp"
    HTTP = "http"
    SSH = "ssh"
    FTP = "ftp"
    NNTP = "nntp"
    SIEVE = "sieve"
    TLS = "tls"
    """A TLS record in the clear: an alert, from a server that wants a handshake first."""
    OTHER = "other"
    NOTHING = "nothing"


_NUMBERED: Final = re.compile(rb"\d{3}[ \-\r\n]")
_MASKED: Final = re.compile(rb"220[ -][*02 ]*\*{3}")
"""Cisco's inspection leaves `220`, some digits and spaces of the banner and stars."""
_FTP: Final = re.compile(rb"\bftp|filezilla|proftpd|vsftpd|pure-ftpd", re.IGNORECASE)
_MAIL: Final = re.compile(rb"smtp|mail|lmtp", re.IGNORECASE)
_STARTS: Final = (
    (b"+OK", Speech.POP3),
    (b"-ERR", Speech.POP3),
    (b"* OK", Speech.IMAP),
    (b"* PREAUTH", Speech.IMAP),
    (b"* BYE", Speech.IMAP),
    (b"* NO", Speech.IMAP),
    (b"* BAD", Speech.IMAP),
    (b"* CAPABILITY", Speech.IMAP),
    (b"HTTP/", Speech.HTTP),
    (b"<!DOCTYPE", Speech.HTTP),
    (b"<HTML", Speech.HTTP),
    (b"SSH-", Speech.SSH),
    (b'"IMPLEMENTATION"', Speech.SIEVE),
)


def speech(octets: bytes) -> Speech:
    """The protocol that these words belong to, whether they are a greeting or a reply."""
    words = octets.lstrip(b" \t\r\n")
    if not words:
        return Speech.NOTHING
    upper = words[:20].upper()
    for start, spoken in _STARTS:
        if upper.startswith(start):
            return spoken
    if _NUMBERED.match(words):
        return _numbered(words)
    # A TLS record: alert or handshake, version 3.x (RFC 8446 §5.1).
    return Speech.TLS if words[0] in (0x15, 0x16) and words[1:2] == b"\x03" else Speech.OTHER


def _numbered(words: bytes) -> Speech:
    """SMTP, FTP and NNTP all greet with three digits."""
    if words[:3] in (b"200", b"201"):
        return Speech.NNTP
    if _FTP.search(words) and not _MAIL.search(words):
        return Speech.FTP
    return Speech.SMTP


def is_masked(greeting: bytes) -> bool:
    """Whether a firewall has painted over an SMTP greeting: `220 ****`."""
    return _MASKED.match(greeting) is not None


def refuses(greeting: bytes) -> bool:
    """Whether a greeting of POP3, IMAP or SMTP sends the client away."""
    words = greeting.lstrip().upper()
    if words.startswith((b"-ERR", b"* BYE", b"* NO", b"* BAD")):
        return True
    return words[:1] in (b"4", b"5") and _NUMBERED.match(words) is not None


def greeting_end(octets: bytes) -> int:
    """Octets of a complete greeting of whatever protocol; 0 if it is not complete.

    Only SMTP and FTP greet with several lines (RFC 5321 §4.2.1).
    """
    start = 0
    while end := line_end(octets, start):
        line = octets[start:end]
        if not (_NUMBERED.match(line) and line[3:4] == b"-"):
            return end
        start = end
    return 0
