"""What can be typed now: completion with Tab, and `/help`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.talk.lexicon import COMMANDS, OWN, UPGRADE, Command, State, find, known_words, legal
from gatepost.doctor.talk.meanings import MECHANISMS

_AUTH: Final = ("AUTH", "AUTHENTICATE")
_OWN: Final = {word: (usage, about) for word, usage, about in OWN}


@dataclass(frozen=True, slots=True)
class Choice:
    """A word that may stand here."""

    word: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """What Tab finds: the choices replace the line from `start` on; without any, `hint` says what is expected."""

    start: int
    choices: tuple[Choice, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dialog is."""

    protocol: str
    state: State
    known: Capabilities
    encrypted: bool = False


def complete(place: Place, line: str) -> Completion:
    """What may replace the end of a line at the command prompt."""
    body = line.lstrip()
    start = len(line) - len(body)
    if body.startswith("/"):
        return _own(place, body, start)
    start += tag_end(place.protocol, body)
    body = line[start:].upper()
    words = body.split(" ")
    if len(words) == 2 and words[0] in _AUTH:
        return _mechanisms(place, words[1], len(line))
    choices = tuple(Choice(each.word, each.help) for each in offered(place) if each.word.startswith(body))
    return Completion(start, choices, "" if choices else _hint(place, body))


def tag_end(protocol: str, body: str) -> int:
    """Where the command begins in an IMAP line that may have a tag of its own: 0, or behind the tag."""
    first, space, rest = body.partition(" ")
    known = known_words(protocol)
    if protocol != "imap" or not space or first.upper() in known:
        return 0
    second = rest.lstrip()
    is_command = any(word.startswith(second.split(" ")[0].upper()) for word in known)
    return len(body) - len(second) if second and is_command else 0


def offered(place: Place) -> tuple[Command, ...]:
    """The commands that are legal now, without those that this server has said it lacks."""
    return tuple(each for each in legal(place.protocol, place.state) if not _lacks(place, each))


def _lacks(place: Place, command: Command) -> bool:
    if place.encrypted and command.word == UPGRADE[place.protocol]:
        return True
    if not command.needs or not place.known.asked:
        return False
    if command.needs in ("SASL", "AUTH"):
        return not place.known.mechanisms()
    names = (item.split(" ")[0].split("=")[0] for item in place.known.items)
    return command.needs not in names


def _own(place: Place, body: str, start: int) -> Completion:
    words = body.split(" ")
    word, end = words[0].lower(), start + len(body)
    if len(words) == 1:
        choices = tuple(Choice(each, about) for each, (_, about) in _OWN.items() if each.startswith(word))
        return Completion(start, choices)
    if word == "/help":
        rest = body.partition(" ")[2]
        named = (each for each in COMMANDS[place.protocol] if each.word.startswith(rest.upper()))
        return Completion(end - len(rest), tuple(Choice(each.word, each.help) for each in named))
    if word == "/auth" and len(words) == 3:
        return _mechanisms(place, words[2].upper(), end)
    usage, about = _OWN.get(word, ("", ""))
    return Completion(end, hint=f"{word} {usage}: {about}" if about else "")


def _mechanisms(place: Place, begun: str, end: int) -> Completion:
    names = (name for name in place.known.mechanisms() if name.startswith(begun))
    return Completion(end - len(begun), tuple(Choice(name, MECHANISMS.get(name, "")) for name in names))


def _hint(place: Place, body: str) -> str:
    command = find(place.protocol, body)
    if not command:
        return ""
    example = f", e.g. {command.example}" if command.example else ""
    return f"{command.form}: {command.help}{example}"


def overview(place: Place) -> Iterator[str]:
    """What `/help` says."""
    yield f"Commands of {place.protocol.upper()} {place.state}:"
    commands = offered(place)
    yield from _table((each.form, each.help) for each in commands)
    others = ", ".join(each.word for each in COMMANDS[place.protocol] if each not in commands)
    yield f"Not now, or not offered: {others}."
    yield "Of gatepost talk:"
    yield from _table((f"{word} {usage}".rstrip(), about) for word, usage, about in OWN)
    yield "Tab completes; /help COMMAND tells more; Ctrl-D ends."


def about(place: Place, words: str) -> Iterator[str]:
    """What `/help COMMAND` says."""
    asked = words.strip().lower()
    usage, says = _OWN.get(asked, _OWN.get(f"/{asked}", ("", "")))
    command = find(place.protocol, words)
    if command:
        yield f"{command.form}: {command.help}."
        yield f"It is legal {' or '.join(command.states)}."
        if command.needs:
            offers = "this one does not offer it now" if _lacks(place, command) else "see what this one offers"
            yield f"Not every server has it ({command.needs}); {offers}."
        if command.example:
            yield f"Example: {command.example}"
    elif says:
        yield f"/{asked.lstrip('/')} {usage}: {says}."
    else:
        yield f"{place.protocol.upper()} has no such command that we know of. See /help."


def _table(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    listed = list(rows)
    width = max((len(left) for left, _ in listed), default=0)
    for left, right in listed:
        yield f"  {left:{width}}  {right}"
