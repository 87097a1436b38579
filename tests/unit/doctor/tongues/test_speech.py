"""Who speaks there, from the first octets."""

from __future__ import annotations

import pytest

from gatepost.doctor.tongues import Speech, greeting_end, is_masked, refuses, speech


@pytest.mark.parametrize(
    ("octets", "spoken"),
    [
        (b"+OK POP3 ready\r\n", Speech.POP3),
        (b"-ERR too many connections\r\n", Speech.POP3),
        (b"+ok lower case\n", Speech.POP3),
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", Speech.IMAP),
        (b"* PREAUTH hello\r\n", Speech.IMAP),
        (b"* BYE too many\r\n", Speech.IMAP),
        (b"* BAD no\r\n", Speech.IMAP),
        (b"220 mail.example.com ESMTP\r\n", Speech.SMTP),
        (b"220-mail.example.com\r\n220 ready\r\n", Speech.SMTP),
        (b"554 5.7.1 no\r\n", Speech.SMTP),
        (b"421\r\n", Speech.SMTP),
        (b"220 ***************2**0\r\n", Speech.SMTP),
        (b"220 mail.example.com ESMTP proFTPd is not here\r\n", Speech.SMTP),
        (b"220 ProFTPD Server ready\r\n", Speech.FTP),
        (b"220 FTP\r\n", Speech.FTP),
        (b"200 news ready\r\n", Speech.NNTP),
        (b"201 news ready, no posting\r\n", Speech.NNTP),
        (b"HTTP/1.1 400 Bad Request\r\n", Speech.HTTP),
        (b"<!doctype html>", Speech.HTTP),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Speech.SSH),
        (b'"IMPLEMENTATION" "Pigeonhole"\r\n', Speech.SIEVE),
        (b"\x15\x03\x01\x00\x02\x02\x46", Speech.TLS),
        (b"\x16\x03\x03\x00\x02", Speech.TLS),
        (b"\x15\x04", Speech.OTHER),
        (b"RFB 003.008\n", Speech.OTHER),
        (b"2200 no code\r\n", Speech.OTHER),
        (b"\r\n +OK after empty lines", Speech.POP3),
        (b"", Speech.NOTHING),
        (b" \r\n", Speech.NOTHING),
    ],
)
def test_a_protocol_is_known_by_its_first_words(octets: bytes, spoken: Speech) -> None:
    assert speech(octets) is spoken


@pytest.mark.parametrize("greeting", [b"220 ****************\r\n", b"220 **2*****0*****\r\n", b"220-***\r\n"])
def test_a_banner_that_a_firewall_painted_over(greeting: bytes) -> None:
    assert is_masked(greeting)


@pytest.mark.parametrize("greeting", [b"220 mail *** hi\r\n", b"220 **\r\n", b"+OK ***\r\n", b""])
def test_other_banners_are_not_masked(greeting: bytes) -> None:
    assert not is_masked(greeting)


@pytest.mark.parametrize(
    "greeting",
    [b"-ERR no\r\n", b"* BYE no\r\n", b"* NO no\r\n", b"* BAD no\r\n", b"421 later\r\n", b"554-a\r\n554 b\r\n"],
)
def test_greetings_that_send_away(greeting: bytes) -> None:
    assert refuses(greeting)


@pytest.mark.parametrize("greeting", [b"+OK\r\n", b"* OK\r\n", b"* PREAUTH\r\n", b"220 hi\r\n", b"5 apples\r\n", b""])
def test_greetings_that_welcome(greeting: bytes) -> None:
    assert not refuses(greeting)


@pytest.mark.parametrize(
    ("octets", "size"),
    [
        (b"", 0),
        (b"+OK rea", 0),
        (b"+OK ready\r\nmore", 11),
        (b"+OK ready\n", 10),
        (b"220-a\r\n", 0),
        (b"220-a\r\n220 b\r\nx", 14),
        (b"220-a\r\nwhat\r\n", 13),
    ],
)
def test_where_a_greeting_ends(octets: bytes, size: int) -> None:
    assert greeting_end(octets) == size
