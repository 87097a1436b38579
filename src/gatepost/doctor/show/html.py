"""The report as one page that needs nothing else, no script and no other address: for support, and for paper."""

from __future__ import annotations

from html import escape
from typing import Final

from gatepost.doctor.model import Finding, Report, ServiceReport, Status, worst
from gatepost.doctor.show.parts import (
    Labelled,
    details,
    examined,
    headline,
    setting_cells,
    setting_labels,
    skipped,
    verdict_rows,
)
from gatepost.doctor.show.words import SIGNS, Phrases, one_line, seconds, status_word

_STYLE: Final = """\
:root { color-scheme: light dark; --line: #c8ccd2; --soft: #f3f4f6; --pass: #12693a; --warn: #8a5300; --fail: #b3141d;
  --quiet: #57606a; }
@media (prefers-color-scheme: dark) { :root { --line: #454c54; --soft: #23272c; --pass: #5fd394; --warn: #f0b354;
  --fail: #ff8a85; --quiet: #a3abb4; } }
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.1rem; font-weight: 500; color: var(--quiet); }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
.verdict { border: 2px solid; border-radius: .5rem; padding: .25rem 1rem .75rem; }
.verdict > p { font-size: 1.35rem; font-weight: 600; line-height: 1.3; margin: .5rem 0; }
.verdict dl, .verdict > p { color: CanvasText; }
.group { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: .5rem 1rem; }
h3 { font-size: 1rem; margin: 0; }
.finding { border-top: 1px solid var(--line); margin: .5rem 0 0; padding: .5rem 0 0; }
.finding.pass, .finding.skip { border: 0; margin: 0; padding: 0; }
h4, .finding dl, .finding p { color: CanvasText; }
h4 { font-size: 1rem; font-weight: 500; margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem .75rem; margin: .35rem 0; }
dt { color: var(--quiet); } dd { margin: 0; }
code { font: .9em/1.5 ui-monospace, monospace; background: var(--soft); border-radius: .25rem; padding: .1rem .3rem; }
.mark { font-weight: 700; white-space: nowrap; } .code { color: var(--quiet); font-size: .85em; }
.pass { color: var(--pass); } .warn { color: var(--warn); } .fail { color: var(--fail); }
.info, .skip, footer { color: var(--quiet); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; border-bottom: 1px solid var(--line); padding: .35rem .75rem .35rem 0; vertical-align: top;
  overflow-wrap: normal; }
footer { font-size: .85rem; margin-top: 2rem; }
@media (max-width: 36rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .35rem; } }
@media print { body { max-width: none; padding: 0; } .verdict, .finding, tr { break-inside: avoid; } }
"""

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
<footer>{made}</footer>
</body>
</html>
"""

_EXPLAINED: Final = (Status.FAIL, Status.WARN, Status.INFO)


def html(report: Report, book: Phrases) -> str:
    """The whole page."""
    made = book.phrase("show.page.made", version=report.version, began=report.began, seconds=seconds(report.seconds))
    return _PAGE.format(
        language=_text(report.language),
        title=_text(book.phrase("show.page.title", subject=report.subject)),
        style=_STYLE,
        body="\n".join(_body(report, book)),
        made=_text(made),
    )


def _body(report: Report, book: Phrases) -> list[str]:
    parts = [_verdict(report, book), _settings(report, book), f"<h2>{_text(examined(report, book))}</h2>"]
    if report.findings:
        status = worst(each.status for each in report.findings)
        parts.append(_group(status, book.phrase("show.general"), report.findings, "", book))
    return [part for part in parts if part] + [_service(service, book) for service in report.services]


def _verdict(report: Report, book: Phrases) -> str:
    verdict = report.verdict
    sentence = f"<p>{_mark(verdict.status, book)} {_text(verdict.sentence)}</p>"
    return f'<section class="verdict {verdict.status.value}">{sentence}{_list(verdict_rows(verdict, book))}</section>'


def _settings(report: Report, book: Phrases) -> str:
    if not report.settings:
        return ""
    head = "".join(f'<th scope="col">{_text(label)}</th>' for label in setting_labels(book))
    rows = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in setting_cells(setting, book)) + "</tr>\n"
        for setting in report.settings
    )
    title = _text(book.phrase("show.settings.title"))
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>"
    return f'<h2>{title}</h2>\n<div class="wide">{table}</div>'


def _service(service: ServiceReport, book: Phrases) -> str:
    return _group(service.status, headline(service, book), service.findings, service.target.where, book)


def _group(status: Status, title: str, found: tuple[Finding, ...], where: str, book: Phrases) -> str:
    ordered = sorted((each for each in found if each.status in _PLACE), key=lambda each: _PLACE.index(each.status))
    findings = "".join(_finding(each, where, book) for each in ordered) + _skipped(found, book)
    return f'<section class="group"><h3>{_mark(status, book)} {_text(title)}</h3>\n{findings}</section>'


_PLACE: Final = (Status.FAIL, Status.WARN, Status.INFO, Status.PASS)


def _skipped(found: tuple[Finding, ...], book: Phrases) -> str:
    """All that was not tested, by name, in one line."""
    line = skipped(found, book)
    return f'<div class="finding skip"><h4>{_mark(Status.SKIP, book)} {_text(line)}</h4></div>\n' if line else ""


def _finding(finding: Finding, where: str, book: Phrases) -> str:
    mark = _mark(finding.status, book)
    title = f'<h4>{mark} {_text(finding.title)} <span class="code">{_text(finding.id)}</span></h4>'
    rows = _list(details(finding, where, book) if finding.status in _EXPLAINED else [])
    proof = f"<p><code>{_text(finding.command)}</code></p>" if finding.command and rows else ""
    return f'<div class="finding {finding.status.value}">{title}{rows}{proof}</div>\n'


def _list(rows: Labelled) -> str:
    if not rows:
        return ""
    return "<dl>" + "".join(f"<dt>{_text(label)}</dt><dd>{_text(value)}</dd>" for label, value in rows) + "</dl>"


def _mark(status: Status, book: Phrases) -> str:
    return f'<span class="mark {status.value}">{SIGNS[status]} {_text(status_word(status, book))}</span>'


def _text(text: str) -> str:
    return escape(one_line(text))
