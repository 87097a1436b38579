"""The whole examination."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gatepost.doctor.examine.plan import login_place, no_discovery
from gatepost.doctor.examine.report import Judging
from gatepost.doctor.examine.roles import Finder, Looker, NetworkFinder, NetworkLooker
from gatepost.doctor.examine.seen import Seen
from gatepost.doctor.examine.stages import Stages
from gatepost.doctor.facts import Reach
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Progress, Question, Report
from gatepost.doctor.names.spelling import literal


def subjects(file: str) -> tuple[str, ...]:
    """Whose certificates are in the file. Raises OSError if it cannot be read."""
    from gatepost.doctor.look.certificates import subjects_of  # noqa: PLC0415 -- cryptography is slow to load

    return subjects_of(Path(file).read_bytes())


def _unwatched(_progress: Progress) -> None:
    pass


async def examine(
    question: Question,
    *,
    resolver: Any,
    book: Book,
    others: tuple[Any, ...] = (),
    watch: Callable[[Progress], None] = _unwatched,
    clock: Callable[[], float] = time.time,
    looker: Looker | None = None,
    finder: Finder | None = None,
) -> Report:
    """Examines what was asked for, and reports.

    `resolver` and `others` (for second opinions) are `names.Resolver`s. `watch` hears of each step as it begins and
    ends. `clock` gives Unix seconds: certificates are judged by it. Raises InvalidValueError for a service that the
    doctor does not know, OSError if the file of authorities cannot be read; nothing for what servers do.
    """
    now, began = clock(), time.monotonic()
    finder = finder or NetworkFinder(question.ca_file, inside=question.inside)
    stages = Stages(question, resolver, others, book, looker or NetworkLooker(), finder, watch)
    seen = Seen(no_discovery(question.subject))
    if question.ca_file:
        seen.authorities = subjects(question.ca_file)
    if "@" in question.subject:
        seen.discovery = await stages.discover(question.subject)
    await stages.look(seen)
    await stages.find_out_why(seen, domain=question.subject if _is_domain_perhaps(question, seen) else "")
    judging = Judging(question, seen, now, book)
    place = login_place(question, [(contact, judging.of(contact)) for contact in seen.contacts], seen.discovery, book)
    if place is not None:
        await stages.log_in(seen, place)
    return judging.report(time.monotonic() - began)


def _is_domain_perhaps(question: Question, seen: Seen) -> bool:
    """Nothing answers at what was typed as a host: it may be the domain of addresses, whose servers are elsewhere."""
    if "@" in question.subject or literal(question.subject):
        return False
    return not any(each.dial.reach is Reach.OPEN for each in seen.contacts)
