"""The report for programs: JSON by a schema with a number.

Fields are only ever added while `SCHEMA` stays the same; what is taken away or changes its meaning raises it. The
schema itself is made from these Structs.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from gatepost.doctor.model import Finding, Report, ServiceReport, Setting, Status, Verdict
from gatepost.doctor.show.words import exit_code, utc
from gatepost.text import json_octets

SCHEMA: Final = 1


class ServiceDocument(Struct, frozen=True):
    """One service of one host, and what was found about it."""

    service: str
    """Its name in the port table: `pop3s`."""
    protocol: str
    host: str
    port: int
    source: str
    status: Status
    seconds: float
    certificate_expires: str | None
    """UTC, ISO 8601; null when no certificate was seen."""
    findings: tuple[Finding, ...]


class Document(Struct, frozen=True):
    """What `gatepost doctor --json` prints."""

    schema: Literal[1]
    kind: Literal["report"]
    subject: str
    exit_code: int
    """0 fine, 1 warnings, 2 fails, 3 could not test."""
    examined: bool
    verdict: Verdict
    findings: tuple[Finding, ...]
    """About the address, names and records; those of a service stand there."""
    services: tuple[ServiceDocument, ...]
    settings: tuple[Setting, ...]
    """What to type into a mail program."""
    began: str
    seconds: float
    version: str
    language: str


def document(report: Report) -> Document:
    """The report in the shape of the schema."""
    return Document(
        schema=SCHEMA,
        kind="report",
        subject=report.subject,
        exit_code=exit_code(report),
        examined=report.examined,
        verdict=report.verdict,
        findings=report.findings,
        services=tuple(map(_service, report.services)),
        settings=report.settings,
        began=report.began,
        seconds=round(report.seconds, 3),
        version=report.version,
        language=report.language,
    )


def encoded(value: Struct, *, lines: bool = False) -> str:
    """Any document as JSON in ASCII, so that nothing in it can steer a terminal; with `lines` all on one line."""
    return json_octets(value, indent=0 if lines else 2).decode()


def json(report: Report, *, lines: bool = False) -> str:
    """The report as JSON."""
    return encoded(document(report), lines=lines)


def schema(*documents: type[Struct]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `--json` prints: any of the documents."""
    shapes, components = msgspec.json.schema_components(documents, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"gatepost doctor --json, schema {SCHEMA}",
        "anyOf": list(shapes),
        "$defs": dict(sorted(components.items())),
    }


def _service(service: ServiceReport) -> ServiceDocument:
    target = service.target
    return ServiceDocument(
        service=target.service.name,
        protocol=target.service.protocol,
        host=target.host,
        port=target.port,
        source=target.source,
        status=service.status,
        seconds=round(service.seconds, 3),
        certificate_expires=_time(service.certificate_expires),
        findings=service.findings,
    )


def _time(moment: int) -> str | None:
    return utc(moment) if moment else None
