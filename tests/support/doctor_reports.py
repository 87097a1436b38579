"""Reports made by hand: a healthy server, a failing one, a mixed one, and one that attacks its readers."""

import tomllib
from pathlib import Path

from msgspec.structs import replace

from gatepost.doctor.model import (
    Confidence,
    Finding,
    Report,
    Security,
    ServiceReport,
    Setting,
    Stage,
    Status,
    Target,
    Verdict,
    Who,
)
from gatepost.ports import BY_NAME

BEGAN = "2026-11-23T04:00:00Z"
EXPIRES = 1_799_000_000
"""2027-01-03T18:13:20Z: 41 days after BEGAN."""

ESCAPE = "\x1b[2J\x1b]0;owned\x07\x9b31m"
OVERRIDE = "\N{RIGHT-TO-LEFT OVERRIDE}"
SCRIPT = "<script>alert(1)</script>"


class Words:
    """The phrases as the files have them, in the place of a Book; it forgives no missing parameter."""

    def __init__(self):
        folder = Path(__file__).parents[2] / "src/gatepost/doctor/knowledge/phrases"
        files = [folder / "words.toml", folder / "show.toml"]
        self.table = {key: value for file in files for key, value in tomllib.loads(file.read_text("utf-8")).items()}

    def phrase(self, key, **parameters):
        value = self.table
        for part in key.split("."):
            value = value[part]
        return value.format(**parameters)


def passed(id_, stage, title, subject="", evidence=""):
    return Finding(id=id_, stage=stage, status=Status.PASS, title=title, subject=subject, evidence=evidence)


def target(name, host="mail.example.com", port=None, **more):
    service = BY_NAME[name]
    return Target(service=service, host=host, port=port or service.port, **more)


def all_well(name, host="mail.example.com", seconds=0.213, more=()):
    """A service where everything passed."""
    where = f"{target(name, host).where} (192.0.2.25)"
    findings = (
        passed("OK2", Stage.REACH, "The port is open.", where),
        passed("OK3", Stage.MODE, "Encryption begins where it should.", where),
        passed("OK4", Stage.TLS, "The certificate is good for 41 days.", where, "TLSv1.3"),
        passed("OK5", Stage.GREETING, "The server greets as it should.", where, "* OK ready"),
        *more,
    )
    return ServiceReport(target(name, host), Status.PASS, findings, seconds, EXPIRES)


NOT_ASKED = Finding(id="S1", stage=Stage.LOGIN, status=Status.SKIP, title="No password was given.")

GENERAL = (
    passed("OK0", Stage.DISCOVERY, "The domain publishes its servers.", "example.com", "_imaps._tcp.example.com"),
    passed("OK1", Stage.NAMES, "The name has addresses of both families.", "mail.example.com"),
)


def setting(protocol, port, security, working=True, host="mail.example.com", user="me@example.com", **more):
    return Setting(
        protocol=protocol,
        host=host,
        port=port,
        security=security,
        username=user,
        authentication=more.get("authentication", "normal password"),
        source="SRV record",
        working=working,
    )


def healthy():
    return Report(
        subject="me@example.com",
        verdict=Verdict(Status.PASS, "Everything works, as far as it could be tested without a password."),
        findings=GENERAL,
        services=(all_well("imaps", more=(NOT_ASKED,)), all_well("submissions", seconds=0.187, more=(NOT_ASKED,))),
        settings=(setting("imap", 993, Security.TLS), setting("smtp", 465, Security.TLS)),
        began=BEGAN,
        seconds=0.42,
        version="0.1.0",
    )


def expired(name):
    return Finding(
        id="C1",
        stage=Stage.TLS,
        status=Status.FAIL,
        title="The certificate expired 3 days ago.",
        cause="It was renewed too late, or the mail server was not told to read the renewed one.",
        fix="Renew the certificate, then reload the mail server.",
        who=Who.ADMINISTRATOR,
        confidence=Confidence.LIKELY,
        evidence="certificate has expired (not after 2026-11-20 04:00 UTC)",
        subject=f"{target(name).where} (192.0.2.25)",
        reference="https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5",
        command=f"openssl s_client -connect 192.0.2.25:{BY_NAME[name].port} -servername mail.example.com -crlf",
    )


def skipped(name):
    where = target(name).where
    return tuple(
        Finding(id="S0", stage=stage, status=Status.SKIP, title="Not tested.", subject=where)
        for stage in (Stage.GREETING, Stage.LOGIN, Stage.MAILBOX)
    )


def failing():
    services = tuple(
        ServiceReport(
            target(name),
            Status.FAIL,
            (passed("OK2", Stage.REACH, "The port is open.", target(name).where), expired(name), *skipped(name)),
            0.31,
            EXPIRES - 44 * 86_400,
        )
        for name in ("imaps", "pop3s")
    )
    return Report(
        subject="mail.example.com",
        verdict=Verdict(
            Status.FAIL,
            "The certificate of mail.example.com expired 3 days ago, so mail programs refuse to connect.",
            "Renew the certificate, then reload the mail server.",
            Who.ADMINISTRATOR,
            "C1",
        ),
        findings=(),
        services=services,
        settings=(setting("imap", 993, Security.TLS, working=False, user=""),),
        began=BEGAN,
        seconds=1.35,
        version="0.1.0",
    )


SLOW_V6 = Finding(
    id="D5",
    stage=Stage.REACH,
    status=Status.WARN,
    title="IPv6 does not answer, IPv4 does.",
    cause="The name has an IPv6 address, but nothing answers there: mail programs wait before they try the other.",
    fix="Remove the AAAA record, or let IPv6 through the firewall.",
    who=Who.ADMINISTRATOR,
    evidence="timed out after 5.0 s",
    subject="mail.example.com (2001:db8::25)",
)

GREETS = Finding(
    id="G12",
    stage=Stage.GREETING,
    status=Status.INFO,
    title="The server greets with another name.",
    evidence="220 mx7.example.net ESMTP",
    subject="submission mail.example.com:587 (192.0.2.25)",
)


def mixed():
    """A warning, a remark, a login that was made, and services of every kind."""
    logged_in = passed("OK6", Stage.LOGIN, "The login works.", target("imaps").where)
    return replace(
        healthy(),
        verdict=Verdict(
            Status.WARN,
            "Mail works, but slowly at times: IPv6 of mail.example.com does not answer.",
            "Remove the AAAA record, or let IPv6 through the firewall.",
            Who.ADMINISTRATOR,
            "D5",
        ),
        findings=(*GENERAL, SLOW_V6),
        services=(
            all_well("imaps", more=(logged_in,)),
            ServiceReport(target("submission"), Status.PASS, (GREETS,), 12.4),
            ServiceReport(target("pop3"), Status.SKIP, (NOT_ASKED,), 0.0),
        ),
        settings=(
            setting("imap", 993, Security.TLS, authentication="app password"),
            setting("smtp", 587, Security.STARTTLS, authentication="OAuth2"),
            setting("pop3", 110, Security.NONE, working=False, authentication="Kerberos", user=""),
        ),
        seconds=6.2,
    )


def hostile():
    """Every text attacks a terminal, a page, or a line of monitoring."""
    bad = f"{ESCAPE}{SCRIPT}{OVERRIDE}'\"&|\r\n$(reboot) `id` \N{SNOWMAN}" + "A" * 300

    def fault(status):
        return Finding(
            id="G1",
            stage=Stage.GREETING,
            status=status,
            title=f"The server said {bad}",
            cause=bad,
            fix=bad,
            who=Who.PROVIDER,
            confidence=Confidence.POSSIBLE,
            evidence=bad,
            subject=bad,
            reference=f"javascript:{bad}",
            command=f"openssl {bad}",
        )

    found = tuple(map(fault, Status))
    return Report(
        subject=f"x{bad}",
        verdict=Verdict(Status.FAIL, bad, bad, Who.PROVIDER, "G1"),
        findings=found,
        services=(ServiceReport(target("imaps", f"evil{bad}", source=bad), Status.FAIL, found, 1e9, EXPIRES),),
        settings=(setting("imap", 993, Security.TLS, host=bad, user=bad, authentication=bad),),
        began=BEGAN,
        seconds=10.0,
        version="0.1.0",
        language="en",
    )
