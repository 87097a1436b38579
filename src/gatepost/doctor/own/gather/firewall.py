"""Reads `nft list ruleset`: which rules mention our ports, and which input chains drop the rest. Pure.

Only what a person would find by reading is found: numbers, ranges and named sets behind `dport`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from gatepost.doctor.own.facts import FirewallRule

COMMAND: Final = ("nft", "--numeric", "list", "ruleset")

_BLOCK: Final = re.compile(r"(table|chain|set|map|flowtable|counter|quota|limit|ct \w+)\s+(.*?)\s*\{$")
_DESTINATION: Final = re.compile(r"\bdport\s+(?:!=\s+)?(\{[^}]*\}|\S+)")
_RANGE: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_INPUT: Final = re.compile(r"hook (?:input|prerouting|ingress)\b.*policy drop;")

Lines = list[tuple[str, str, str]]
"""(kind of block, its name with table, line)."""


def read_rules(text: str, ports: Collection[int]) -> tuple[tuple[FirewallRule, ...], tuple[str, ...]]:
    """Rules that mention one of `ports`, and the input chains whose policy is to drop."""
    lines = list(_lines(text))
    sets = _sets(lines)
    rules = []
    for kind, name, line in lines:
        if kind == "chain" and (met := tuple(sorted(_met(line, set(ports), sets)))):
            rules.append(FirewallRule(name, line, met))
    return tuple(rules), tuple(name for kind, name, line in lines if kind == "chain" and _INPUT.search(line))


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Every line that is no bracket, with the block it is in."""
    blocks: list[tuple[str, str]] = []
    for line in map(str.strip, text.splitlines()):
        if found := _BLOCK.match(line):
            outer = f"{blocks[-1][1]} " if blocks else ""
            blocks.append((found[1], f"{outer}{found[2]}"))
        elif line == "}":
            del blocks[-1:]
        elif line and blocks:
            yield (*blocks[-1], line)


def _sets(lines: Lines) -> dict[str, str]:
    """The text of every named set, by its own name."""
    found: dict[str, str] = {}
    for kind, name, line in lines:
        if kind in ("set", "map"):
            key = name.rpartition(" ")[2]
            found[key] = f"{found.get(key, '')} {line}"
    return found


def _met(rule: str, ports: set[int], sets: dict[str, str]) -> Iterator[int]:
    for found in _DESTINATION.finditer(rule):
        words = found[1]
        if words.startswith("@"):
            words = sets.get(words[1:], "").partition("elements")[2]
        for first, last in _RANGE.findall(words):
            yield from (port for port in ports if int(first) <= port <= int(last or first))
