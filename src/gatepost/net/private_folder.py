"""A directory of keys that is ours alone, and stays the one that was looked at, whatever its name leads to later.

`tls` lies in the data directory, which belongs to the user who serves: that user may rename it, and put a link or a
directory of its own in its place. So its files are opened through the directory that was opened and checked.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from gatepost.errors import CertificateError, ForeignFileError
from gatepost.owner import open_own

LARGEST: Final = 8 << 20
"""Octets of a file. A certificate with its chain has some thousands, all public authorities together 0.3 million."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class PrivateFolder:
    """Open while the context is."""

    def __init__(self, path: Path, *, make: bool = False) -> None:
        """`make`: if it is not there. Raises CertificateError when it is not ours alone, OSError."""
        self.path = path
        if make:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)
        if path.is_symlink():
            raise CertificateError(_not_ours(path, "a symbolic link"))
        self._descriptor = os.open(path, _FOLDER)
        found = os.fstat(self._descriptor)
        if found.st_uid != os.geteuid():
            self.close()
            raise CertificateError(_not_ours(path, f"a directory of user number {found.st_uid}"))
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            self.close()
            raise CertificateError(f"Others may write in {path}, where the keys are. Forbid it: chmod 700 {path}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Once."""
        os.close(self._descriptor)

    def read(self, name: str) -> bytes:
        """Raises CertificateError if it is not a file of ours, OSError."""
        with os.fdopen(self._open(name, os.O_RDONLY), "rb") as file:
            return file.read(LARGEST)

    def write(self, name: str, data: bytes, mode: int) -> None:
        """Replaces the file in one step, synced. Raises OSError."""
        temporary = f"{name}.new"
        self.remove(temporary)
        with os.fdopen(self._open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        """Also what is not there."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def _open(self, name: str, flags: int, mode: int = 0o600) -> int:
        try:
            return open_own(name, flags, mode, folder=self._descriptor)
        except ForeignFileError as error:
            raise CertificateError(f"In {self.path}, {error}") from error


def _not_ours(path: Path, what: str) -> str:
    return (
        f"{path} is {what}, and keys are kept only in a directory of the user who starts Gatepost ({os.geteuid()}). "
        f"If all that is in it is yours: chown -R {os.geteuid()} {path}. Else move it away, and start again."
    )
