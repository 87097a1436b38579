"""What a text means, and how sure that is: the decision over what was recognised."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gatepost.doctor.knowledge.concepts import Finder
from gatepost.doctor.knowledge.match import Asked, Recogniser, Text, ready
from gatepost.doctor.knowledge.pattern import BETWEEN
from gatepost.doctor.knowledge.row import By, Explanation, Heard, Match, Row
from gatepost.doctor.knowledge.speaker import Ear, Side
from gatepost.doctor.model import Confidence, Stage

_SHOWN: Final = 5
"""Rows of an answer: more would hide the first."""
_CLOSE: Final = 0.7
"""Share of the best score from which on another row may as well be meant."""
_WHOLE: Final = 0.6
"""Share of a text that words must make up to be the whole message and no fragment of something else."""
_LONG: Final = 20
"""Characters of words that frame a cause from which on they say more than two words beside each other."""
_SHORT: Final = 21
"""Characters of a refusal that may have its reason beside it; longer ones are whole messages."""
_BESIDE: Final = 75
"""Score of two words from which on they are one thing."""
_NEAREST: Final = 100
"""Score of two words beside each other."""
_CAUSES: Final = re.compile(r"caused by:?|nested exception is:?|inner exception|--->|root cause", re.ASCII)
"""Behind these Java and .NET tell the cause of what they said before; the last one is the first cause."""
_REASON: Final = re.compile(r" ?: ?[a-z]{3,30} [a-z]{2,30}\b", re.ASCII)
"""A reason behind a refusal: words, and no name or number of a session."""
_REFUSING: Final = (Stage.GREETING, Stage.LOGIN, Stage.MAILBOX)
"""Steps at which it is the server that says no; earlier ones fail by themselves, and tell that in chains."""
_REACH: Final = 60
"""Characters behind a colon that belong to the same message."""
_NOTHING: Final = " .:;-"
"""Signs that tell nothing."""
_FORMER: Final = re.compile(
    r"during handling of the above exception|the above exception was the direct cause", re.ASCII
)
"""Before these Python tells the cause of what it says behind."""


class Reader(Struct, frozen=True):
    """All that is needed to understand a text."""

    recogniser: Recogniser
    ear: Ear
    finder: Finder
    row: Callable[[str], Row]


def explanation(text: str, reader: Reader) -> Explanation:
    """What a text means. Who speaks decides between meanings, the innermost cause goes before what wraps it."""
    made = ready(text)
    row = reader.row
    heard = reader.ear.heard(made.plain)
    made = replace(made, plain=reader.ear.without_advice(made.plain))
    asked = Asked(
        providers=frozenset(name.strip() for name in heard.provider.split(",") if name),
        logged=heard.side == Side.SERVER,
    )
    found, inner = _inner_first(made, reader.recogniser, asked)
    found = found or _vague(made, asked, heard, reader)
    found = [each for each in found if not _other_providers(each, heard, row)]
    found = _reason_first(found, made, reader)
    found.sort(key=lambda each: _foreign(each, heard, row))
    shown = tuple(each for each in found if each is found[0] or not _overheard(each, found[0], heard))[:_SHOWN]
    if not inner or _tells_of_itself(shown, reader):
        return Explanation(shown, Confidence.POSSIBLE, heard)
    return Explanation(shown, _sureness(made, shown, heard, row), heard)


def _inner_first(text: Text, recogniser: Recogniser, asked: Asked) -> tuple[list[Match], bool]:
    """The rows that fit, those first that the innermost cause in a chain fits by itself; whether that fits any."""
    found = recogniser.match(text, asked)
    cause = _cause(text.plain)
    if not cause.strip(_NOTHING) or cause == text.plain or not found:
        return list(found), True
    inner = {each.id for each in recogniser.match(replace(text, plain=cause, codes=frozenset()), asked)}
    return sorted(found, key=lambda each: each.id not in inner), bool(inner)


def _tells_of_itself(found: tuple[Match, ...], reader: Reader) -> bool:
    """Whether the first row is only what a program could not do ("unable to log in"): that is no server's refusal."""
    best = found[0] if found else None
    return (
        best is not None and best.by is By.WORDS and best.matched[:6] == "cannot" and best.id in reader.finder.wrappers
    )


def _cause(plain: str) -> str:
    """The part of a chain of exceptions that tells the first cause."""
    former = _FORMER.search(plain)
    if former:
        return plain[: former.start()]
    last = max((place.end() for place in _CAUSES.finditer(plain)), default=0)
    return plain[last:]


def _reason_first(found: list[Match], text: Text, reader: Reader) -> list[Match]:
    """A refusal often names its reason ("Login failed: plaintext authentication disabled"): that goes before it."""
    if not found or found[0].by is not By.WORDS or found[0].id not in reader.finder.wrappers:
        return found
    if len(found[0].matched) > _SHORT or any(each.id not in reader.finder.wrappers for each in found[1:]):
        return sorted(found, key=lambda each: not _behind(each, found[0], text.plain))
    reasons = [each for each in _near(text, reader) if each.id not in reader.finder.wrappers]
    return [*(each for each in reasons if each.score >= _BESIDE), *found]


def _behind(each: Match, wrapper: Match, plain: str) -> bool:
    """Whether a row's words stand behind the colon that follows a wrapper's."""
    _, _, rest = plain[_end(wrapper, plain) :].partition(":")
    return each is not wrapper and each.by is By.WORDS and each.matched.split(BETWEEN)[0] in rest[:_REACH]


def _end(match: Match, plain: str) -> int:
    """Where the words that were recognised end in a text."""
    last = match.matched.split(BETWEEN)[-1]
    return plain.find(last) + len(last)


def _vague(text: Text, asked: Asked, heard: Heard, reader: Reader) -> list[Match]:
    """Where no message is known: words that frame a cause, and things with what happened to them, each row once.

    Two words mean something only in texts that are about mail.
    """
    mail = heard.speaker or heard.protocol or heard.provider or any(each[0] in "45" for each in text.codes)
    frames = reader.recogniser.match(text, replace(asked, general=True))
    long = [each for each in frames if len(each.matched) >= _LONG]
    found: dict[str, Match] = {}
    for each in (*long, *(_near(text, reader) if mail else ()), *frames):
        found.setdefault(each.id, each)
    return list(found.values())


def _near(text: Text, reader: Reader) -> list[Match]:
    """The rows that a thing and what happened to it mean."""
    found = reader.finder.find(_cause(text.plain)) or reader.finder.find(text.plain)
    return [Match(each.row, _NEAREST - each.distance, each.words, By.GENERAL) for each in found]


def _other_providers(each: Match, heard: Heard, row: Callable[[str], Row]) -> bool:
    """A row of a provider that nothing in the text speaks of, where others say the same words more often."""
    return not heard.provider and each.by is By.ALSO and bool(row(each.id).provider)


def _foreign(each: Match, heard: Heard, row: Callable[[str], Row]) -> bool:
    """A row whose messages are met in another protocol than the one that the text seems to be about."""
    return bool(heard.protocol and row(each.id).protocols and heard.protocol not in row(each.id).protocols)


def _overheard(each: Match, best: Match, heard: Heard) -> bool:
    """What the same words would mean from a mail program, where a server's log says them."""
    return heard.side == Side.SERVER and each.matched == best.matched


def _sureness(text: Text, found: tuple[Match, ...], heard: Heard, row: Callable[[str], Row]) -> Confidence:
    """How sure the first row is. Certain is only what a whole message or a code says, and nothing else contradicts."""
    if not found:
        return Confidence.POSSIBLE
    best, own = found[0], row(found[0].id).confidence
    if best.by in (By.ALSO, By.GENERAL) or own is Confidence.POSSIBLE or _foreign(best, heard, row):
        return Confidence.POSSIBLE
    if _rivals(best, found[1:], row) or _reason_behind(best, text.plain, row):
        return Confidence.POSSIBLE
    whole = len(best.matched) >= _WHOLE * len(text.plain)
    return own if whole or best.by is By.CODE else Confidence.LIKELY


def _reason_behind(best: Match, plain: str, row: Callable[[str], Row]) -> bool:
    """Whether a colon and a reason follow a server's refusal: one that no row knows, or that row would be the first."""
    refused = best.by is By.WORDS and row(best.id).stage in _REFUSING
    return refused and bool(_REASON.match(plain, _end(best, plain)))


def _rivals(best: Match, others: tuple[Match, ...], row: Callable[[str], Row]) -> bool:
    """Whether another row, that knows as much, fits about as well, and by words of its own."""
    firm = (each for each in others if row(each.id).confidence is not Confidence.POSSIBLE)
    return any(each.score >= _CLOSE * best.score and not _within(each, best) for each in firm)


def _within(each: Match, best: Match) -> bool:
    """Whether a row was recognised by a part of the words of a better one."""
    return (
        each.by is By.WORDS
        and each.matched != best.matched
        and all(piece in best.matched for piece in each.matched.split(BETWEEN))
    )
