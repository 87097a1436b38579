"""Two reports beside each other: of two servers, or of one server before and after."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from gatepost.doctor.model import Finding, Report, Status, worst
from gatepost.doctor.show.json import SCHEMA, Document, document
from gatepost.doctor.show.sheet import Look, Sheet
from gatepost.doctor.show.text import finding_lines
from gatepost.doctor.show.words import Phrases, seconds, status_word
from gatepost.text import columns

_QUIET: Final = frozenset({Status.PASS, Status.INFO, Status.SKIP})
"""Between these no difference is worth a line: what one server does not do, nothing is said of."""


class Difference(Struct, frozen=True):
    """A check that ended differently. None: the report says nothing of it."""

    service: str
    """Name in the port table; empty: the check belongs to none."""
    id: str
    left: Finding | None
    right: Finding | None


class Speed(Struct, frozen=True):
    """Seconds that one service took. None: it was not examined."""

    service: str
    left: float | None
    right: float | None


class Comparison(Struct, frozen=True):
    """What `gatepost doctor --compare --json` prints."""

    schema: Literal[1]
    kind: Literal["comparison"]
    left: Document
    right: Document
    differences: tuple[Difference, ...]
    speeds: tuple[Speed, ...]


class Changes(Struct, frozen=True):
    """What is different after another examination of the same."""

    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.gone)


def comparison(left: Report, right: Report) -> Comparison:
    """The two reports and where they differ."""
    return Comparison(
        schema=SCHEMA,
        kind="comparison",
        left=document(left),
        right=document(right),
        differences=_differences(_by_check(left), _by_check(right)),
        speeds=_speeds(_took(left), _took(right)),
    )


def compare(left: Report, right: Report, book: Phrases, look: Look, names: tuple[str, str] = ("", "")) -> str:
    """The comparison as a person reads it. `names`: what the two are called, if not by their subjects."""
    found = comparison(left, right)
    sheet = Sheet(look, book)
    names = (names[0] or left.subject, names[1] or right.subject)
    sheet.heading(book.phrase("show.compare.title", left=names[0], right=names[1]))
    for name, report in zip(names, (left, right), strict=True):
        sheet.result(report.verdict.status, f"{name}: {report.verdict.sentence}")
    sheet.heading(_summary(len(found.differences), book))
    for difference in found.differences:
        _difference(sheet, difference, names)
    if found.speeds:
        sheet.heading(book.phrase("show.compare.speed"))
        _speed_table(sheet, found.speeds, names)
    return sheet.text()


def changes(before: Report, after: Report) -> Changes:
    """Faults that came, and faults that went."""
    old, new = _faults(before), _faults(after)
    return Changes(
        new=tuple(finding for key, finding in new.items() if key not in old),
        gone=tuple(finding for key, finding in old.items() if key not in new),
    )


def watch_lines(changed: Changes, report: Report, time: str, book: Phrases, look: Look) -> str:
    """One more examination of the same: a line if nothing changed, else what did."""
    sheet = Sheet(look, book)
    what = book.phrase("show.watch.changed" if changed else "show.watch.same")
    taken = book.phrase("show.seconds", seconds=seconds(report.seconds))
    sheet.result(report.verdict.status, f"{time}  {taken}  {what}")
    for finding in changed.new:
        finding_lines(sheet, finding, sheet.step)
    for finding in changed.gone:
        gone = f"{book.phrase('show.watch.gone')} {finding.title} [{finding.id}] {finding.subject}"
        sheet.result(Status.PASS, gone, sheet.step)
    return sheet.text()


def _by_check(report: Report) -> dict[tuple[str, str], Finding]:
    """The worst finding of each check of each service."""
    groups = [("", report.findings), *((each.target.service.name, each.findings) for each in report.services)]
    found: dict[tuple[str, str], Finding] = {}
    for service, findings in groups:
        for finding in findings:
            held = found.setdefault((service, finding.id), finding)
            if held.status is not worst((held.status, finding.status)):
                found[service, finding.id] = finding
    return found


def _differences(left: dict[tuple[str, str], Finding], right: dict[tuple[str, str], Finding]) -> tuple[Difference, ...]:
    keys = list(dict.fromkeys([*left, *right]))
    pairs = ((key, left.get(key), right.get(key)) for key in keys)
    return tuple(Difference(service, id_, a, b) for (service, id_), a, b in pairs if _grade(a) is not _grade(b))


def _grade(finding: Finding | None) -> Status:
    return Status.PASS if finding is None or finding.status in _QUIET else finding.status


def _took(report: Report) -> dict[str, float]:
    return {each.target.service.name: each.seconds for each in report.services}


def _speeds(left: dict[str, float], right: dict[str, float]) -> tuple[Speed, ...]:
    return tuple(Speed(name, left.get(name), right.get(name)) for name in dict.fromkeys([*left, *right]))


def _faults(report: Report) -> dict[tuple[str, str, Status], Finding]:
    found = (each for each in report.all_findings() if each.status in (Status.FAIL, Status.WARN))
    return {(each.id, each.subject, each.status): each for each in found}


def _summary(count: int, book: Phrases) -> str:
    if not count:
        return book.phrase("show.compare.same")
    return book.phrase("show.compare.differ_one" if count == 1 else "show.compare.differ", count=str(count))


def _difference(sheet: Sheet, difference: Difference, subjects: tuple[str, str]) -> None:
    sheet.paragraph(f"{difference.service or sheet.book.phrase('show.general')} [{difference.id}]", 2)
    width = max(columns(sheet.safe(subject)) for subject in subjects)
    for subject, finding in zip(subjects, (difference.left, difference.right), strict=True):
        what = sheet.book.phrase("show.compare.nothing")
        if finding:
            what = f"{status_word(finding.status, sheet.book)}  {finding.title}"
        sheet.labelled(subject, what, 4, width)


def _speed_table(sheet: Sheet, speeds: tuple[Speed, ...], subjects: tuple[str, str]) -> None:
    def cell(value: float | None) -> str:
        if value is None:
            return sheet.book.phrase("show.compare.missing")
        return sheet.book.phrase("show.seconds", seconds=seconds(value))

    rows = [(each.service, cell(each.left), cell(each.right)) for each in speeds]
    if sheet.table(("", *subjects), rows, 2):
        return
    width = max(columns(sheet.safe(subject)) for subject in subjects)
    for name, *cells in rows:
        sheet.paragraph(name, 2)
        for subject, value in zip(subjects, cells, strict=True):
            sheet.labelled(subject, value, 4, width)
