"""The zoo, part three: what servers say. Rows G, A and K, and those of the providers (P, M, Y, I, N, Q, R, W, Z)."""

from __future__ import annotations

import asyncio

import pytest

from gatepost.doctor.model import Report, Secret
from support.doctor_zoo import CLOSE, STARTTLS, Later, Reply, Script, healthy
from support.specimens import HOST, Specimen, all_examined, confirm, examined, identity, ids

POP3S, IMAPS, SMTPS = (healthy(protocol, identity()) for protocol in ("pop3", "imap", "smtp"))
POP3, IMAP, SMTP = (healthy(protocol, identity(), mode=STARTTLS) for protocol in ("pop3", "imap", "smtp"))
PORT_25 = SMTP.but(inside=SMTP.replies)
"""Nobody logs in there."""
SERVICES = {"pop3": "pop3s", "imap": "imaps", "smtp": "submissions"}
SENDER = {"sender": "alice@example.test"}

CAPA = b"+OK\r\nCAPA\r\nRESP-CODES\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n"
OAUTH_ONLY = b"* CAPABILITY IMAP4 IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2 SASL-IR\r\n%t OK done\r\n"
WAITING = b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n%t OK done\r\n"
SMALL = b"250-mail.example.test\r\n250-SIZE 1048576\r\n250 AUTH PLAIN LOGIN\r\n"
CRAM_ONLY = b"250-mail.example.test\r\n250 AUTH CRAM-MD5\r\n"
KERBEROS_ONLY = b"250-mail.example.test\r\n250 AUTH GSSAPI\r\n"
FULL = b"552 5.2.2 <alice@example.test>: Quota exceeded (mailbox for user is full)\r\n"


def greets(row: str, script: Script, words: bytes, service: str, **more: str) -> Specimen:
    return Specimen(row, script.but(greeting=words), service, **more)  # type: ignore[arg-type]


def refuses(row: str, protocol: str, words: Reply, *, host: str = HOST, called: str = "", **more: object) -> Specimen:
    """Every way to log in gets this reply."""
    script = healthy(protocol, identity(host)).answering(PASS=words, AUTH=words, LOGIN=words, AUTHENTICATE=words)
    return Specimen(row, script, SERVICES[protocol], host=host, login=True, called=called or protocol, **more)  # type: ignore[arg-type]


def lets_in(row: str, protocol: str, words: bytes, *, host: str = HOST, **more: object) -> Specimen:
    """A good login, and then no mailbox."""
    script = healthy(protocol, identity(host)).answering(STAT=words, EXAMINE=words, MAIL=words)
    return Specimen(row, script, SERVICES[protocol], host=host, login=True, called=protocol, ask=SENDER, **more)  # type: ignore[arg-type]


GREETINGS = (
    greets("G1", POP3S, b"-ERR Go away\r\n", "pop3s"),
    greets("G1", IMAPS, b"* BYE Server is closed for maintenance\r\n", "imaps"),
    greets("G1", SMTPS, b"554 5.3.2 No SMTP service here\r\n", "submissions"),
    greets("G1", PORT_25, b"421 4.3.2 Service not available, closing transmission channel\r\n", "smtp"),
    greets(
        "G2",
        PORT_25,
        b"554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org\r\n",
        "smtp",
    ),
    greets("G3", SMTP, b"421 4.7.0 mail.example.test Error: too many connections from 192.0.2.1\r\n", "submission"),
    greets("A8", IMAPS, b"* BYE Maximum number of connections from user+IP exceeded\r\n", "imaps"),
    Specimen("G4", IMAP.answering(CAPABILITY=WAITING).but(inside=IMAP.inside), "imap"),
    Specimen("G5", IMAPS.answering(CAPABILITY=OAUTH_ONLY), "imaps"),
    Specimen("G6", SMTP, "submission"),
    Specimen("G7", PORT_25, "smtp"),
    Specimen(
        "G8",
        SMTP.answering(
            EHLO=b"501 Syntactically invalid HELO argument(s)\r\n",
            HELO=b"501 Syntactically invalid HELO argument(s)\r\n",
        ),
        "submission",
    ),
    Specimen("G9", POP3S.answering(CAPA=CAPA)),
    Specimen("G10", SMTPS.answering(EHLO=b"530 5.7.0 Must issue a STARTTLS command first\r\n"), "submissions"),
    Specimen("G18", SMTPS.answering(EHLO=SMALL), "submissions"),
    Specimen("G12", SMTPS.but(greeting=b"220 server7.hoster.example ESMTP\r\n"), "submissions"),
    Specimen("G13", IMAPS.answering(CAPABILITY=b"HTTP/1.1 400 what\r\n"), "imaps"),
    Specimen("G14", POP3S.answering(CAPA=CLOSE)),
)

LOGINS = (
    refuses("A1", "pop3", b"-ERR [AUTH] Authentication failed.\r\n"),
    refuses("A1", "imap", b"%t NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"),
    refuses("A1", "smtp", b"535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6\r\n"),
    refuses("A1", "pop3", b"-ERR nope\r\n", called="words-of-its-own"),
    refuses("A2", "imap", b"%t NO [PRIVACYREQUIRED] Cleartext authentication disallowed\r\n"),
    refuses("A2", "smtp", b"538 5.7.11 Encryption required for requested authentication mechanism\r\n"),
    refuses("A3", "imap", b"%t NO [UNAVAILABLE] Temporary authentication failure.\r\n"),
    refuses("A3", "pop3", b"-ERR [SYS/TEMP] Temporary authentication failure.\r\n"),
    refuses("A3", "smtp", b"454 4.7.0 Temporary authentication failure: generic failure\r\n"),
    refuses("A4", "pop3", b"-ERR [SYS/PERM] Your mailbox was moved away\r\n"),
    refuses("A5", "imap", b"%t NO [EXPIRED] Password expired.\r\n"),
    refuses("A6", "imap", b"%t NO [AUTHORIZATIONFAILED] No such authorization\r\n"),
    refuses("A7", "imap", b"%t NO [CONTACTADMIN] Ask your administrator\r\n"),
    refuses(
        "A8",
        "imap",
        b"%t NO [LIMIT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)\r\n",
    ),
    refuses("A9", "pop3", b"-ERR [IN-USE] Do you have another POP session running?\r\n"),
    refuses("A10", "pop3", b"-ERR [LOGIN-DELAY] minimum time between mail checks violation\r\n"),
    refuses("A11", "smtp", b"504 5.5.4 Unrecognized authentication type\r\n"),
    refuses("A11", "imap", b"%t NO Unsupported authentication mechanism.\r\n"),
    refuses("A12", "smtp", b"503 5.5.1 Error: authentication not enabled\r\n"),
    refuses(
        "A20",
        "pop3",
        b"-ERR [AUTH] Authentication failed.\r\n",
        ask={"secret": Secret("pässwörd")},
        also="A1",
        decides=False,
    ),
    Specimen("S8", SMTPS.answering(EHLO=CRAM_ONLY), "submissions", login=True, called="digests-only"),
    Specimen("A22", SMTPS.answering(EHLO=KERBEROS_ONLY), "submissions"),
    refuses("A25", "pop3", CLOSE),
    refuses("A30", "smtp", b"535 5.7.8 Account is disabled\r\n"),
    refuses("K1", "imap", b"%t NO [UNAVAILABLE] Account is temporarily unavailable.\r\n"),
    lets_in("A15", "smtp", b"554 5.7.1 <alice@example.test>: Relay access denied\r\n"),
    lets_in("A16", "smtp", b"553 5.7.1 <a@example.test>: Sender address rejected: not owned by user alice\r\n"),
    lets_in("A17", "smtp", FULL),
    lets_in("A17", "imap", b"%t NO [OVERQUOTA] Quota exceeded (mailbox for user is full)\r\n"),
    lets_in("A26", "imap", b"%t NO Something is rotten\r\n"),
    lets_in("A26", "pop3", b"-ERR Something is rotten\r\n"),
)

PROVIDERS = (
    lets_in(
        "P1",
        "pop3",
        b"-ERR [SYS/PERM] Your account is not enabled for POP access. Please visit your Gmail settings "
        b"page and enable your account for POP access.\r\n",
        host="pop.gmail.com",
    ),
    refuses(
        "P2",
        "imap",
        b"%t NO [ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page "
        b"and enable your account for IMAP access. (Failure)\r\n",
        host="imap.gmail.com",
    ),
    refuses(
        "P3",
        "imap",
        b"%t NO [ALERT] IMAP access is disabled for your domain. Please contact your domain "
        b"administrator for questions about this feature. (Failure)\r\n",
        host="imap.gmail.com",
    ),
    refuses(
        "P4",
        "imap",
        b"%t NO [ALERT] Application-specific password required: "
        b"https://support.google.com/accounts/answer/185833 (Failure)\r\n",
        host="imap.gmail.com",
    ),
    refuses(
        "P5",
        "smtp",
        b"535-5.7.8 Username and Password not accepted. For more information, go to\r\n"
        b"535 5.7.8  https://support.google.com/mail/?p=BadCredentials\r\n",
        host="smtp.gmail.com",
    ),
    refuses("P5", "imap", b"%t NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n", host="imap.gmail.com"),
    refuses(
        "P6",
        "smtp",
        b"534-5.7.14 <https://accounts.google.com/signin/continue> Please log in via your web\r\n"
        b"534 5.7.14 browser and then try again.\r\n",
        host="smtp.gmail.com",
    ),
    refuses("P7", "imap", b"%t NO [ALERT] Too many simultaneous connections. (Failure)\r\n", host="imap.gmail.com"),
    lets_in(
        "P8", "imap", b"* BYE [OVERQUOTA] Account exceeded command or bandwidth limits.\r\n", host="imap.gmail.com"
    ),
    refuses("P9", "smtp", b"454 4.7.0 Too many login attempts, please try again later.\r\n", host="smtp.gmail.com"),
    refuses("P10", "imap", b"%t NO [ALERT] ServiceDisabled (Failure)\r\n", host="imap.gmail.com"),
    refuses("M1", "imap", b"%t NO LOGIN failed. Basic authentication is disabled\r\n", host="outlook.office365.com"),
    refuses(
        "M2",
        "smtp",
        b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
        b"Visit https://aka.ms/smtp_auth_disabled for more information.\r\n",
        host="smtp.office365.com",
    ),
    refuses(
        "M3",
        "smtp",
        b"535 5.7.139 Authentication unsuccessful, user is locked by your organization's security "
        b"defaults policy. Contact your administrator.\r\n",
        host="smtp.office365.com",
    ),
    refuses("M4", "smtp", b"535 5.7.3 Authentication unsuccessful\r\n", host="smtp.office365.com"),
    lets_in("M5", "smtp", b"530 5.7.57 Client not authenticated to send mail\r\n", host="smtp.office365.com"),
    lets_in(
        "M6",
        "smtp",
        b"550 5.7.30 Basic authentication is not supported for Client Submission.\r\n",
        host="smtp.office365.com",
    ),
    lets_in("M7", "imap", b"%t BAD User is authenticated but not connected.\r\n", host="outlook.office365.com"),
    lets_in("M8", "imap", b"* BYE Session invalidated - AccessTokenExpired\r\n", host="outlook.office365.com"),
    refuses("M9", "imap", b"%t NO AUTHENTICATE failed. AADSTS70000: invalid_grant\r\n", host="outlook.office365.com"),
    refuses("M10", "pop3", b"-ERR Logon failure: unknown user name or bad password.\r\n", host="outlook.office365.com"),
    refuses(
        "Y1",
        "imap",
        b"%t NO [AUTHENTICATIONFAILED] (#AUTH012) Incorrect username or password.\r\n",
        host="imap.mail.yahoo.com",
    ),
    refuses("Y2", "smtp", b"535 5.7.0 (#AUTH005) Too many bad auth attempts.\r\n", host="smtp.mail.yahoo.com"),
    refuses("Y3", "imap", b"%t NO [LIMIT] LOGIN Rate limit hit\r\n", host="imap.mail.yahoo.com"),
    refuses("I1", "imap", b"%t NO [AUTHENTICATIONFAILED] Authentication failed\r\n", host="imap.mail.me.com"),
    lets_in("N1", "imap", b"%t NO EXAMINE Unsafe Login. Please contact kefu@188.com for help\r\n", host="imap.163.com"),
    refuses("Q1", "imap", b"%t NO Please using authorized code to login.\r\n", host="imap.qq.com"),
    refuses(
        "R1",
        "imap",
        b"%t NO [AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled\r\n",
        host="imap.yandex.com",
    ),
    refuses(
        "R2",
        "smtp",
        b"535 5.7.0 NEOBHODIM parol prilozheniya / Application password is REQUIRED\r\n",
        host="smtp.mail.ru",
    ),
    refuses("W1", "imap", b"%t NO [AUTHENTICATIONFAILED] Authentication failed\r\n", host="imap.gmx.net"),
    refuses("W2", "imap", b"%t NO [AUTHENTICATIONFAILED] Authentication failed.\r\n", host="secureimap.t-online.de"),
    refuses("W3", "imap", b"%t NO Enable external POP3/IMAP and SMTP access\r\n", host="mail.inbox.lv"),
    refuses(
        "Z1",
        "imap",
        b"%t NO [ALERT] You are yet to enable IMAP for your account. Please contact your administrator (Failure)\r\n",
        host="imap.zoho.com",
    ),
)

PATIENT = (
    refuses("A13", "pop3", Later(2.5, b"-ERR [AUTH] Authentication failed.\r\n"), also="A1", decides=False),
    refuses(
        "A13",
        "imap",
        Later(4.0, b"%t NO [UNAVAILABLE] Temporary authentication failure.\r\n"),
        also="A3",
        decides=False,
    ),
)

SPECIMENS = (*GREETINGS, *LOGINS, *PROVIDERS)


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


def test_a_ban_after_a_wrong_password() -> None:
    """The port closes behind the login: 5 connections without it, one with it."""
    script = POP3S.answering(AUTH=b"-ERR [AUTH] Authentication failed.\r\n").but(serves=6)
    specimen = Specimen("A14", script, login=True, also="A1", decides=False)
    confirm(specimen, asyncio.run(examined(specimen)))
