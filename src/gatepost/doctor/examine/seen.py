"""What an examination has seen so far: filled by its stages, read by its report."""

from __future__ import annotations

from dataclasses import dataclass, field

from gatepost.doctor.facts import Contact, Discovery, HostNames, Lookup, Surroundings
from gatepost.doctor.model import Target

Place = tuple[str, str]
"""Host and address."""


@dataclass(slots=True)
class Seen:
    """The facts of an examination, as they come."""

    discovery: Discovery
    names: dict[str, HostNames] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    contacts: list[Contact] = field(default_factory=list)
    others: list[Contact] = field(default_factory=list)
    """With places that are published, but are not examined for themselves."""
    afterwards: list[Contact] = field(default_factory=list)
    """Made after a login that failed."""
    around: dict[Place, Surroundings] = field(default_factory=dict)
    login: Contact | None = None
    outside: Lookup | None = None
    """What the name server said of a name that everybody knows, where it answered for none that was asked."""
    nowhere: Lookup | None = None
    """What the name server said of a name that there cannot be, where no server proved who it is."""
    authorities: tuple[str, ...] = ()
    """Subjects of the authorities that the question trusts beside the system's."""
    shut_out: bool = False
    """Whether the login failed to begin: the server did not let us in once more."""
