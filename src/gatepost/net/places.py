"""Where the server's own files are, which of them are the supervisor's alone, and what this machine is called."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from gatepost.config.settings import Settings
from gatepost.net import authority
from gatepost.net.status import FILE_NAME as STATUS
from gatepost.ports import Listener

LAST_BACKUP: Final = "last-backup"
"""Its time is that of the last complete backup."""
SECRET: Final = "secret"  # noqa: S105 -- a file name
"""The installation's 32 secret octets."""
_TLS: Final = "tls"
FIRST_LOGIN: Final = f"{_TLS}/first-login.txt"
"""What `gatepost quickstart` generated, mode 0600, until the password is changed."""

SUPERVISOR_ONLY: Final = (_TLS,)
"""Processes that talk to the network do not need it: they inherit the keys that are in use, in memory. A directory,
because only those are never given away, whatever the owner of the data calls them."""
SERVICE_FILES: Final = ("store.*", "generation", SECRET, STATUS, LAST_BACKUP)
"""Patterns for the files that belong to the user who serves, whoever made them. No directory is among them."""


def data_directory(settings: Settings) -> Path:
    """`server.data`."""
    return Path(settings.server.data)


def tls_files(settings: Settings) -> authority.Paths:
    """The local authority's files and the pair it issued, whether they exist or not."""
    return authority.paths(data_directory(settings) / _TLS)


def ensure_certificate(settings: Settings) -> authority.Paths:
    """Makes or renews them. Raises CertificateError."""
    return authority.ensure(data_directory(settings) / _TLS, hostnames(settings))


def hostnames(settings: Settings) -> tuple[str, ...]:
    """Names and addresses by which mail programs may know this machine: those that the certificate must hold."""
    own = settings.server.hostname or socket.gethostname()
    names = [own, "localhost", "127.0.0.1", "::1", *_address_in_the_network()]
    return tuple(dict.fromkeys(name for name in names if name))


def _address_in_the_network() -> tuple[str, ...]:
    """The address from which this machine reaches others; phones in the same network use it. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # documentation range, discard port: only the routing table is asked
        except OSError:
            return ()
        return (str(probe.getsockname()[0]),)


def bindable(listeners: Iterable[Listener]) -> tuple[Listener, ...]:
    """Without `::` where the system has no IPv6 and the service has another address: `::` is only the default."""
    rows = tuple(listeners)
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        elsewhere = {row.service.name for row in rows if row.address != "::"}
        return tuple(row for row in rows if row.address != "::" or row.service.name not in elsewhere)
    return rows
