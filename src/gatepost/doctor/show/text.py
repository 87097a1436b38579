"""The report as a person reads it on a terminal, in a pipe or in a mail: the verdict first, then the proof."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from gatepost.doctor.model import Finding, Report, Status, worst
from gatepost.doctor.show.parts import (
    about,
    details,
    examined,
    headline,
    next_commands,
    passed,
    setting_cells,
    setting_labels,
    skipped,
    verdict_rows,
)
from gatepost.doctor.show.sheet import Look, Sheet
from gatepost.doctor.show.words import Phrases
from gatepost.text import columns

_FAULTS: Final = (Status.FAIL, Status.WARN)


def text(report: Report, book: Phrases, look: Look, *, command: str) -> str:
    """The whole report. `command` is what was typed, for the lines that say how to go on; empty: without them."""
    sheet = Sheet(look, book)
    _verdict(sheet, report)
    sheet.heading(examined(report, book))
    _Findings(sheet).write(report)
    _settings(sheet, report)
    if command:
        sheet.heading(book.phrase("show.go.title"))
    for sentence, line in next_commands(report, command, book) if command else ():
        sheet.paragraph(sentence, 2)
        sheet.command(line, 4)
    return sheet.text()


def finding_lines(sheet: Sheet, finding: Finding, indent: int) -> None:
    """One finding in full, outside of a report."""
    _Findings(sheet).one(finding, "", indent)


def _verdict(sheet: Sheet, report: Report) -> None:
    sheet.result(report.verdict.status, report.verdict.sentence, bold=True)
    sheet.blank()
    rows = verdict_rows(report.verdict, sheet.book)
    width = max((columns(label) for label, _ in rows), default=0)
    for label, value in rows:
        sheet.labelled(label, value, 2, width)


class _Findings:
    """Writes findings; what was explained once is not explained again."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self._explained: set[tuple[str, ...]] = set()

    def write(self, report: Report) -> None:
        sheet, phrase = self.sheet, self.sheet.book.phrase
        if report.findings:
            self._space(report)
            sheet.result(worst(each.status for each in report.findings), phrase("show.general"), bold=True)
            self._group(report.findings, "")
        for service in report.services:
            self._space(report)
            sheet.result(service.status, headline(service, sheet.book), bold=True)
            self._group(service.findings, service.target.where)

    def one(self, finding: Finding, where: str, indent: int) -> None:
        """A fault in full; of other findings the title only, unless more was asked for."""
        key = (finding.id, finding.title, finding.cause, finding.fix)
        explains = finding.status in _FAULTS or self.sheet.look.verbose
        again = explains and key in self._explained
        remark = self._as_above(finding, where) if again else ""
        self.sheet.result(finding.status, f"{finding.title} [{finding.id}]{remark}", indent)
        if explains and not again:
            self._explained.add(key)
            self._details(finding, where, indent + self.sheet.step)

    def _as_above(self, finding: Finding, where: str) -> str:
        subject = about(finding, where)
        return f" ({self.sheet.book.phrase('show.as_above')}{subject and ', '}{subject})"

    def _space(self, report: Report) -> None:
        """Keeps groups apart where there is much to read."""
        if any(each.status in _FAULTS for each in report.all_findings()):
            self.sheet.blank()

    def _group(self, found: tuple[Finding, ...], where: str) -> None:
        """Faults, remarks, then all that passed and all that was skipped in a line each."""
        sheet, book = self.sheet, self.sheet.book
        singly = (*_FAULTS, Status.INFO, *((Status.PASS,) if sheet.look.verbose else ()))
        for status in singly:
            for finding in found:
                if finding.status is status:
                    self.one(finding, where, sheet.step)
        rest = {Status.PASS: "" if sheet.look.verbose else passed(found, book), Status.SKIP: skipped(found, book)}
        for status, line in rest.items():
            if line:
                sheet.result(status, line, sheet.step)

    def _details(self, finding: Finding, where: str, indent: int) -> None:
        """Of what passed the evidence only: there is nothing to explain or to mend."""
        shown = replace(finding, cause="", fix="", command="") if finding.status is Status.PASS else finding
        rows = details(shown, where, self.sheet.book)
        proof = self.sheet.book.phrase("show.command")
        width = max(map(columns, [*(label for label, _ in rows), proof]))
        for label, value in rows:
            self.sheet.labelled(label, value, indent, width)
        if shown.command:
            self.sheet.command(shown.command, indent, proof, width)


def _settings(sheet: Sheet, report: Report) -> None:
    """What to type into a mail program: one column for each service, as many side by side as fit."""
    if not report.settings:
        return
    sheet.heading(sheet.book.phrase("show.settings.title"))
    labels = setting_labels(sheet.book)
    waiting = [setting_cells(setting, sheet.book) for setting in report.settings]
    while waiting:
        fitting = next((n for n in range(len(waiting), 0, -1) if _put_settings(sheet, labels, waiting[:n])), 0)
        if not fitting:
            _stack(sheet, labels, waiting[0])
        waiting = waiting[fitting or 1 :]
        sheet.blank()


def _put_settings(sheet: Sheet, labels: tuple[str, ...], services: list[tuple[str, ...]]) -> bool:
    """One table with a column for each of the services; False: it would be too wide."""
    head, *rows = zip(labels, *services, strict=True)
    return sheet.table(("", *head[1:]), rows, 2)


def _stack(sheet: Sheet, labels: tuple[str, ...], service: tuple[str, ...]) -> None:
    """A service whose names are too long for any table."""
    sheet.paragraph(service[0], 2)
    width = max(map(columns, labels[1:]))
    for label, value in zip(labels[1:], service[1:], strict=True):
        sheet.labelled(label, value, 4, width)
