"""TLS contexts: one that verifies as a mail program does, one that trusts anybody, others limited to old versions."""

from __future__ import annotations

import ssl
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Final

import certifi

_OLD_CIPHERS: Final = "ALL:COMPLEMENTOFDEFAULT:!eNULL:!aNULL:@SECLEVEL=0"
"""Whatever our OpenSSL can do: an old server shall get its handshake."""

WEAK_CIPHERS: Final = "RC4:3DES:DES:EXPORT:LOW:IDEA:SEED:eNULL:!aNULL:@SECLEVEL=0"
"""RFC 7465 (RC4), RFC 8996, RFC 9325 §4.1: no encryption, or too few bits. Ciphers without authentication are not among
them: every Postfix takes them, for other servers, and no mail program offers them.
"""

_OP_LEGACY_SERVER_CONNECT: Final = 0x4
"""OpenSSL's SSL_OP_LEGACY_SERVER_CONNECT: old servers without RFC 5746. Python names it from 3.12 on."""


@lru_cache
def verifying(ca_file: str = "") -> ssl.SSLContext:
    """Trusts the system's authorities, and those of `ca_file`. Raises OSError (ssl.SSLError is one) for a bad file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Python 3.13 adds VERIFY_X509_STRICT to its defaults, whose first complaint hides dates and names; what it
    # asks for is judged by itself. Here it is off, whatever the default of a plain context will be.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if not _system_has_roots(context):
        context.load_verify_locations(certifi.where())
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


@lru_cache
def trusting() -> ssl.SSLContext:
    """Trusts anybody and takes any certificate that OpenSSL can read: to see it, never to send a secret."""
    context = _blind()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


@lru_cache
def limited(lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> ssl.SSLContext:
    """As `trusting`, for these versions only. Raises ValueError or ssl.SSLError if our OpenSSL cannot speak them."""
    context = _blind()
    context.set_ciphers(_OLD_CIPHERS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 and 1.1 are what we ask for
        context.minimum_version, context.maximum_version = lowest, highest
    return context


@lru_cache
def weak() -> ssl.SSLContext:
    """As `trusting`, with nothing but weak ciphers. Raises ssl.SSLError if our OpenSSL has none of them."""
    context = _blind()
    context.set_ciphers(WEAK_CIPHERS)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # TLS 1.3 has no weak ones
    return context


def _blind() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= ssl.OP_NO_RENEGOTIATION | _OP_LEGACY_SERVER_CONNECT
    return context


def _system_has_roots(context: ssl.SSLContext) -> bool:
    """A directory of authorities is read only when it is needed, so the context cannot count it."""
    if context.cert_store_stats()["x509_ca"]:
        return True
    directory = ssl.get_default_verify_paths().capath
    return directory is not None and next(Path(directory).glob("*.0"), None) is not None
