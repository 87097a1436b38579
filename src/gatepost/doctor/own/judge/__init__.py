"""What the facts of a Gatepost host mean: rows O1 and up. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Status
from gatepost.doctor.own.facts import Host
from gatepost.doctor.own.judge import certificates, doors, machine, protection, records, store

Judge = Callable[[Host, Book], list[Finding]]

_GROUPS: Final[tuple[tuple[Judge, str, Callable[[Host], bool]], ...]] = (
    (doors.configuration, "O90", lambda host: bool(host.config_file)),
    (doors.server, "O91", lambda host: host.status is not None),
    (certificates.certificates, "O92", lambda host: bool(host.shown)),
    (records.records, "O93", lambda host: host.resolved),
    (machine.machine, "O94", lambda host: host.disk is not None),
    (machine.clock, "O95", lambda _: True),
    (store.store, "O96", lambda host: host.store is not None),
    (protection.protection, "", lambda _: False),
    (protection.mail_out, "", lambda _: False),
)
"""Who judges what; the row that says it is fine; and whether enough was seen to say so."""
_TROUBLE: Final = (Status.WARN, Status.FAIL, Status.SKIP)


def judge(host: Host, book: Book) -> tuple[Finding, ...]:
    """Findings about the host itself, in the order in which a person would look."""
    if nothing_here(host):
        return (book.finding("O48", subject=host.data.path),)
    found: list[Finding] = []
    for group, fine, seen in _GROUPS:
        said = group(host, book)
        if seen(host) and not any(each.status in _TROUBLE for each in said):
            said.append(book.finding(fine))
        found += said
    return tuple(found)


def nothing_here(host: Host) -> bool:
    """No configuration, no data, nothing that runs: this is no Gatepost host."""
    return not host.config_file and not host.data.exists and host.status is None
