"""For `gatepost config check`: reads certificates, keys and authorities as the server does when it starts."""

from __future__ import annotations

import os

from gatepost.config.settings import Settings
from gatepost.config.shape import Findings
from gatepost.errors import CertificateError
from gatepost.net.tls import TlsContexts, check_authorities


def check_certificates(settings: Settings, findings: Findings) -> None:
    """Notes each pair and each `client_ca` that `serve` would refuse. Files that cannot be read are noted elsewhere."""
    for number, pair in enumerate(settings.tls.certificate):
        if _readable(pair.file) and _readable(pair.key or pair.file):
            try:
                TlsContexts([pair], minimum=settings.tls.minimum)
            except CertificateError as error:
                _note(("tls", "certificate", number, "file"), error, findings)
    for name, service in settings.service.items():
        if service.client_ca and _readable(service.client_ca):
            try:
                check_authorities(service.client_ca)
            except CertificateError as error:
                _note(("service", name, "client_ca"), error, findings)


def _readable(path: str) -> bool:
    return os.access(path, os.R_OK) and not os.path.isdir(path)  # noqa: PTH112 -- raises for nothing


def _note(key: tuple[str | int, ...], error: CertificateError, findings: Findings) -> None:
    """Such an error is sentences: what is wrong first, then what to do."""
    problem, _, fix = str(error).partition(". ")
    findings.error(key, problem.rstrip("."), fix or "Give another file.")
