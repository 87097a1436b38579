"""The examination in one sentence: the most fundamental failure, where it is, and whose job the fix is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import (
    Confidence,
    Finding,
    Question,
    ServiceReport,
    Stage,
    Status,
    Target,
    Verdict,
)

NO_NETWORK: Final = "T30"
"""The row that says that this machine has no network."""
NO_NAMES: Final = "D45"
"""The row that says that nothing could be asked, for want of a network or of a name server."""
WITHHELD: Final = "D46"
"""The row for records of strangers that lead into this network: nobody looked there."""
NO_ROUTE: Final = "T5"
_OURS: Final = "network is unreachable"
"""How the system says (ENETUNREACH) that it has no route; EHOSTUNREACH may be said by a router near the server."""

_STAGES: Final = tuple(Stage)
_CONFIDENCES: Final = tuple(Confidence)


@dataclass(frozen=True, slots=True)
class _Place:
    """A finding, and the service that it belongs to, if any."""

    finding: Finding
    target: Target | None = None


def verdict(
    question: Question, findings: tuple[Finding, ...], services: tuple[ServiceReport, ...], book: Book
) -> Verdict:
    """`findings`: those that belong to no service; the more general ones first."""
    places = [_Place(each) for each in findings]
    places += [_Place(each, service.target) for service in services for each in service.findings]
    working = [service.target for service in services if works(service)]
    if failing := _gravest(places, Status.FAIL):
        return _failed(question, failing, places, working, book)
    if not working:
        return _nothing(question, places, book)
    if noted := _gravest(places, Status.WARN):
        finding = noted.finding
        sentence = book.phrase("verdict.noted", where=_where(noted, question), title=finding.title)
        return _verdict(Status.WARN, sentence, finding)
    key = "verdict.fine_login" if any(each.id == "A0" for each in _all(places)) else "verdict.fine"
    return Verdict(Status.PASS, book.phrase(key, names=_names(working), host=_hosts(working)))


def works(service: ServiceReport) -> bool:
    """Whether the service came as far as its greeting, without a failure."""
    greeted = any(each.stage is Stage.GREETING and each.status is Status.PASS for each in service.findings)
    return greeted and service.status not in {Status.FAIL, Status.SKIP}


def _gravest(places: list[_Place], status: Status) -> _Place | None:
    """The first stage's, then the surest, then the most general."""
    return min((each for each in places if each.finding.status is status), key=_order, default=None)


def _order(place: _Place) -> tuple[int, int]:
    return _STAGES.index(place.finding.stage), _CONFIDENCES.index(place.finding.confidence)


def _failed(question: Question, chosen: _Place, places: list[_Place], working: list[Target], book: Book) -> Verdict:
    finding = chosen.finding
    if finding.id in {NO_NAMES, NO_NETWORK, WITHHELD} or _is_without_route(places, working):
        return _verdict(Status.SKIP, book.phrase("verdict.untested", title=finding.title), finding)
    alike = _unique(
        [each.target for each in places if each.target and each.finding.id == finding.id and _is_failure(each)]
    )
    if len(alike) > 1:
        where = book.phrase("verdict.several", names=_names(alike), host=_hosts(alike))
    else:
        where = _where(chosen, question)
    sentence = book.phrase("verdict.failed", where=where, title=finding.title)
    if fine := [each for each in working if each not in alike]:
        sentence += " " + book.phrase("verdict.others", names=_names(fine))
    return _verdict(Status.FAIL, sentence, finding)


def _is_without_route(places: list[_Place], working: list[Target]) -> bool:
    """Whether all failed only because this machine knows no way to there."""
    failed = [each.finding for each in places if _is_failure(each)]
    return not working and all(each.id == NO_ROUTE and _OURS in each.evidence.lower() for each in failed)


def _is_failure(place: _Place) -> bool:
    return place.finding.status is Status.FAIL


def _nothing(question: Question, places: list[_Place], book: Book) -> Verdict:
    """Nothing failed, but nothing was seen to work either."""
    noted = _gravest(places, Status.WARN) or _gravest(places, Status.INFO)
    sentence = book.phrase("verdict.nothing", host=question.subject)
    return _verdict(Status.SKIP, sentence, noted.finding) if noted else Verdict(Status.SKIP, sentence)


def _verdict(status: Status, sentence: str, finding: Finding) -> Verdict:
    return Verdict(status, sentence, finding.fix, finding.who, finding.id)


def _where(place: _Place, question: Question) -> str:
    return place.target.where if place.target else place.finding.subject or question.subject


def _all(places: list[_Place]) -> list[Finding]:
    return [each.finding for each in places]


def _unique(targets: list[Target]) -> list[Target]:
    return list(dict.fromkeys(targets))


def _names(targets: list[Target]) -> str:
    """`imaps, pop3s`."""
    return ", ".join(dict.fromkeys(each.service.name for each in targets))


def _hosts(targets: list[Target]) -> str:
    return ", ".join(dict.fromkeys(each.host for each in targets))
