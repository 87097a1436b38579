"""The hosts file (`/etc/hosts`): people use it, and then DNS is not asked."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gatepost.doctor.names.spelling import literal

HOSTS_FILE: Final = Path("/etc/hosts")
LARGEST: Final = 32 * 1024 * 1024
"""Octets read. Lists that block advertisements by hosts file have some megabytes."""


class HostsFile:
    """Read once, at the first question."""

    def __init__(self, path: Path = HOSTS_FILE) -> None:
        self.path = path
        self._text: bytes | None = None

    def addresses(self, name: str) -> tuple[str, ...]:
        """Addresses of the name (lower-case ASCII), of both families; () when the file does not know it."""
        text = self._read()
        wanted = name.encode("ascii")
        if wanted not in text:  # spares us parsing 100,000 lines for each question
            return ()
        lines = (line.partition(b"#")[0].split() for line in text.splitlines() if wanted in line)
        found = (fields[0].decode("latin-1") for fields in lines if wanted in fields[1:])
        return tuple(dict.fromkeys(address for address in found if literal(address)))

    def _read(self) -> bytes:
        if self._text is None:
            try:
                with self.path.open("rb") as file:
                    self._text = file.read(LARGEST).lower()
            except OSError:
                self._text = b""
        return self._text
