"""The values of knowledge: rows, providers, and what a text was recognised as."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from gatepost.doctor.model import Confidence, Security, Stage, Status, Who
from gatepost.errors import GatepostError


class KnowledgeError(GatepostError):
    """A data file cannot be used; the text names every mistake with file, row, key and fix."""


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """One cause: how it shows, why it is so, and what to do. Texts may hold placeholders such as `{host}`."""

    id: str
    stage: Stage
    """The step of an examination that it belongs to."""
    title: str
    """What is the matter: a short sentence without a full stop."""
    cause: str = ""
    """Why it is so."""
    fix: str = ""
    """What to do."""
    status: Status = Status.FAIL
    """How bad it is."""
    who: Who = Who.NOBODY
    """Whose job the fix is."""
    confidence: Confidence = Confidence.LIKELY
    """How sure the cause is when the row's messages, or what it looks for, are met."""
    reference: str = ""
    """RFC with section, or the address of a page."""
    command: str = ""
    """A line for a shell that shows the same; `{host}` and `{port}` may be in it."""
    patterns: tuple[str, ...] = ()
    """Pieces of messages; `...` stands for any text between. Case and spacing do not matter."""
    says: tuple[str, ...] = ()
    """Whole messages as servers and mail programs give them, recognised as this row first; `%S`, `%1$S` are gaps."""
    also: tuple[str, ...] = ()
    """Messages that may mean this row too, but more often mean another one."""
    logged: tuple[str, ...] = ()
    """Pieces of a server's own log; there they go before what the same words mean from a mail program."""
    general: tuple[str, ...] = ()
    """Words that only frame a cause, such as `could not connect`: they count where nothing else fits, and then this
    row is only possible."""
    codes: tuple[str, ...] = ()
    """`[AUTH]`, `535 5.7.8`, `5.7.139`, `0x800CCC0E`, `AADSTS70000`, `ALERT 48`, `OPENSSL 267`, `VERIFY 20`,
    `WSA 10061`, `ERRNO 111`, `CURL 67`, `SSL -9806`, `NSS -8179`. Three digits alone (`421`) decide only where the
    protocol is known to be SMTP, or where they are the whole text."""
    beside: tuple[str, ...] = ()
    """Codes that count only beside words of this row."""
    protocols: tuple[str, ...] = ()
    """`pop3`, `imap`, `smtp`: where its messages are met; empty: anywhere."""
    provider: str = ""
    """Names of the providers whose servers say so, with commas between; empty: any server."""
    source: str = ""
    """Where it was learnt: `measured`, `specification`, `source code`, `seen in public code`, `third party`, …"""
    seen: str = ""
    """Year and month in which its messages were last seen in this form: `2026-11`."""


class By(StrEnum):
    """What a row was recognised by."""

    CODE = "code"
    WORDS = "words"
    ALSO = "also"
    """Words that more often mean another row."""
    GENERAL = "general"
    """Words that only frame a cause."""


class Match(Struct, frozen=True):
    """A row that a text was recognised as."""

    id: str
    score: int
    """Higher is surer; only the order has a meaning."""
    matched: str
    """The code or the piece of text that decided."""
    by: By = By.WORDS


class Heard(Struct, frozen=True):
    """What a text betrays of who says it; empty: nothing."""

    speaker: str = ""
    """The program, as people call it."""
    side: str = ""
    """`client`, `server` (the log of one that is asked) or `sender` (the log of one that delivers)."""
    provider: str = ""
    """Names of the big provider whose server was asked, with commas between."""
    protocol: str = ""
    """`pop3`, `imap` or `smtp`."""
    step: Stage | None = None
    """How far it had come."""


class Explanation(Struct, frozen=True):
    """What a text means, and how sure that is."""

    matches: tuple[Match, ...]
    """Best first; none: unknown."""
    confidence: Confidence
    """Of the first match."""
    heard: Heard


class ProviderSetting(Struct, frozen=True, forbid_unknown_fields=True):
    """What a provider tells people to type in for one service."""

    service: str
    """A name of the port table."""
    host: str
    port: int
    security: Security = Security.TLS
    username: str = "%EMAILADDRESS%"
    """With `%EMAILADDRESS%`, `%EMAILLOCALPART%` or `%EMAILDOMAIN%` to be filled in."""
    authentication: str = "normal password"
    """`normal password`, `app password` or `OAuth2`."""


class Provider(Struct, frozen=True, forbid_unknown_fields=True):
    """A big provider, whose settings need not be looked for."""

    name: str
    settings: tuple[ProviderSetting, ...]
    domains: tuple[str, ...] = ()
    """Domains of its own addresses."""
    mx: tuple[str, ...] = ()
    """Ends of the names of its mail exchangers: `google.com` stands for `aspmx.l.google.com` as well."""
    note: str = ""
    """What people must know before it works."""
    url: str = ""
    """The provider's own page of instructions."""
    source: str = ""
    seen: str = ""

    def setting(self, service: str) -> ProviderSetting | None:
        """The first setting for a service of the port table."""
        return next((setting for setting in self.settings if setting.service == service), None)
