"""A server's line in a few plain words; nothing where the line speaks for itself."""

from __future__ import annotations

import re
from typing import Final

from gatepost.doctor.talk import meanings
from gatepost.doctor.tongues.sasl import challenged
from gatepost.doctor.tongues.words import readable
from gatepost.numbers import number

_BRACKETS: Final = re.compile(r"(?:-ERR|\S+ (?:OK|NO|BAD|BYE|PREAUTH)) \[([A-Z0-9/-]+)", re.IGNORECASE)
_SMTP: Final = re.compile(r"([0-9]{3})(?:[ -](?:([245])\.(\d{1,3}\.\d{1,3})\b)?|$)")
_COUNTED: Final = re.compile(r"\* ([0-9]{1,15}) (EXISTS|RECENT|EXPUNGE)$", re.IGNORECASE)
_NUMBERS: Final = re.compile(r"\+OK ([0-9]{1,15}) ([0-9]{1,15})\b")
_CAPABILITIES: Final = re.compile(r"\* CAPABILITY (.*)$", re.IGNORECASE)
_MOST_OCTETS: Final = 10**20 - 1
"""RFC 1870 §4: SIZE has up to 20 digits."""
_CHALLENGE_LIMIT: Final = 300
"""Characters of a challenge that are shown."""


def line(protocol: str, word: str, text: str, *, first: bool = True, content: bool = False) -> str:
    """What a line of a reply to the command `word` means. `first`: of its reply; `content`: a line of a list."""
    match protocol:
        case "pop3":
            return _pop3(word, text, content=content)
        case "imap":
            return "" if content else _imap(text)
        case _:
            return _smtp(word, text, first=first)


def _pop3(word: str, text: str, *, content: bool) -> str:
    if content:
        return capability("pop3", text) if word == "CAPA" else ""
    counts = _NUMBERS.match(text)
    if counts and word in ("STAT", "LIST"):
        octets = f"{int(counts[2]):,} octets"
        return f"{_count(int(counts[1]), 'message')}, {octets}" if word == "STAT" else octets
    found = _BRACKETS.match(text)
    return meanings.POP3_CODES.get(found[1].upper(), "") if found else ""


def _imap(text: str) -> str:
    listed = _CAPABILITIES.match(text)
    if listed:
        return "; ".join(f"{name}: {said}" for name in listed[1].split() if (said := capability("imap", name)))
    counted = _COUNTED.match(text)
    if counted:
        return _counted(int(counted[1]), counted[2].upper())
    found = _BRACKETS.match(text)
    return meanings.IMAP_CODES.get(found[1].upper(), "") if found else ""


def _counted(number: int, what: str) -> str:
    match what:
        case "EXISTS":
            return f"{_count(number, 'message')} in the mailbox"
        case "RECENT":
            return "never shown to a program before" if number else ""
        case _:
            return f"message {number} is gone; those behind it move up"


def _smtp(word: str, text: str, *, first: bool) -> str:
    found = _SMTP.match(text)
    if not found:
        return ""
    code, kind, detail = found.groups()
    if word == "EHLO" and code == "250":
        return "" if first else capability("smtp", text[4:])
    if code[0] not in "45":
        return meanings.SMTP_REPLIES.get(code, "") if code in ("251", "252", "354") else ""
    known = meanings.ENHANCED.get(detail or "")
    if known and kind != "2":
        return f"{meanings.CLASSES[kind]}: {known}"
    return meanings.SMTP_REPLIES.get(code, "")


def capability(protocol: str, item: str) -> str:
    """One capability, with or without arguments: `UIDL`, `AUTH=PLAIN`, `SIZE 1000`, `SASL PLAIN LOGIN`."""
    name, _, arguments = item.strip().upper().partition(" ")
    if name.startswith("AUTH="):
        return _mechanism(name[5:])
    if arguments and name in ("SASL", "AUTH"):
        return "; ".join(f"{each}: {_mechanism(each)}" for each in arguments.split() if _mechanism(each))
    if protocol == "smtp" and name == "SIZE" and (size := number(arguments, _MOST_OCTETS)) is not None:
        return f"takes messages up to {size:,} octets" if size else "no limit is told"
    return meanings.CAPABILITIES[protocol].get(name, "")


def _mechanism(name: str) -> str:
    return meanings.MECHANISMS.get(name, "")


def challenge(octets: bytes) -> str:
    """What a server's challenge says behind its base64; nothing if it is empty, or none."""
    said = challenged(octets)
    if not said:
        return ""
    if b"\0" in said:
        return f"{len(said)} octets that are no text"
    return f"it says: {readable(said, _CHALLENGE_LIMIT)}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
