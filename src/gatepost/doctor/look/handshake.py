"""A TLS handshake on a wire, as a fact."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from msgspec.structs import replace

from gatepost.doctor.facts import Certificate, Handshake
from gatepost.doctor.look.wire import EARLY_END, Wire, reason

TIMED_OUT = "timed out"
RESET = "reset"


async def shake(wire: Wire, context: ssl.SSLContext, name: str, timeout: float) -> Handshake:  # noqa: ASYNC109
    """Within `timeout` seconds. `name` is what the certificate is checked for, where `context` checks any; it goes
    to the server as SNI unless it is an address (RFC 6066 §3) or empty. Raises nothing.
    """
    began = time.monotonic()
    host = name.partition("%")[0].rstrip(".")
    error, code, message = "", 0, ""
    try:
        async with asyncio.timeout(timeout):
            await wire.start_tls(context, host or None)
    except TimeoutError:
        error = TIMED_OUT
    except ssl.SSLCertVerificationError as failure:
        error, code, message = reason(failure), failure.verify_code, failure.verify_message
    except ssl.SSLError as failure:
        error = reason(failure)
    except EOFError:
        error = EARLY_END
    except ConnectionError:
        error = RESET
    except (OSError, ValueError) as failure:
        error = str(failure)
    done = Handshake(
        done=not error,
        verified=not error and context.verify_mode is ssl.CERT_REQUIRED,
        server_name="" if is_address(host) else host,
        error=error,
        verify_code=code,
        verify_message=message,
        seconds=time.monotonic() - began,
    )
    return _with_session(done, wire.tls) if wire.tls is not None and not error else done


def is_address(host: str) -> bool:
    """Whether it is an IP address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _with_session(done: Handshake, tls: ssl.SSLObject) -> Handshake:
    cipher = tls.cipher()
    return replace(done, version=tls.version() or "", cipher=cipher[0] if cipher else "", chain=chain(tls))


def chain(tls: ssl.SSLObject) -> tuple[Certificate, ...]:
    """The certificates as the server sent them, leaf first; only the leaf where Python does not hand out more."""
    from gatepost.doctor.look.certificates import CHAIN_LIMIT, certificate  # noqa: PLC0415 -- cryptography is slow to load

    return tuple(certificate(der) for der in _ders(tls)[:CHAIN_LIMIT])


def _ders(tls: Any) -> list[bytes]:
    """`get_unverified_chain` is public from Python 3.13 on; before, it is OpenSSL's object that has it."""
    if hasattr(tls, "get_unverified_chain"):
        return list(tls.get_unverified_chain())
    with suppress(AttributeError, ImportError, TypeError):
        import _ssl  # noqa: PLC0415

        return [one.public_bytes(_ssl.ENCODING_DER) for one in tls._sslobj.get_unverified_chain()]  # noqa: SLF001
    leaf = tls.getpeercert(binary_form=True)
    return [leaf] if leaf else []
