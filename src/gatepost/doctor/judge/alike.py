"""One cause is one finding: what is said of several names in the same words is said once, of all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec.structs import replace

from gatepost.doctor.model import Finding, Status

_NAME = "\0"
"""Stands for the name in texts that are compared."""


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in order; those that differ in the name that they are about alone, and in evidence, become one."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for number, finding in enumerate(findings):
        alone = finding.status is Status.PASS or not finding.subject
        groups.setdefault((number,) if alone else _kind(finding), []).append(finding)
    return tuple(map(_one, groups.values()))


def _kind(finding: Finding) -> tuple[object, ...]:
    texts = (_with(finding, each, _NAME) for each in (finding.title, finding.cause, finding.fix))
    return (finding.id, finding.stage, finding.status, finding.who, finding.confidence, *texts)


def _with(finding: Finding, text: str, name: str) -> str:
    """The text about another name."""
    own = re.escape(finding.subject)
    return re.sub(rf"(?<![\w.-]){own}(?![\w-]|\.\w)", lambda _: name, text)


def _one(group: list[Finding]) -> Finding:
    first = group[0]
    subjects = list(dict.fromkeys(each.subject for each in group))
    if len(subjects) == 1:
        return first
    names = ", ".join(subjects)
    title, cause, fix = (_with(first, each, names) for each in (first.title, first.cause, first.fix))
    evidence = "; ".join(dict.fromkeys(each.evidence for each in group if each.evidence))
    return replace(first, subject=names, title=title, cause=cause, fix=fix, evidence=evidence)
