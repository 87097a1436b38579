"""What the text and the page both say: a report's pieces in the reader's words, before any layout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gatepost.doctor.model import (
    Confidence,
    Finding,
    Report,
    Security,
    ServiceReport,
    Setting,
    Stage,
    Status,
    Verdict,
    Who,
)
from gatepost.doctor.show.words import Phrases, seconds

_AUTHENTICATION: Final = {"normal password": "password", "app password": "app_password", "OAuth2": "oauth2"}
"""The words of `Setting.authentication` that have a phrase."""

_NOTHING: Final = "-"

_MEASURED: Final = 0.005
"""Seconds: what took less would be shown as 0.00."""

_COLUMNS: Final = ("for", "server", "port", "security", "username", "authentication", "working")

Labelled = list[tuple[str, str]]


def verdict_rows(verdict: Verdict, book: Phrases) -> Labelled:
    """What to do, whose job it is, and the code to say on the telephone."""
    rows = [
        (book.phrase("show.to_do"), verdict.fix),
        (book.phrase("show.who_label"), "" if verdict.who is Who.NOBODY else who(verdict.who, book)),
        (book.phrase("show.code"), verdict.because),
    ]
    return [(label, value) for label, value in rows if value]


def who(who: Who, book: Phrases) -> str:
    """Whose job it is, in words."""
    return book.phrase(f"who.{who.value}")


def examined(report: Report, book: Phrases) -> str:
    """What was looked at, and how long it took."""
    count = len(report.services)
    key = "many" if count > 1 else "one" if count else "none"
    return book.phrase(
        f"show.examined.{key}", subject=report.subject, count=str(count), seconds=seconds(report.seconds)
    )


def headline(service: ServiceReport, book: Phrases) -> str:
    """The service, and how long it took."""
    taken = book.phrase("show.seconds", seconds=seconds(service.seconds))
    return f"{service.target.where} ({taken})" if service.seconds >= _MEASURED else service.target.where


def about(finding: Finding, where: str) -> str:
    """What a finding is about, as far as `where`, the heading above it, does not say it."""
    rest = finding.subject.removeprefix(where).strip()
    return rest[1:-1] if rest[:1] + rest[-1:] == "()" else rest


def details(finding: Finding, where: str, book: Phrases) -> Labelled:
    """Label and text of everything that is known of a finding but its title and command.

    `where`: what the surroundings say already of what it is about.
    """
    rows = [
        (book.phrase("show.about"), about(finding, where)),
        (book.phrase("show.cause"), _cause(finding, book)),
        (book.phrase("show.fix"), _fix(finding, book)),
        (book.phrase("show.evidence"), finding.evidence),
        (book.phrase("show.reference"), finding.reference),
    ]
    return [(label, value) for label, value in rows if value]


def _cause(finding: Finding, book: Phrases) -> str:
    if not finding.cause or finding.confidence is Confidence.CERTAIN:
        return finding.cause
    return f"{finding.cause} ({book.phrase(f'show.confidence.{finding.confidence.value}')})"


def _fix(finding: Finding, book: Phrases) -> str:
    if not finding.fix or finding.who in (Who.NOBODY, Who.YOU):
        return finding.fix
    return f"{finding.fix} ({book.phrase('show.fix_by', who=who(finding.who, book))})"


def passed(found: Iterable[Finding], book: Phrases) -> str:
    """All checks that passed in one line; empty when none did. A single finding speaks for itself."""
    found = tuple(found)
    those = [each for each in found if each.status is Status.PASS]
    if len(found) == len(those) == 1:
        return those[0].title
    key = "show.passed_one" if len(those) == 1 else "show.passed"
    return book.phrase(key, count=str(len(those)), stages=_stages(those, book)) if those else ""


def skipped(found: Iterable[Finding], book: Phrases) -> str:
    """All checks that were skipped in one line; empty when none was."""
    found = tuple(found)
    those = [each for each in found if each.status is Status.SKIP]
    key = "show.skipped" if any(each.status is Status.FAIL for each in found) else "show.not_tested"
    return book.phrase(key, stages=_stages(those, book)) if those else ""


def _stages(found: list[Finding], book: Phrases) -> str:
    present = {finding.stage for finding in found}
    return ", ".join(book.phrase(f"show.stage.{stage.value}") for stage in Stage if stage in present)


def setting_labels(book: Phrases) -> tuple[str, ...]:
    """The headings of the table of settings."""
    return tuple(book.phrase(f"show.column.{name}") for name in _COLUMNS)


def setting_cells(setting: Setting, book: Phrases) -> tuple[str, ...]:
    """A setting in the words of mail programs, in the order of `setting_labels`."""
    phrase = book.phrase
    known = _AUTHENTICATION.get(setting.authentication)
    none = setting.security is Security.NONE
    return (
        phrase(f"show.settings.{setting.protocol}"),
        setting.host,
        str(setting.port),
        phrase("show.settings.unencrypted") if none else setting.security.value,
        setting.username or _NOTHING,
        phrase(f"show.settings.{known}") if known else setting.authentication or _NOTHING,
        phrase(f"show.settings.{_works(setting)}"),
    )


def _works(setting: Setting) -> str:
    if not setting.tested:
        return "untested"
    if not setting.working:
        return "no"
    return "foreign" if setting.foreign else "yes"


def next_commands(report: Report, command: str, book: Phrases) -> Labelled:
    """What may be done next: a sentence and its command line."""
    bad = report.verdict.status in (Status.FAIL, Status.WARN)
    wanted = {
        "again": command if bad else "",
        "login": _login_command(report, command),
        "page": f"{command} --html report.html" if bad else "",
        "json": f"{command} --json",
    }
    return [(book.phrase(f"show.go.{key}"), line) for key, line in wanted.items() if line]


def _login_command(report: Report, command: str) -> str:
    """Empty where a login was tried, or cannot be, or would come too early."""
    tried = any(each.stage is Stage.LOGIN and each.status is not Status.SKIP for each in report.all_findings())
    if tried or not report.settings or report.verdict.status is Status.FAIL:
        return ""
    return f"{command} --login" if "@" in report.subject else f"{command} --user NAME"
