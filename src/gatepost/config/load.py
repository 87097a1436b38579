"""Finds the configuration file, reads it, and gives either right settings or everything that is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from gatepost import bom
from gatepost.config.check import check_system, check_values
from gatepost.config.findings import Finding, errors
from gatepost.config.locate import locate
from gatepost.config.settings import Certificate, Settings
from gatepost.config.shape import Findings, settings_from
from gatepost.errors import ConfigError

VARIABLE: Final = "GATEPOST_CONFIG"
"""Environment variable that names the file."""

PLACES: Final = (Path("gatepost.toml"), Path("/etc/gatepost/gatepost.toml"))
"""Where a file is looked for when none is named; the first that exists counts."""

_AT_LINE: Final = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)")


class Checked(Struct, frozen=True):
    """What was read, and what is wrong with it."""

    settings: Settings
    """Paths in it are absolute. Where a value was wrong, its default stands here."""
    findings: tuple[Finding, ...]


def find(named: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to use: the one named, else that of `GATEPOST_CONFIG`, else the first of `PLACES`; None if none is.

    A file that was named need not exist: reading it will say so.
    """
    if named:
        return named
    if variable := environ.get(VARIABLE):
        return Path(variable)
    return next((place for place in PLACES if place.is_file()), None)


def load(file: Path | None) -> Settings:
    """The settings in force; None gives the defaults. Raises ConfigError, which lists every error."""
    checked = examine(file, system=False)
    if wrong := errors(checked.findings):
        raise ConfigError("The configuration has errors:\n" + "\n".join(str(finding) for finding in wrong))
    return checked.settings


def examine(
    file: Path | None, *, system: bool, more: Callable[[Settings, Findings], None] = lambda *_: None
) -> Checked:
    """Reads a file and checks it; with `system` also against this machine: files, users, permissions.

    `more` looks further: it gets the settings, and where to note what is wrong.
    """
    findings = Findings(file, {})
    document = _read(file, findings) if file else {}
    settings = resolved(settings_from(document, findings), file.resolve().parent if file else Path.cwd())
    check_values(settings, findings)
    if system:
        check_system(settings, findings)
    more(settings, findings)
    return Checked(settings, tuple(sorted(findings.all, key=lambda finding: finding.line)))


def resolved(settings: Settings, base: Path) -> Settings:
    """The same settings with every path absolute: relative ones are meant from `base`, the file's folder."""

    def absolute(path: str) -> str:
        return str(base / Path(path).expanduser()) if path else ""

    certificates = tuple(Certificate(absolute(each.file), absolute(each.key)) for each in settings.tls.certificate)
    services = {
        name: replace(service, client_ca=absolute(service.client_ca)) for name, service in settings.service.items()
    }
    return replace(
        settings,
        server=replace(settings.server, data=absolute(settings.server.data)),
        tls=replace(settings.tls, certificate=certificates),
        service=services,
    )


def _read(file: Path, findings: Findings) -> dict[str, Any]:
    """The TOML document; empty, with a finding, when it cannot be read."""
    try:
        text = bom.document(file.read_bytes())
    except UnicodeDecodeError:
        findings.error((), "the file is not text in UTF-8", "Save it as UTF-8.")
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        fix = "Give the right file with --config, or make one: gatepost init."
        findings.error((), f"cannot read the file: {reason}", fix)
    else:
        return _parse(text, findings)
    return {}


def _parse(text: str, findings: Findings) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _AT_LINE.search(str(error))
        findings.lines = {(): int(place[1]) if place and place[1] else text.count("\n") + 1}
        problem = _AT_LINE.sub("", str(error)).lower()
        fix = 'Each line is `name = value`; text stands in quotes: "mail.example.com".'
        findings.error((), f"not TOML: {problem}", fix)
        findings.lines = {}
        return {}
    findings.lines = locate(text)
    return document
