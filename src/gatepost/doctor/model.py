"""The doctor's language: what is asked, what is found, what is reported. Frozen values, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from gatepost.ports import Service


class Secret:
    """A password on its way to a server. It shows itself in no repr, log, JSON or traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The password itself: only for the octets that go to the server."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"


class Stage(StrEnum):
    """The steps of an examination, in order. When one fails, those that need it are skipped, not failed."""

    ADDRESS = "address"
    DISCOVERY = "discovery"
    NAMES = "names"
    REACH = "reach"
    MODE = "mode"
    TLS = "tls"
    GREETING = "greeting"
    LOGIN = "login"
    MAILBOX = "mailbox"
    RECORDS = "records"
    HOST = "host"
    """Only on a Gatepost host: its own configuration, files, disk, clock."""


class Status(StrEnum):
    """How bad it is."""

    PASS = "pass"  # noqa: S105 -- no password
    INFO = "info"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


_WORST_FIRST: Final = (Status.FAIL, Status.WARN, Status.PASS, Status.INFO, Status.SKIP)


def worst(statuses: Iterable[Status]) -> Status:
    """The one that decides; a remark is no fault; SKIP when there is none."""
    return min(statuses, key=_WORST_FIRST.index, default=Status.SKIP)


class Who(StrEnum):
    """Whose job the fix is."""

    YOU = "you"
    ADMINISTRATOR = "administrator"
    PROVIDER = "provider"
    NETWORK = "network"
    NOBODY = "nobody"


class Confidence(StrEnum):
    """How sure the cause is. What sources only claim, and nobody measured, is at most `possible`."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Finding(Struct, frozen=True, omit_defaults=True):
    """One fact with its meaning. The texts are finished sentences in the reader's language."""

    id: str
    """The row of knowledge it comes from, e.g. `T1`: stable, fit to be said on the telephone."""
    stage: Stage
    status: Status
    title: str
    cause: str = ""
    fix: str = ""
    who: Who = Who.NOBODY
    confidence: Confidence = Confidence.CERTAIN
    evidence: str = ""
    """The server's own words, or the error, as it came: printable, at most 500 characters, without secrets."""
    subject: str = ""
    """What it is about: `pop3s mail.example.com:995 (192.0.2.1)`, a host name, a DNS record."""
    reference: str = ""
    command: str = ""
    """The openssl, telnet or dig line that shows the same."""


class Security(StrEnum):
    """What a mail program calls the connection's security."""

    TLS = "SSL/TLS"
    STARTTLS = "STARTTLS"
    NONE = "none"


class Setting(Struct, frozen=True):
    """What to type into a mail program for one service."""

    protocol: str
    """`pop3`, `imap` or `smtp`."""
    host: str
    port: int
    security: Security
    username: str
    authentication: str
    """In the words of mail programs: `normal password`, `OAuth2`, `app password`."""
    source: str
    """Where it comes from: `SRV record`, `autoconfig`, `known provider`, `common name`, `typed`."""
    working: bool
    """Whether this examination saw it work, as far as it went."""
    tested: bool = True
    """Whether it was tried at all."""
    foreign: bool = False
    """Only DNS without proof names this host, which belongs to another domain: it may be somebody else's."""


class Target(Struct, frozen=True):
    """A service at a host that is to be examined."""

    service: Service
    host: str
    port: int
    source: str = "typed"
    username: str = ""
    authentication: str = ""
    address: str = ""
    """Set only where several addresses of one service are reported each for itself."""

    @property
    def where(self) -> str:
        """`pop3s mail.example.com:995`, with the address behind it in brackets where it is set."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = f"{self.service.name} {host}:{self.port}"
        return f"{place} ({self.address})" if self.address else place


class Question(Struct, frozen=True):
    """What a person typed. Without a password nothing is tried that needs one."""

    subject: str
    """A mail address, or a host name or IP address, as typed."""
    port: int | None = None
    service: str = ""
    """A name of the port table; empty: those that fit."""
    user: str = ""
    """Empty: the address, if `subject` is one."""
    secret: Secret | None = None
    sender: str = ""
    """SMTP: test this envelope sender as well (MAIL FROM, then RSET)."""
    families: tuple[int, ...] = (6, 4)
    all_ports: bool = False
    inside: bool = False
    """The domain is one of this network: its records may lead to private addresses, and to this machine."""
    ca_file: str = ""
    timeout: float = 5.0
    """Seconds for each single step."""
    language: str = "en"


class ServiceReport(Struct, frozen=True):
    """All about one target."""

    target: Target
    status: Status
    findings: tuple[Finding, ...]
    seconds: float = 0.0
    certificate_expires: int = 0
    """Unix seconds: the earliest end of the server certificates seen; 0: none was seen."""


class Verdict(Struct, frozen=True):
    """The examination in one sentence."""

    status: Status
    sentence: str
    fix: str = ""
    who: Who = Who.NOBODY
    because: str = ""
    """Id of the finding that decides; empty when all is well."""


class Report(Struct, frozen=True):
    """A finished examination."""

    subject: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    """About the address, discovery, names and records: what belongs to no single service."""
    services: tuple[ServiceReport, ...]
    settings: tuple[Setting, ...]
    began: str
    """UTC, ISO 8601."""
    seconds: float
    version: str
    """Of Gatepost."""
    language: str = "en"
    examined: bool = True
    """False: nothing could be tested from here (no network, no resolver); exit code 3."""

    def all_findings(self) -> tuple[Finding, ...]:
        """Every finding, the general ones first."""
        return self.findings + tuple(finding for service in self.services for finding in service.findings)


class Progress(Struct, frozen=True):
    """Something that a watcher may show while an examination runs."""

    stage: Stage
    subject: str
    text: str
    status: Status | None = None
    """None: it began."""
