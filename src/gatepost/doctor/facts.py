"""What was observed, without any opinion: the language between those who look and those who judge.

Octets stay octets: a server's words are decoded only where a person reads them.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address

from msgspec import Struct

from gatepost.doctor.model import Target

# --- names -----------------------------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """How a DNS question ended."""

    ANSWER = "answer"
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    BAD_NAME = "bad name"
    LOOP = "loop"
    """Aliases (CNAME) that lead in a circle or too far."""


class Lookup(Struct, frozen=True):
    """One DNS question and its answer."""

    name: str
    kind: str
    """`A`, `AAAA`, `MX`, `SRV`, `TXT`, `PTR`, `CNAME`."""
    outcome: Outcome
    values: tuple[str, ...] = ()
    """In presentation form: `10 mx.example.com.`, `0 1 993 imap.example.com.`."""
    aliases: tuple[str, ...] = ()
    """The names that CNAME records led through."""
    resolver: str = "system"
    seconds: float = 0.0
    error: str = ""
    dnssec: bool = False
    """Whether the resolver said it is authentic (AD)."""
    local: bool = False
    """Whether the resolver is on this machine: what another one says, anybody on the way can have changed."""

    @property
    def proved(self) -> bool:
        """Whether the answer cannot have been changed on the way."""
        return self.dnssec and self.local


class HostNames(Struct, frozen=True):
    """What DNS says of a host."""

    host: str
    v4: Lookup | None
    """None: not asked."""
    v6: Lookup | None
    others: tuple[Lookup, ...] = ()
    """The same questions to other resolvers, and MX or PTR where they were asked."""
    literal: bool = False
    """The host is an IP address."""


class Source(StrEnum):
    """Where settings were found."""

    TYPED = "typed"
    SRV = "SRV record"
    AUTOCONFIG = "autoconfig"
    AUTOCONFIG_MX = "autoconfig of the MX"
    PACC = "PACC"
    PROVIDER = "known provider"
    COMMON = "common name"
    AUTODISCOVER = "Autodiscover"
    """Only whether its SRV record exists: it names a web server."""


class Publication(Struct, frozen=True):
    """One place where a domain may publish settings, and what was there."""

    source: Source
    where: str
    """The URL or the SRV name."""
    found: bool
    targets: tuple[Target, ...] = ()
    denied: tuple[str, ...] = ()
    """Service names that the domain says it does not offer (SRV target `.`)."""
    error: str = ""
    """Why it could not be read, if something was there."""
    plain: tuple[str, ...] = ()
    """Service names that programs are told to use without encryption."""
    dnssec: bool = False
    """Whether what was found in DNS is proved (`Lookup.proved`)."""


class Discovery(Struct, frozen=True):
    """Everything that was found out about the servers of an address's domain."""

    domain: str
    publications: tuple[Publication, ...]
    mx: Lookup
    targets: tuple[Target, ...]
    """What is to be examined: the best source for each service."""
    provider: str = ""
    """Name of the known provider behind the domain or its MX."""
    mx_hosts: tuple[HostNames, ...] = ()
    """What DNS says of the best mail servers."""


# --- the wire --------------------------------------------------------------------------------------------------------


class Reach(StrEnum):
    """How a TCP connection attempt ended."""

    OPEN = "open"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    NO_ROUTE = "no route"
    """EHOSTUNREACH, ENETUNREACH."""
    FORBIDDEN = "forbidden"
    """EACCES, EPERM: this machine's own rules."""
    RESET = "reset"
    FAILED = "failed"


class Dial(Struct, frozen=True):
    """One attempt to connect."""

    host: str
    address: str
    port: int
    reach: Reach
    seconds: float
    error: str = ""
    """The exception's text as Python gave it."""
    own: str = ""
    """The address of our side, where the connection came about."""

    @property
    def is_within(self) -> bool:
        """Whether the connection did not leave this machine: servers trust it more than others."""
        return self.own == self.address or ip_address(self.address.partition("%")[0]).is_loopback

    @property
    def family(self) -> int:
        """6 or 4."""
        return 6 if ":" in self.address else 4


class Ending(StrEnum):
    """How the listening ended."""

    OCTETS = "octets"
    """Something came."""
    SILENT = "silent"
    CLOSED = "closed"
    """End of stream."""
    RESET = "reset"


class Listening(Struct, frozen=True):
    """What a server did when it was connected to and listened to, in the clear."""

    ending: Ending
    octets: bytes = b""
    seconds: float = 0.0
    """Until the first octet, or until it ended."""


class Certificate(Struct, frozen=True):
    """What is in one certificate of the chain. Times are Unix seconds."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    """DNS names and IP addresses of the subjectAltName."""
    common_name: str
    not_before: int
    not_after: int
    key: str
    """`EC P-256`, `RSA 2048`, `Ed25519`."""
    key_bits: int
    signature: str
    """Hash of the signature: `sha256`."""
    server_auth: bool
    """Whether it may be a TLS server's (no extendedKeyUsage, or one with serverAuth)."""
    authority_key_id: bool
    issuer_url: str
    """The AIA caIssuers address; empty if there is none."""
    sha256: str
    """Fingerprint, lower-case hex."""
    is_authority: bool = False


class Handshake(Struct, frozen=True):
    """One attempt at a TLS handshake."""

    done: bool
    """With an `error` all the same: the server refused only after its part was done (TLS 1.3, client certificate)."""
    verified: bool
    """The certificate passed OpenSSL's checks for `server_name` (False too when it was told not to check)."""
    server_name: str = ""
    """SNI; empty: none was sent."""
    version: str = ""
    cipher: str = ""
    error: str = ""
    """OpenSSL's reason, e.g. `WRONG_VERSION_NUMBER`, `UNEXPECTED_EOF`, `timed out`, `reset`."""
    verify_code: int = 0
    """OpenSSL's X509_V_ERR_* of the first fault that it met; 0: none."""
    verify_message: str = ""
    chain: tuple[Certificate, ...] = ()
    """As the server presented it, leaf first; only the leaf where Python cannot tell more."""
    seconds: float = 0.0


class VersionTried(Struct, frozen=True):
    """A handshake limited to one version, or to weak ciphers."""

    what: str
    """`TLSv1`, `TLSv1.1`, `TLSv1.2`, `TLSv1.3`, or `weak ciphers`."""
    accepted: bool
    detail: str = ""
    """The cipher, or why not."""
    testable: bool = True
    """False: our OpenSSL cannot speak it."""


class Capabilities(Struct, frozen=True):
    """What a server said it can do, in upper case: `STLS`, `UIDL`, `AUTH=PLAIN`, `LOGINDISABLED`, `SIZE 1000`."""

    asked: bool
    items: tuple[str, ...] = ()
    octets: bytes = b""
    """The answer as it came."""

    def has(self, name: str) -> bool:
        """Whether the item, or an item that begins with it and a space, is there."""
        return any(item == name or item.startswith(f"{name} ") for item in self.items)

    def mechanisms(self) -> tuple[str, ...]:
        """SASL mechanisms."""
        return tuple(item[5:] for item in self.items if item.startswith("AUTH="))


class Upgrade(Struct, frozen=True):
    """An attempt at STARTTLS or STLS."""

    offered: bool
    reply: bytes = b""
    agreed: bool = False
    extra: bytes = b""
    """Octets that came behind the reply, before the handshake: nobody may send any."""
    handshake: Handshake | None = None
    command_injected: bool | None = None
    """A command that was sent in the clear behind STARTTLS was answered inside TLS. None: not tried."""


class Login(Struct, frozen=True):
    """The one attempt to log in."""

    mechanism: str
    """`PLAIN`, `LOGIN`, `USER/PASS`, `IMAP LOGIN`, `SCRAM-SHA-256`, or empty when none was usable."""
    accepted: bool
    reply: bytes
    """The deciding reply, secrets removed."""
    seconds: float = 0.0
    error: str = ""
    """Why it was not tried or not answered: `no usable mechanism`, `not encrypted`, `certificate not trusted`,
    `unexpected challenge`, `server not proven` (it let us in without SCRAM's proof that it knows the password),
    `closed`, `timed out`; else what is wrong with the server's SCRAM messages.
    """


class Visit(Struct, frozen=True):
    """What was asked after a login: STAT, EXAMINE INBOX, or MAIL FROM and RSET."""

    command: str
    accepted: bool
    reply: bytes
    seconds: float = 0.0


class Contact(Struct, frozen=True):
    """All that was seen of one service at one address. None: that step was not made."""

    target: Target
    dial: Dial
    plain: Listening | None = None
    """Connected and listened without TLS (on an implicit-TLS port only when the handshake failed)."""
    poked: Listening | None = None
    """What came after a plaintext command was sent to a silent server."""
    handshake: Handshake | None = None
    """On an implicit-TLS port, or on any port when TLS from the first octet was tried."""
    unverified: Handshake | None = None
    """The second handshake, that trusts anybody, made when the first was refused for the certificate."""
    without_sni: Handshake | None = None
    versions: tuple[VersionTried, ...] = ()
    """Those that gave an answer."""
    greeting: Listening | None = None
    """The greeting where it belongs: in the clear, or inside TLS."""
    before_tls: Capabilities | None = None
    upgrade: Upgrade | None = None
    inside_tls: Capabilities | None = None
    login: Login | None = None
    visit: Visit | None = None
    listing: Visit | None = None
    """POP3: the answer to UIDL, or as much of it as was read."""
    behind_header: bool = False
    """The port spoke as it should behind a PROXY header."""
    helo_reply: bytes = b""
    """SMTP: the reply to EHLO or HELO, if it was an error."""
    transcript: tuple[str, ...] = ()
    """`C: ` and `S: ` lines, secrets removed."""
    seconds: float = 0.0
    unfinished: bool = False
    """The time was over before everything was seen; what is here holds."""


class Surroundings(Struct, frozen=True):
    """What was tried beside the target to tell causes apart, when a connection failed."""

    other_ports: tuple[Dial, ...] = ()
    """Other mail ports, and 443, of the same address."""
    other_family: tuple[Dial, ...] = ()
    """The same port at the host's other addresses."""
    elsewhere: tuple[Dial, ...] = ()
    """A port that must be open somewhere else: whether this network works at all."""
