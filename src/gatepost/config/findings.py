"""What a check found, as values: the command line prints them, the tests compare them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from gatepost.text import printable


class Severity(StrEnum):
    """An error stops the server from starting; a warning is allowed, and said."""

    ERROR = "error"
    WARNING = "warning"


class Finding(Struct, frozen=True):
    """One thing that is wrong, and what to do about it."""

    file: Path | None
    """None: no file was found, the defaults are in force."""
    line: int
    """From 1; 0 where no line can be named."""
    severity: Severity
    problem: str
    fix: str

    @property
    def where(self) -> str:
        """`file:line`, as editors understand it."""
        name = printable(str(self.file)) if self.file else "(defaults)"
        return f"{name}:{self.line}" if self.line else name

    def __str__(self) -> str:
        return f"{self.where}: {self.severity}: {printable(self.problem)}\n    {self.fix}"


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stop the server."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]
