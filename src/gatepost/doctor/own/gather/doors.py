"""The configured listeners: who really listens there, and which certificates they show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from cryptography import x509

from gatepost.config.listeners import live
from gatepost.config.settings import Certificate, Settings
from gatepost.doctor.look.dial import dial
from gatepost.doctor.own.facts import CertificateFile, Door, Shown
from gatepost.doctor.own.gather.system import System
from gatepost.doctor.own.upgrade import UPGRADES
from gatepost.errors import CertificateError, InvalidValueError
from gatepost.net.addresses import Networks
from gatepost.net.certificates import Loaded, describe, load, read_file
from gatepost.net.places import bindable, tls_files
from gatepost.net.portholder import port_holders
from gatepost.net.probe import ProbeError, probe
from gatepost.net.status import Status
from gatepost.ports import Listener, TlsMode

PATIENCE: Final = 3.0
"""Seconds for a connection to ourselves."""
OWN: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where we reach ourselves on a listener for all addresses."""


def configured(settings: Settings, status: Status | None, system: System) -> tuple[Listener, ...]:
    """The listeners that the configuration means. Whether low ports may be bound is not ours to say but the server's,
    so if it runs, the variant that it chose counts. An unusable address is the configuration's finding: none then.
    """
    with suppress(InvalidValueError):
        mine = system.privileged()
        variants = [bindable(live(settings, privileged=each)) for each in (mine, not mine)]
        running = {each.where for each in status.listeners} if status else set()
        return next((each for each in variants if {row.where for row in each} == running), variants[0])
    return ()


async def door(listener: Listener, system: System) -> Door:
    """Knocks, and asks the system who holds the port."""
    address = address_of(listener)
    knocked, holders = await asyncio.gather(
        dial(address, address, listener.port, PATIENCE),
        asyncio.to_thread(port_holders, listener.port, system.root / "proc"),
    )
    return Door(listener, knocked.reach, knocked.error, tuple(holders))


def address_of(listener: Listener) -> str:
    """Where this machine reaches the listener."""
    return OWN.get(listener.address, listener.address)


async def shown(doors: Iterable[Listener], files: Sequence[CertificateFile], hostname: str) -> tuple[Shown, ...]:
    """Every listener with TLS, asked for no name, for the host name, and with several certificates for each."""
    asked = [(listener, name) for listener in doors if _shows(listener) for name in _names(files, hostname)]
    return tuple(await asyncio.gather(*(asyncio.to_thread(_look, listener, name) for listener, name in asked)))


def _shows(listener: Listener) -> bool:
    """Not where we would have to say first for whom we ask (PROXY protocol)."""
    return listener.service.tls is not TlsMode.NONE and address_of(listener) not in Networks(listener.proxy_from)


def _names(files: Sequence[CertificateFile], hostname: str) -> tuple[str, ...]:
    more = [next((name for name in each.names if "*" not in name), "") for each in files] if len(files) > 1 else []
    return tuple(dict.fromkeys(["", hostname, *more]))


def _look(listener: Listener, name: str) -> Shown:
    try:
        certificate = probe(listener, name, UPGRADES.get(listener.service.protocol)).certificate
    except ProbeError as error:
        return Shown(listener, name, problem=str(error))
    return Shown(listener, name, certificate.names, certificate.not_after, certificate.fingerprint)


def certificate_files(settings: Settings, now: float) -> tuple[CertificateFile, ...]:
    """The pairs that ought to be served: those of the configuration, or the one that Gatepost made."""
    local = tls_files(settings).pair
    pairs = settings.tls.certificate or (local,)
    return tuple(_file(pair, now, local=pair == local) for pair in pairs)


def _file(pair: Certificate, now: float, *, local: bool) -> CertificateFile:
    problem, forbidden = "", False
    try:
        loaded = load(pair, now)
    except CertificateError as error:
        problem, forbidden = str(error), isinstance(error.__cause__, PermissionError)
        readable = next(_described(pair), None)
        if readable is None:
            return CertificateFile(pair.file, pair.key, problem=problem, forbidden=forbidden, local=local)
        loaded = readable
    return CertificateFile(
        pair.file,
        pair.key,
        loaded.names,
        loaded.not_before,
        loaded.not_after,
        loaded.fingerprint,
        problem,
        forbidden,
        local,
    )


def _described(pair: Certificate) -> Iterator[Loaded]:
    """What the certificate says of itself, though the pair cannot be used."""
    with suppress(CertificateError, ValueError):
        yield describe(x509.load_pem_x509_certificates(read_file(pair.file, "certificate"))[0], pair)
