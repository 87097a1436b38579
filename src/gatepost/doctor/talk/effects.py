"""What a dialog wants to happen: values that the input and output half carries out, in their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias


class Tone(Enum):
    """Who speaks."""

    SERVER = auto()
    """The server's own line."""
    NOTE = auto()
    """An explanation."""
    WARNING = auto()
    """Something that people must not overlook."""
    TEXT = auto()
    """What was asked of us: help, facts."""


@dataclass(frozen=True, slots=True)
class Show:
    """A line for people."""

    text: str
    tone: Tone = Tone.TEXT
    note: str = ""
    """What a server's line means, in a few words."""


@dataclass(frozen=True, slots=True)
class Send:
    """Octets for the server."""

    octets: bytes = field(repr=False)
    shown: str
    """The same for people: without line end and secrets."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Begin TLS now, and say `Dialog.upgraded`."""


@dataclass(frozen=True, slots=True)
class AskLogin:
    """Ask the person for what is missing, the password without echo, and say `Dialog.login`."""

    name: str
    mechanism: str


@dataclass(frozen=True, slots=True)
class Hang:
    """Close the connection."""


Effect: TypeAlias = Show | Send | Upgrade | AskLogin | Hang


@dataclass(frozen=True, slots=True)
class Channel:
    """How safe the connection is."""

    encrypted: bool = False
    verified: bool = False
    """The certificate belongs to the server that was asked for, and an authority that we trust says so."""
    why_not: str = ""
    """Why it is not verified."""
    facts: tuple[str, ...] = ("This connection is not encrypted.",)
    """What `/tls` tells."""
