"""One line for monitoring (Nagios, Icinga, Naemon, Checkmk, Sensu): status, sentence, numbers.

After the Monitoring Plugins Development Guidelines: text, `|`, then `'label'=value[unit];warn;crit;min;max`.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Final

from gatepost.doctor.model import Report, ServiceReport
from gatepost.doctor.show.words import ExitCode, exit_code, one_line

WORDS: Final = {
    ExitCode.FINE: "OK",
    ExitCode.WARNINGS: "WARNING",
    ExitCode.FAILS: "CRITICAL",
    ExitCode.NOT_TESTED: "UNKNOWN",
}

_DAY: Final = 86_400
_LONGEST: Final = 1000
"""Characters of text: NRPE cuts at 1024 octets in its old protocol, and the numbers must survive."""


def nagios(report: Report) -> str:
    """The line, without its line end."""
    verdict = report.verdict
    code = f" [{verdict.because}]" if verdict.because else ""
    fix = f" {verdict.fix}" if verdict.fix else ""
    return line(exit_code(report), f"{report.subject}: {verdict.sentence}{code}{fix}", _numbers(report))


def line(code: ExitCode, text: str, numbers: str = "") -> str:
    """A line of the same form for what is no report."""
    safe = _safe(text)[: _LONGEST - len(numbers)]
    return f"MAIL {WORDS[code]} - {safe}" + (f" | {numbers}" if numbers else "")


def _safe(text: str) -> str:
    """`|` begins the numbers, so the text may hold none."""
    return one_line(text).replace("|", "/")


def _numbers(report: Report) -> str:
    numbers, taken = [f"seconds={report.seconds:.3f}s;;;0"], Counter[str]()
    for service in report.services:
        name = _label(service.target.where)
        taken[name] += 1
        numbers += _of_service(service, name if taken[name] == 1 else f"{name} #{taken[name]}", report.began)
    return " ".join(numbers)


def _of_service(service: ServiceReport, name: str, began: str) -> list[str]:
    """No thresholds stand in it: what is too few days is said by the findings, in one place."""
    numbers = [f"'{name} seconds'={service.seconds:.3f}s;;;0"]
    if service.certificate_expires:
        left = service.certificate_expires - datetime.fromisoformat(began).timestamp()
        numbers.append(f"'{name} days_left'={int(left // _DAY)}")
    return numbers


def _label(text: str) -> str:
    """Labels may hold neither `=` nor quotes."""
    return _safe(text).translate({ord("="): "_", ord("'"): "_"})
