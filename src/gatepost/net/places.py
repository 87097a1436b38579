"""Where the server's own files are, which of them are the supervisor's alone, and what this machine is called."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gatepost.config.settings import Settings
from gatepost.errors import CertificateError
from gatepost.net import authority
from gatepost.net.certificates import Read, read_file
from gatepost.net.private_folder import PrivateFolder
from gatepost.net.privileges import Identity, hand_over, name_of
from gatepost.net.status import FILE_NAME as STATUS
from gatepost.owner import as_caller, as_owner, open_folder
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


@contextmanager
def as_owner_of(directory: Path) -> Iterator[None]:
    """Root opens what is in `directory` as its owner; what an earlier release left there as root's is the owner's now.

    Where the directory is root's own, nobody else can have put anything there. Raises PermissionError, also if the
    owner has no way to the directory; ForeignFileError.
    """
    descriptor = open_folder(directory)
    owner = os.fstat(descriptor)
    os.close(descriptor)
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    hand_over(Identity("", owner.st_uid, owner.st_gid), directory, SERVICE_FILES)
    with as_owner(owner.st_uid, owner.st_gid):
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, f"it belongs to {name_of(owner.st_uid)}, who has no way to it")
        yield


def tls_files(settings: Settings) -> authority.Paths:
    """The local authority's files and the pair it issued, whether they exist or not."""
    return authority.paths(data_directory(settings) / _TLS)


def ensure_certificate(settings: Settings) -> authority.Paths:
    """Makes or renews them. Raises CertificateError."""
    return authority.ensure(data_directory(settings) / _TLS, hostnames(settings))


def certificate_reader(settings: Settings) -> Read:
    """What reads the pairs that are served: our own only where nobody else can have put them."""
    if settings.tls.certificate:
        return read_file
    return _read_own


def _read_own(path: str, what: str) -> bytes:
    file = Path(path)
    try:
        with PrivateFolder(file.parent) as folder:
            return folder.read(file.name)
    except FileNotFoundError as error:
        raise CertificateError(f"There is no {what} file {path}: the next start of the server makes it.") from error
    except OSError as error:
        raise CertificateError(f"The {what} file {path} cannot be read: {error.strerror}.") from error


def keep_first_login(settings: Settings, text: str) -> None:
    """Where `gatepost quickstart` finds it again. Raises CertificateError, OSError."""
    file = data_directory(settings) / FIRST_LOGIN
    with as_caller(), PrivateFolder(file.parent, make=True) as folder:
        folder.write(file.name, text.encode(), 0o600)


def read_first_login(settings: Settings) -> str:
    """Raises CertificateError, OSError, ValueError."""
    file = data_directory(settings) / FIRST_LOGIN
    with as_caller(), PrivateFolder(file.parent) as folder:
        return folder.read(file.name).decode()


def forget_first_login(settings: Settings) -> None:
    """Raises CertificateError, OSError."""
    file = data_directory(settings) / FIRST_LOGIN
    with as_caller(), PrivateFolder(file.parent) as folder:
        folder.remove(file.name)


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
