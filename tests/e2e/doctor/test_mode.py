"""The zoo, part one: what a port does when it is connected to. Rows T and X."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from gatepost.doctor.model import Report
from support.doctor_zoo import CLEAR, CLOSE, RESET, SILENCE, STARTTLS, Script, healthy, raw, tls
from support.specimens import Specimen, all_examined, confirm, examined, identity, ids

POP3S, IMAPS, SMTPS = (healthy(protocol, identity()) for protocol in ("pop3", "imap", "smtp"))
POP3, IMAP, SMTP = (healthy(protocol, identity(), mode=STARTTLS) for protocol in ("pop3", "imap", "smtp"))
HTTP = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n"
SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
NO_TLS = {"EHLO": b"250-mail.example.test\r\n250 SIZE 50000000\r\n", "STARTTLS": b"502 5.5.1 what?\r\n"}
MASKED = b"220 " + b"*" * 60 + b"\r\n"


def without_tls(protocol: str) -> Script:
    return healthy(protocol, mode=CLEAR)


def knows_no_name() -> Script:
    """Refuses every SNI, and serves those who send none."""
    context = tls(identity())

    def choose(_connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        return None if name is None else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    context.sni_callback = choose  # type: ignore[assignment]
    return POP3S.but(context=context)


SPECIMENS = (
    Specimen("T0", POP3S, called="sound-pop3s"),
    Specimen("X0", IMAPS, "imaps", called="sound-imaps"),
    Specimen("B1", SMTPS, "submissions", login=True, ask={"sender": "alice@example.test"}, called="sound-submissions"),
    Specimen("X22", POP3, "pop3", called="sound-pop3"),
    Specimen("X22", IMAP, "imap", called="sound-imap"),
    Specimen("X22", SMTP, "submission", called="sound-submission"),
    Specimen("B0", IMAPS, "imaps", login=True, called="sound-login"),
    Specimen("B0", POP3, "pop3", login=True, called="sound-login-after-starttls"),
    Specimen("G7", SMTP.but(inside=SMTP.replies), "smtp", called="sound-smtp"),
    Specimen("X0", IMAPS, "", called="any-port"),
    Specimen("T7", POP3S.but(accept=RESET)),
    Specimen("T7", POP3.but(accept=RESET), "pop3"),
    Specimen("T7", SMTP.but(accept=RESET), "submission"),
    Specimen("T8", POP3S.but(accept=CLOSE)),
    Specimen("T8", IMAP.but(accept=CLOSE), "imap"),
    Specimen("X2", POP3),
    Specimen("X2", IMAP, "imaps"),
    Specimen("X2", SMTP, "submissions"),
    Specimen("X2", POP3, login=True, called="password-kept"),
    Specimen("X3", raw(HTTP, after=b"\n")),
    Specimen("X3", raw(HTTP, after=b"\n", then=CLOSE), "imaps"),
    Specimen("X31", raw(b"HTTP/1.1 302 Found\r\nLocation: http://login.example.test/\r\n\r\n", after=b"\n")),
    Specimen("X31", raw(b"HTTP/1.0 511 Network Authentication Required\r\n\r\n", after=b"\n"), "imap"),
    Specimen("B2", POP3S.answering(UIDL=b"+OK\r\n1 a\r\n2 \r\n.\r\n"), login=True, called="empty-id"),
    Specimen("B2", POP3S.answering(UIDL=b"+OK\r\n1 a\r\n2 b\r\n3 a\r\n.\r\n"), login=True, called="doubled-id"),
    Specimen("B0", POP3S.answering(UIDL=b"-ERR no such command\r\n"), login=True, called="no-ids"),
    Specimen("X4", raw(SSH), "imaps"),
    Specimen("X4", raw(SSH), "submission"),
    Specimen("X5", IMAPS),
    Specimen("X5", POP3, "imap"),
    Specimen("X5", without_tls("pop3"), "submission"),
    Specimen("X5", SMTP, "pop3"),
    Specimen("X6", SMTP.answering(**NO_TLS), "submission"),
    Specimen("X23", SMTP.answering(**NO_TLS), "smtp"),
    Specimen(
        "X21",
        without_tls("imap").answering(
            CAPABILITY=b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n%t OK\r\n", STARTTLS=b"%t BAD what?\r\n"
        ),
        "imap",
        also="X6",
        decides=False,
    ),
    Specimen("X7", SMTP.but(greeting=MASKED).answering(**NO_TLS), "submission", also="X6"),
    Specimen(
        "X7",
        SMTP.answering(**NO_TLS | {"EHLO": b"250-mail.example.test\r\n250-XXXXXXXA\r\n250 SIZE 50000000\r\n"}),
        "submission",
        also="X6",
        called="XXXXXXXA",
    ),
    Specimen("X8", SMTP.answering(STARTTLS=b"454 4.7.0 TLS not available due to local problem\r\n"), "submission"),
    Specimen("X8", POP3.answering(STLS=b"-ERR TLS initialization failed.\r\n"), "pop3"),
    Specimen("X8", IMAP.answering(STARTTLS=b"%t BAD TLS initialization failed.\r\n"), "imap"),
    Specimen("X9", POP3.but(shakes_hands=CLOSE), "pop3"),
    Specimen("X9", IMAP.but(shakes_hands=RESET), "imap"),
    Specimen("X9", SMTP.answering(STARTTLS=CLOSE), "submission"),
    Specimen("X10", POP3.but(starttls_tail=b"+OK injected\r\n"), "pop3"),
    Specimen("X10", IMAP.but(starttls_tail=b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"), "imap"),
    Specimen("X11", POP3.but(keeps_clear_input=True), "pop3"),
    Specimen("X11", IMAP.but(keeps_clear_input=True), "imap"),
    Specimen("X11", SMTP.but(keeps_clear_input=True), "submission"),
    Specimen("X12", IMAP.but(greeting=b"* PREAUTH IMAP4rev1 server logged in as alice\r\n"), "imap"),
    Specimen("X13", raw(b"", after=b"\x16", then=CLOSE)),
    Specimen("X13", raw(b"", after=b"\x16", then=RESET), "imaps"),
    Specimen("X17", raw(b"220-FTP server\x1b[2J ready\r\nwelcome to everything\r\n"), "imap"),
    Specimen("X20", knows_no_name()),
)

PATIENT = (
    Specimen("T9", POP3.but(accept=SILENCE), "pop3"),
    Specimen("T9", POP3S.but(accept=SILENCE)),
    Specimen("T26", POP3S.but(header=b"PROXY UNKNOWN\r\n")),
    Specimen("T26", IMAP.but(header=b"PROXY UNKNOWN\r\n"), "imap"),
    Specimen("T26", SMTP.but(header=b"PROXY UNKNOWN\r\n"), "submission"),
    Specimen("T9", SMTP.but(accept=SILENCE), "submission"),
    Specimen("T10", POP3.but(greets_after=5.2), "pop3", ask={"timeout": 4.0}),
    Specimen("T10", SMTPS.but(greets_after=5.2), "submissions", ask={"timeout": 4.0}),
    Specimen("G0", SMTP.but(greets_after=3.2), "smtp", ask={"timeout": 4.0}, called="postscreen"),
    Specimen("X1", POP3S, "pop3"),
    Specimen("X1", IMAPS, "imap"),
    Specimen("X1", SMTPS, "submission"),
    Specimen("X14", raw(b"", after=b"\n\r\n", then=CLOSE)),
    Specimen("G14", IMAPS.answering(CAPABILITY=SILENCE), "imaps"),
    Specimen("G16", POP3S.but(greeting=None)),
    Specimen("X9", IMAP.but(shakes_hands=SILENCE), "imap", called="silent"),
)


@pytest.mark.parametrize("specimen", SPECIMENS, ids=ids(SPECIMENS))
def test_specimen(specimen: Specimen) -> None:
    confirm(specimen, asyncio.run(examined(specimen)))


@pytest.fixture(scope="module")
def patient() -> dict[str, Report]:
    """All at once, since each of them keeps us waiting."""
    return asyncio.run(all_examined(PATIENT))


@pytest.mark.parametrize("specimen", PATIENT, ids=ids(PATIENT))
def test_one_that_makes_wait(specimen: Specimen, patient: dict[str, Report]) -> None:
    confirm(specimen, patient[specimen.id])
