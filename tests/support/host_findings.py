"""What the doctor says of a Gatepost host: for tests of what its facts mean."""

from __future__ import annotations

from gatepost.doctor.knowledge import load
from gatepost.doctor.model import Finding, Status
from gatepost.doctor.own.facts import Host
from gatepost.doctor.own.judge import judge

BOOK = load()
CALM = {"O60", "O39", "O90", "O91", "O92", "O93", "O94", "O95", "O96", "O97"}
"""What is said of a host that is well."""


def findings(seen: Host) -> dict[str, Finding]:
    return {each.id: each for each in judge(seen, BOOK)}


def news(seen: Host) -> dict[str, Finding]:
    """What is said beyond what is always said."""
    return {id_: each for id_, each in findings(seen).items() if id_ not in CALM}


def only(seen: Host, row: str, status: Status) -> Finding:
    """The one thing that is said."""
    found = news(seen)
    assert list(found) == [row], found
    assert found[row].status is status
    return found[row]
