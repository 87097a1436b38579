"""TLS contexts for all listeners: what we offer, which certificate answers, and how renewed ones come into force.

Session tickets are encrypted with keys that OpenSSL makes inside a context and that Python cannot set. So one
*base* context is made before the fork: it holds ticket keys and policy. Each certificate has a context of its own
which takes over a connection once the client has said whom it wants. Tickets thus resume in every worker, and after
a reload, as long as the certificates are the same ones: a resumed session is bound to the certificate that the client
saw when it began (RFC 5929 §4), and we could not name that one any more. `TICKET_KEYS_LIVE` ends the keys, too.

Where client certificates may log in nothing is resumed: a session remembers an identity, and would go on to vouch for
it after the certificate has expired, or its authority is trusted no more.

Standards: RFC 8446, RFC 9325 (recommendations), RFC 8997 (1.2 at least), RFC 5929 (channel bindings).
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from tempfile import TemporaryFile
from typing import Final

from gatepost.config.settings import Certificate
from gatepost.errors import CertificateError
from gatepost.net.certificates import Loaded, Read, load, read_file
from gatepost.net.pipe import CertificateContext, TlsPipe

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and AEAD only (RFC 9325 §4.2). TLS 1.3 has no weak ones."""
TICKET_KEYS_LIVE: Final = 3 * 86_400.0
"""Seconds after which whoever makes the contexts should make new ones. RFC 9325 §3.4 wants other ticket keys about once
a week; sooner costs nothing, as a ticket is good for two hours."""
_VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Choice:
    """Certificates by name. The number of names is that of our own certificates: clients cannot make it grow."""

    default: CertificateContext
    by_name: dict[str, CertificateContext]

    def of(self, server_name: str) -> CertificateContext:
        """Exact name, else a wildcard for its first label, else the default: some certificate is better than none."""
        found = self.by_name.get(server_name)
        if found is None and server_name:
            found = self.by_name.get("*." + server_name.partition(".")[2])
        return found or self.default


class TlsContexts:
    """Every context of the server. Make it before the fork; `reload` in each process that serves.

    `client_cas` are the `client_ca` files of all listeners; "" is a listener that asks for no client certificate.
    """

    __slots__ = ("_bases", "_choices", "_files", "_minimum", "_read", "loaded")

    def __init__(
        self,
        files: Sequence[Certificate],
        *,
        minimum: str = "TLSv1.2",
        client_cas: Iterable[str] = ("",),
        now: float | None = None,
        read: Read = read_file,
    ) -> None:
        """Raises CertificateError; `now` (default: the clock) is when certificates must be valid.

        `read` reads the pairs.
        """
        self._read = read
        self._files = tuple(files)
        self._minimum = _VERSIONS[minimum]
        self._bases = {client_ca: self._base(client_ca) for client_ca in client_cas}
        self._choices: dict[str, Choice] = {}
        self.loaded: tuple[Loaded, ...] = ()
        """What is being served, the default first."""
        self.reload(now=now)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that `reload` reads, for `Watch`."""
        pairs = [path for pair in self._files for path in (pair.file, pair.key)]
        return tuple(dict.fromkeys(path for path in (*pairs, *self._bases) if path))

    def reload(self, files: Sequence[Certificate] | None = None, *, now: float | None = None) -> tuple[Loaded, ...]:
        """Reads all files again and serves them to new connections; running sessions notice nothing. Sessions of
        before can be resumed if the certificates are the same as before.

        All or nothing: at the first CertificateError the old certificates stay in force, and it is raised.
        """
        wanted = self._files if files is None else tuple(files)
        if not wanted:
            raise CertificateError(
                "There is no certificate to serve. Name one with [[tls.certificate]] in gatepost.toml."
            )
        at = time.time() if now is None else now
        once = cache(self._read)  # what was checked is what OpenSSL gets, though a file be replaced meanwhile
        loaded = tuple(load(pair, at, once) for pair in wanted)
        choices = {client_ca: self._choice(client_ca, loaded, once) for client_ca in self._bases}
        if self.loaded and _fingerprints(loaded) != _fingerprints(self.loaded):
            self._bases = {client_ca: self._base(client_ca) for client_ca in self._bases}
        self._files, self._choices, self.loaded = wanted, choices, loaded
        return loaded

    def accept(self, server_name: str, client_ca: str = "") -> TlsPipe:
        """A new server-side connection for a client that asks for `server_name` in the hello that comes next."""
        base = self._bases[client_ca]
        if client_ca and base.session_stats()["number"]:
            # TLS 1.2 without tickets resumes from the base's memory, which cannot be switched off, only left behind.
            base = self._bases[client_ca] = self._base(client_ca)
        return TlsPipe(base, self._choices[client_ca].of(server_name), server_name)

    def _choice(self, client_ca: str, loaded: Sequence[Loaded], read: Read) -> Choice:
        contexts = [self._certificate_context(client_ca, each, read) for each in loaded]
        by_name: dict[str, CertificateContext] = {}
        for each, context in zip(loaded, contexts, strict=True):
            for name in each.names:
                by_name.setdefault(name, context)
        return Choice(contexts[0], by_name)

    def _certificate_context(self, client_ca: str, loaded: Loaded, read: Read) -> CertificateContext:
        context = self._context(client_ca)
        files = loaded.files
        chain, key = read(files.file, "certificate"), read(files.key or files.file, "key")
        try:
            with _as_file(chain) as chain_file, _as_file(key) as key_file:
                # Without a callback OpenSSL would ask for the passphrase on the terminal.
                context.load_cert_chain(chain_file, key_file, password=lambda: b"")
        except (ssl.SSLError, OSError) as error:
            raise CertificateError(f"{files.file}: OpenSSL does not accept the pair: {error}.") from error
        if client_ca:
            _trust(context, client_ca)
            context.asks = True
        context.end_point = loaded.end_point
        return context

    def _base(self, client_ca: str) -> CertificateContext:
        """Reads no file: workers, which make new ones, may not."""
        context = self._context(client_ca)
        if client_ca:
            context.num_tickets = 0
            context.options |= ssl.OP_NO_TICKET
        else:
            context.num_tickets = 1  # a mail program opens its connections one after the other
        return context

    def _context(self, client_ca: str) -> CertificateContext:
        context = CertificateContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._minimum
        context.set_ciphers(CIPHERS)
        context.options |= ssl.OP_NO_RENEGOTIATION
        # All we offer is strong, so the client's order wins: phones without AES hardware prefer ChaCha20.
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        if client_ca:
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


def _fingerprints(loaded: Iterable[Loaded]) -> list[str]:
    return [each.fingerprint for each in loaded]


@contextmanager
def _as_file(octets: bytes) -> Iterator[str]:
    """The path of a file that nobody else can open: the ssl module takes nothing but paths."""
    with os.fdopen(os.memfd_create("pem"), "wb") if hasattr(os, "memfd_create") else TemporaryFile("wb") as file:
        file.write(octets)
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"


def check_authorities(client_ca: str) -> None:
    """Raises CertificateError if the file holds no authorities for client certificates."""
    _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), client_ca)


def _trust(context: ssl.SSLContext, client_ca: str) -> None:
    try:
        context.load_verify_locations(cadata=read_file(client_ca, "client certificate authority").decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise CertificateError(
            f"{client_ca} (setting `client_ca`) holds no certificate authorities in PEM form. "
            "Name a file of text that begins with -----BEGIN CERTIFICATE-----."
        ) from error
