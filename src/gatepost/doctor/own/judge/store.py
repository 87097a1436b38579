"""The store: whether it is sound, whether the process that writes answers, and how old the last backup is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Status
from gatepost.doctor.own.facts import Host
from gatepost.doctor.own.judge.certificates import DAY, day

BACKUP_DAYS: Final = 7
"""A week of mail is more than anybody wants to lose."""


def store(host: Host, book: Book) -> list[Finding]:
    """Rows O74-O79."""
    health = host.store
    if health is None:
        return []
    schema, newest = str(health.schema), str(health.newest)
    if health.problem and health.schema and health.schema != health.newest:
        return [book.finding("O78", subject=host.data.path, evidence=health.problem, found=schema, expected=newest)]
    if health.problem:
        return [book.finding("O15", subject=host.data.path, text=health.problem)]
    if not health.domains:
        return [book.finding("O74", subject=host.data.path)]
    found = list(_backup(host, book))
    if host.status is not None and not health.writer:
        found.append(book.finding("O77", subject=host.data.path))
    return found


def _backup(host: Host, book: Book) -> Iterator[Finding]:
    last = host.data.last_backup
    if last is None:
        young = host.now - host.data.began < BACKUP_DAYS * DAY
        yield book.finding("O75", subject=host.data.path, status=Status.INFO if young else Status.WARN)
    elif host.now - last > BACKUP_DAYS * DAY:
        days = str(int((host.now - last) // DAY))
        yield book.finding("O76", subject=host.data.path, days=days, date=day(last))
