"""Building blocks for mail servers that are well or ill: what a doctor meets, on loopback, as little code as a reply.

A server is a `Script`: what it says to whom, and where it misbehaves. Begin with a healthy one and break it:

    home = Authority()                                     # a certificate authority; `home.file` is for --ca
    sound = healthy("pop3", home.issue("localhost"))       # POP3S; mode=STARTTLS or CLEAR for port 110's manner
    async with serve(sound) as server:
        contact(target("pop3", server.port), "127.0.0.1", question(server, home), login=True)
    server.heard                                           # what was said to it: [Line(inside_tls, octets), …]

    sound.but(greeting=b"-ERR too many connections\r\n")   # another greeting
    sound.but(greeting=None)                               # silence
    sound.but(accept=RESET)                                # or CLOSE, SILENCE: what happens on accept
    sound.answering(PASS=b"-ERR [AUTH] no\r\n")            # another reply to a verb
    sound.answering(STAT=CLOSE)                            # hangs up when asked; also RESET, SILENCE
    sound.answering(CAPA=lambda line: b"-ERR " + line)     # a reply made of the command
    sound.answering(CONTINUE=[b"334 \r\n", b"235 in\r\n"]) # one after the other; the last one stays
    sound.but(inside={"CAPA": …})                          # other replies inside TLS than in the clear
    sound.but(starttls_tail=b"+OK injected\r\n")           # octets behind the reply to STARTTLS (response injection)
    sound.but(keeps_clear_input=True)                      # command injection
    sound.but(shakes_hands=CLOSE)                          # agrees to STARTTLS, then hangs up; also RESET, SILENCE
    sound.but(greets_after=0.3)                            # seconds
    sound.but(drips=0.01)                                  # the greeting octet by octet, over and over
    sound.answering(QUIT=[b"+OK bye\r\n", CLOSE])          # a list that ends with CLOSE hangs up behind its last reply
    sound.but(serves=1)                                    # the port closes behind the first one (a ban that rejects)
    sound.answering(PASS=Later(2.5, b"-ERR no\r\n"))   # thinks about it; also Later(0.1, CLOSE)
    raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", after=b"\n")  # says one thing, perhaps only when spoken to; SSH, HTTP
    raw(b"", after=b"\n", then=CLOSE)                    # and hangs up; also RESET

`%t` in a reply is the tag of an IMAP command. After a reply that begins with `+ ` or `334` the next line is looked up
as `CONTINUE`; a verb without a reply as `ELSE`.

Certificates: `Authority(...).issue("name", ...)` with faults as arguments (see there); `self_signed(...)`;
`authority.intermediate()` issues in the middle, `sends=` says what of the chain is sent. `tls(identity, ...)` makes a
context with old versions or ciphers; `Script.context` takes it.
"""

from __future__ import annotations

import asyncio
import atexit
import shutil
import socket
import ssl
import struct
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache, cached_property
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from gatepost.doctor.model import Question, Secret, Target
from gatepost.ports import SERVICES, Service, TlsMode

HOST = "localhost"
USER = "alice@example.test"
PASSWORD = "correct horse battery"


# -- Certificates ----------------------------------------------------------------------------------------------------

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def private_key(kind: str = "ec", number: int = 0) -> Key:
    """`ec`, or `rsa1024`, `rsa2048`, …; the same one for the same `number`, because RSA takes its time."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


@dataclass(frozen=True)
class Identity:
    """A key and the certificates that are sent with it, leaf first."""

    chain: tuple[x509.Certificate, ...]
    key: Key

    @cached_property
    def file(self) -> str:
        """Key and chain in one file, as `load_cert_chain` takes it."""
        pem = serialization.Encoding.PEM
        secret = self.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return _file(secret + b"".join(certificate.public_bytes(pem) for certificate in self.chain))


class Authority:
    """Issues certificates, sound ones and others."""

    def __init__(
        self,
        name: str = "Zoo authority",
        *,
        above: Authority | None = None,
        days: tuple[float, float] = (-1, 3650),
        key: str = "ec",
        ca: bool = True,
        length: int | None = None,
        permits: str = "",
    ) -> None:
        """`ca=False`: it is none. `length`: authorities that may follow below. `permits`: the only domain."""
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key: Any = ec.generate_private_key(ec.SECP256R1()) if key == "ec" else private_key(key, 1)
        self.above = above
        self._is_ca, self._length, self._permits = ca, length, permits
        self.certificate = self.signed(days)

    def signed(self, days: tuple[float, float]) -> x509.Certificate:
        """A certificate of it: another one where it was renewed."""
        issuer, ca, length, permits = self.above or self, self._is_ca, self._length, self._permits
        builder = _builder(self.name, issuer.name, self.key, days)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=length), critical=True)
        builder = builder.add_extension(_usage(signs=ca), critical=True)
        if permits:
            only = x509.NameConstraints([x509.DNSName(permits)], None)
            builder = builder.add_extension(only, critical=True)
        builder = _identified(builder, self.key, issuer.key)
        return builder.sign(issuer.key, hashes.SHA256())

    @cached_property
    def file(self) -> str:
        """Its certificate, for `Question.ca_file`."""
        return _file(self.certificate.public_bytes(serialization.Encoding.PEM))

    def intermediate(
        self, name: str = "Zoo intermediate", *, days: tuple[float, float] = (-1, 3650), **more: Any
    ) -> Authority:
        """An authority below this one."""
        return Authority(name, above=self, days=days, **more)

    def issue(
        self,
        *names: str,
        days: tuple[float, float] = (-1, 90),
        key: str = "ec",
        common_name: str | None = None,
        san: bool = True,
        server_auth: bool = True,
        aki: bool = True,
        aia: str = "",
        sends: str = "chain",
        hash_: hashes.HashAlgorithm | None = None,
    ) -> Identity:
        """A server certificate for DNS names and addresses.

        `days` from now: (-30, -1) has expired, (1, 90) is not yet valid. `key`: `rsa1024` is weak. `san=False`: the
        name stands in the common name only. `server_auth=False`: made for clients. `aki=False`: Python 3.13's strict
        check complains. `aia`: the caIssuers address. `sends`: `chain`, or `leaf` for a missing intermediate, or
        `all` with the root.
        """
        own = private_key(key)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name or (names[0] if names else "Zoo"))])
        builder = _builder(subject, self.name, own, days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs=False), critical=True)
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if server_auth else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if san and names:
            general = x509.SubjectAlternativeName([_general_name(name) for name in names])
            builder = builder.add_extension(general, critical=False)
        if aia:
            access = x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(aia)
            )
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        builder = _identified(builder, own, self.key if aki else None)
        leaf = builder.sign(self.key, hash_ or hashes.SHA256())
        return Identity((leaf, *self._sent(sends)), own)

    def _sent(self, sends: str) -> tuple[x509.Certificate, ...]:
        chain: list[x509.Certificate] = []
        at: Authority | None = self
        while at is not None:
            if at.above is not None or sends == "all":
                chain.append(at.certificate)
            at = at.above
        return () if sends == "leaf" else tuple(chain)


def self_signed(*names: str, days: tuple[float, float] = (-1, 90), key: str = "ec") -> Identity:
    """A server certificate that nobody vouches for."""
    own = private_key(key)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    general = x509.SubjectAlternativeName([_general_name(name) for name in names])
    builder = _builder(subject, subject, own, days).add_extension(general, critical=False)
    return Identity((builder.sign(own, hashes.SHA256()),), own)


@cache
def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="doctor-zoo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _file(octets: bytes) -> str:
    with tempfile.NamedTemporaryFile(dir=_folder(), suffix=".pem", delete=False) as file:
        file.write(octets)
    return file.name


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, days: tuple[float, float]) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )


def _identified(builder: x509.CertificateBuilder, own: Key, issuer: Key | None) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
    if issuer is None:
        return builder
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    return builder.add_extension(identifier, critical=False)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def tls(
    identity: Identity,
    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    *,
    ciphers: str = "",
    client_ca: str = "",
    for_names: Mapping[str, Identity] | None = None,
    refuses_without_sni: bool = False,
) -> ssl.SSLContext:
    """A server's context. `client_ca`: demands a client certificate. `for_names`: other identities by SNI."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers or "DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(identity.file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = lowest, highest
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    others = {name: tls(other, lowest, highest, ciphers=ciphers) for name, other in (for_names or {}).items()}

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if name is None and refuses_without_sni:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        if name in others:
            connection.context = others[name]
        return None

    context.sni_callback = choose  # type: ignore[assignment]
    return context


# -- Servers ---------------------------------------------------------------------------------------------------------


class Act(Enum):
    """What a server does where it should speak."""

    CLOSE = "close"
    RESET = "reset"
    SILENCE = "silence"


CLOSE, RESET, SILENCE = Act.CLOSE, Act.RESET, Act.SILENCE


@dataclass(frozen=True)
class Later:
    """A reply that comes after so many seconds."""

    seconds: float
    reply: bytes | Act


Reply = bytes | Act | Later | Callable[[bytes], bytes] | Sequence[bytes | Act]

IMPLICIT, STARTTLS, CLEAR = TlsMode.IMPLICIT, TlsMode.STARTTLS, TlsMode.NONE


@dataclass(frozen=True)
class Script:
    """How a server behaves; see the module's text."""

    greeting: bytes | None = b""
    """None: none."""
    replies: Mapping[str, Reply] = field(default_factory=dict)
    inside: Mapping[str, Reply] = field(default_factory=dict)
    """Replies that differ inside TLS."""
    mode: TlsMode = CLEAR
    context: ssl.SSLContext | None = None
    accept: Act | None = None
    greets_after: float = 0.0
    drips: float = 0.0
    header: bytes = b""
    """What must come before all else, or the connection is closed: a balancer's line."""
    waits_for: bytes = b""
    """The greeting comes only when this came; without a dialog after it."""
    then: Act | None = None
    """What happens behind the greeting, instead of a dialog."""
    starttls_tail: bytes = b""
    keeps_clear_input: bool = False
    shakes_hands: Act | None = None
    serves: int = 0
    """After so many connections the port is closed; 0: never."""

    def but(self, **changes: Any) -> Script:
        return replace(self, **changes)

    def answering(self, **replies: Reply) -> Script:
        """With these replies to verbs, in the clear and inside TLS."""
        return replace(self, replies={**self.replies, **replies}, inside={**self.inside, **replies})


_POP3 = {
    "CAPA": b"+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nUSER\r\nSASL PLAIN LOGIN\r\nSTLS\r\n.\r\n",
    "STLS": b"+OK begin TLS\r\n",
    "AUTH": b"+OK logged in\r\n",
    "USER": b"+OK\r\n",
    "PASS": b"+OK logged in\r\n",
    "STAT": b"+OK 2 320\r\n",
    "UIDL": b"+OK\r\n1 QhdPYR:00WBw1Ph7x7\r\n2 QhdPYR:00WBw1Ph7x8\r\n.\r\n",
    "QUIT": [b"+OK bye\r\n", CLOSE],
    "ELSE": b"-ERR what?\r\n",
}
_IMAP = {
    "CAPABILITY": b"* CAPABILITY IMAP4rev1 SASL-IR STARTTLS AUTH=PLAIN\r\n%t OK done\r\n",
    "STARTTLS": b"%t OK begin TLS\r\n",
    "AUTHENTICATE": b"%t OK logged in\r\n",
    "LOGIN": b"%t OK logged in\r\n",
    "EXAMINE": b"* FLAGS (\\Seen)\r\n* 2 EXISTS\r\n* 0 RECENT\r\n%t OK [READ-ONLY] done\r\n",
    "NOOP": b"%t OK\r\n",
    "LOGOUT": [b"* BYE\r\n%t OK\r\n", CLOSE],
    "ELSE": b"%t BAD what?\r\n",
}
_SMTP = {
    "EHLO": b"250-mail.example.test\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n250-STARTTLS\r\n250 8BITMIME\r\n",
    "HELO": b"250 mail.example.test\r\n",
    "STARTTLS": b"220 2.0.0 go ahead\r\n",
    "AUTH": b"235 2.7.0 logged in\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RSET": b"250 2.0.0 ok\r\n",
    "NOOP": b"250 2.0.0 ok\r\n",
    "QUIT": [b"221 2.0.0 bye\r\n", CLOSE],
    "ELSE": b"502 5.5.1 what?\r\n",
}
_INSIDE: Mapping[str, Mapping[str, Reply]] = {
    "pop3": {"CAPA": b"+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n"},
    "imap": {"CAPABILITY": b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN UIDPLUS\r\n%t OK done\r\n"},
    "smtp": {
        "EHLO": b"250-mail.example.test\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n"
        b"250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",
    },
}
_GREETINGS = {
    "pop3": b"+OK ready\r\n",
    "imap": b"* OK ready\r\n",
    "smtp": b"220 mail.example.test ESMTP\r\n",
}
_REPLIES: Mapping[str, Mapping[str, Reply]] = {"pop3": _POP3, "imap": _IMAP, "smtp": _SMTP}


def healthy(protocol: str, identity: Identity | None = None, *, mode: TlsMode = IMPLICIT) -> Script:
    """A server without fault for `pop3`, `imap` or `smtp`."""
    context = tls(identity) if identity is not None else None
    return Script(_GREETINGS[protocol], _REPLIES[protocol], _INSIDE[protocol], mode, context)


def raw(words: bytes, *, after: bytes = b"", then: Act | None = None) -> Script:
    """Says one thing, when it is connected to or when `after` came, and no more."""
    return Script(words, {"ELSE": SILENCE}, waits_for=after, then=then)


@dataclass(frozen=True)
class Line:
    """A line that a client said."""

    inside_tls: bool
    octets: bytes


@dataclass
class Server:
    """A running script."""

    port: int = 0
    heard: list[Line] = field(default_factory=list)
    connections: int = 0
    most_at_once: int = 0
    now: int = 0
    visited: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody has come."""
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody has come, and nobody is here any more."""

    def said(self, verb: bytes) -> list[Line]:
        """The lines with this word in them."""
        return [line for line in self.heard if verb in line.octets.upper().split()]


@asynccontextmanager
async def serve(script: Script, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Server]:
    """Runs it while the block runs."""
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=64)
    listener.setblocking(False)
    state = Server(listener.getsockname()[1])
    accepting = asyncio.create_task(_accept(script, state, listener))
    try:
        yield state
    finally:
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)
        listener.close()


async def _accept(script: Script, state: Server, listener: socket.socket) -> None:
    async with asyncio.TaskGroup() as group:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            group.create_task(_serve_one(script, state, Link(connection)))
            if state.connections + 1 == script.serves:
                listener.close()
                return


async def _serve_one(script: Script, state: Server, link: Link) -> None:
    state.connections += 1
    state.now += 1
    state.visited.set()
    state.empty.clear()
    state.most_at_once = max(state.most_at_once, state.now)
    try:
        with suppress(OSError, EOFError):  # ssl.SSLError is an OSError
            await _Session(script, state, link).run()
    finally:
        state.now -= 1
        if not state.now:
            state.empty.set()
        link.close()


class Link:
    """The server's end: octets, in the clear or inside TLS; alerts of a failed handshake go out."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.loop = asyncio.get_running_loop()
        self.kept = b""
        self.tls: ssl.SSLObject | None = None
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    async def write(self, octets: bytes) -> None:
        if self.tls is None:
            await self.loop.sock_sendall(self.connection, octets)
        else:
            self.tls.write(octets)
            await self._flush()

    async def read_until(self, end: bytes) -> bytes:
        """Raises EOFError."""
        while end not in self.kept:
            octets = await self.read()
            if not octets:
                raise EOFError
            self.kept += octets
        at = self.kept.index(end) + len(end)
        line, self.kept = self.kept[:at], self.kept[at:]
        return line

    async def read(self) -> bytes:
        """Empty at the end."""
        while True:
            if self.tls is None:
                return await self.loop.sock_recv(self.connection, 65536)
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except ssl.SSLZeroReturnError:
                return b""

    async def start_tls(self, context: ssl.SSLContext) -> None:
        tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except ssl.SSLError:
                await self._flush()
                await self._drain()
                raise
        await self._flush()
        self.tls = tls

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def close(self) -> None:
        self.connection.close()

    async def _drain(self) -> None:
        """Unread octets would make a close a reset."""
        self.connection.shutdown(socket.SHUT_WR)
        while await self.loop.sock_recv(self.connection, 65536):
            pass

    async def _flush(self) -> None:
        await self.loop.sock_sendall(self.connection, self.outgoing.read())

    async def _feed(self) -> None:
        octets = await self.loop.sock_recv(self.connection, 65536)
        if not octets:
            raise EOFError
        self.incoming.write(octets)


class _Session:
    def __init__(self, script: Script, state: Server, link: Link) -> None:
        self.script, self.state, self.link = script, state, link
        self.inside = False
        self.counts: dict[str, int] = {}
        self.continues = False

    async def run(self) -> None:
        script, link = self.script, self.link
        if script.accept is not None:
            await self._act(script.accept)
            return
        if script.header and not (await link.read_until(b"\n")).startswith(script.header):
            link.close()
            return
        if script.header:
            link.incoming.write(link.kept)
            link.kept = b""
        if script.mode is IMPLICIT and script.context is not None:
            await link.start_tls(script.context)
            self.inside = True
        if script.waits_for:
            await link.read_until(script.waits_for)
        if script.greets_after:
            await self._pause(script.greets_after)
        if script.drips:
            await self._drip(script.greeting or b"x")
        if script.greeting:
            await link.write(script.greeting)
        if script.then is not None:
            await self._act(script.then)
            return
        while await self._answer((await link.read_until(b"\n")).rstrip(b"\r\n")):
            pass

    async def _answer(self, line: bytes) -> bool:
        self.state.heard.append(Line(self.inside, line))
        verb, tag = self._verb(line)
        for reply in self._replies(verb, line):
            if isinstance(reply, Later):
                await self._pause(reply.seconds)
                reply = reply.reply  # noqa: PLW2901 -- from now on like any other
            if isinstance(reply, Act):
                await self._act(reply)
                return False
            words = reply.replace(b"%t", tag)
            self.continues = words.startswith((b"+ ", b"334"))
            agrees = words.removeprefix(tag + b" ").startswith((b"+OK", b"OK", b"220"))
            if verb in ("STLS", "STARTTLS") and agrees and not self.inside and self.script.context is not None:
                return await self._start_tls(words, self.script.context)
            await self.link.write(words)
        return True

    def _verb(self, line: bytes) -> tuple[str, bytes]:
        if self.continues:
            return "CONTINUE", b"*"
        words = line.split(b" ")
        is_imap = "CAPABILITY" in self.script.replies
        tag = words.pop(0) if is_imap and len(words) > 1 else b"*"
        return words[0].decode("latin-1").upper(), tag

    def _replies(self, verb: str, line: bytes) -> list[bytes | Act | Later]:
        """The reply, and the hanging up that follows a goodbye."""
        known: dict[str, Reply] = {**self.script.replies, **(self.script.inside if self.inside else {})}
        reply = known.get(verb, known.get("ELSE", SILENCE))
        count = self.counts[verb] = self.counts.get(verb, 0) + 1
        if isinstance(reply, bytes | Act | Later):
            return [reply]
        if callable(reply):
            return [reply(line)]
        now = reply[min(count, len(reply)) - 1]
        return [now, CLOSE] if reply[count:] == [CLOSE] else [now]

    async def _start_tls(self, reply: bytes, context: ssl.SSLContext) -> bool:
        await self.link.write(reply + self.script.starttls_tail)
        if self.script.shakes_hands is not None:
            await self._act(self.script.shakes_hands)
            return False
        if not self.script.keeps_clear_input:
            self.link.kept = b""
        await self.link.start_tls(context)
        self.inside = True
        return True

    async def _act(self, act: Act) -> None:
        match act:
            case Act.RESET:
                self.link.reset()
            case Act.CLOSE:
                self.link.close()
            case Act.SILENCE:
                while await self.link.read():
                    pass

    async def _pause(self, seconds: float) -> None:
        """So long, or until the client hangs up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while octets := await self.link.read():
                    self.link.kept += octets
                raise EOFError

    async def _drip(self, octets: bytes) -> None:
        while True:
            for octet in octets:
                await self.link.write(bytes([octet]))
                await self._pause(self.script.drips)


# -- What a person asks ----------------------------------------------------------------------------------------------


def service(protocol: str, mode: TlsMode = IMPLICIT) -> Service:
    """The row of the port table; for SMTP the submission services."""
    return next(
        row
        for row in SERVICES
        if row.protocol == protocol and (row.tls is mode or (mode is CLEAR and row.name[-1] != "s"))
    )


def target(protocol: str, port: int, mode: TlsMode = IMPLICIT, host: str = HOST) -> Target:
    return Target(service(protocol, mode), host, port)


def question(ca: Authority | None = None, **changes: Any) -> Question:
    """With a password, and half a second for each step."""
    known: dict[str, Any] = {
        "subject": HOST,
        "user": USER,
        "secret": Secret(PASSWORD),
        "ca_file": ca.file if ca is not None else "",
        "timeout": 0.5,
    }
    return Question(**(known | changes))
