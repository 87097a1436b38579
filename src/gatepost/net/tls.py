"""TLS contexts for all listeners: what we offer, which certificate answers, and how renewed ones come into force.

Session tickets are encrypted with keys that OpenSSL makes inside a context and that Python cannot set. So one
*base* context is made before the fork and lives as long as the server: it holds ticket keys and policy. Each
certificate has a context of its own which takes over a connection once the client has said whom it wants; only
these are replaced at a reload. Tickets thus resume in every worker and after every renewal.

Standards: RFC 8446, RFC 9325 (recommendations), RFC 8997 (1.2 at least), RFC 5929 (channel bindings).
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gatepost.config.settings import Certificate
from gatepost.errors import CertificateError
from gatepost.net.certificates import Loaded, load, read
from gatepost.net.pipe import CertificateContext, TlsPipe

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and AEAD only (RFC 9325 §4.2). TLS 1.3 has no weak ones."""
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

    __slots__ = ("_bases", "_choices", "_files", "_minimum", "loaded")

    def __init__(
        self,
        files: Sequence[Certificate],
        *,
        minimum: str = "TLSv1.2",
        client_cas: Iterable[str] = ("",),
        now: float | None = None,
    ) -> None:
        """Raises CertificateError; `now` (default: the clock) is when certificates must be valid."""
        self._files = tuple(files)
        self._minimum = _VERSIONS[minimum]
        self._bases = {client_ca: self._context(client_ca) for client_ca in client_cas}
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
        """Reads all files again and serves them to new connections; running sessions notice nothing.

        All or nothing: at the first CertificateError the old certificates stay in force, and it is raised.
        """
        wanted = self._files if files is None else tuple(files)
        if not wanted:
            raise CertificateError(
                "There is no certificate to serve. Name one with [[tls.certificate]] in gatepost.toml."
            )
        at = time.time() if now is None else now
        loaded = tuple(load(pair, at) for pair in wanted)
        choices = {client_ca: self._choice(client_ca, loaded) for client_ca in self._bases}
        self._files, self._choices, self.loaded = wanted, choices, loaded
        return loaded

    def accept(self, server_name: str, client_ca: str = "") -> TlsPipe:
        """A new server-side connection for a client that asks for `server_name`."""
        return TlsPipe(self._bases[client_ca], self._choices[client_ca].of(server_name), server_name)

    def _choice(self, client_ca: str, loaded: Sequence[Loaded]) -> Choice:
        contexts = [self._certificate_context(client_ca, each) for each in loaded]
        by_name: dict[str, CertificateContext] = {}
        for each, context in zip(loaded, contexts, strict=True):
            for name in each.names:
                by_name.setdefault(name, context)
        return Choice(contexts[0], by_name)

    def _certificate_context(self, client_ca: str, loaded: Loaded) -> CertificateContext:
        context = self._context(client_ca)
        try:
            # Without a callback OpenSSL would ask for the passphrase on the terminal.
            context.load_cert_chain(loaded.files.file, loaded.files.key or None, password=lambda: b"")
        except (ssl.SSLError, OSError) as error:
            raise CertificateError(f"{loaded.files.file}: OpenSSL does not accept the pair: {error}.") from error
        context.end_point = loaded.end_point
        return context

    def _context(self, client_ca: str) -> CertificateContext:
        context = CertificateContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._minimum
        context.set_ciphers(CIPHERS)
        context.options |= ssl.OP_NO_RENEGOTIATION
        # All we offer is strong, so the client's order wins: phones without AES hardware prefer ChaCha20.
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        context.num_tickets = 1  # a mail program opens its connections one after the other
        if client_ca:
            context.verify_mode = ssl.CERT_OPTIONAL
            _trust(context, client_ca)
        return context


def _trust(context: ssl.SSLContext, client_ca: str) -> None:
    try:
        context.load_verify_locations(cadata=read(client_ca, "client certificate authority").decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise CertificateError(
            f"{client_ca} (setting `client_ca`) holds no certificate authorities in PEM form."
        ) from error
