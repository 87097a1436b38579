"""Puts values into the placeholders of texts. Placeholders are names in braces; nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from gatepost.text import printable

PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")

_WITH_WORDS_BEFORE: Final = re.compile(r"((?:\b[^\W\d_]+ ){0,2})" + PLACEHOLDER.pattern)
_TAIL: Final = re.compile(r" ?: \{([a-z_]+)\}(\.?)$")
"""What only says which one it is: "an authority that is not trusted: {issuer}"."""
_SENTENCES: Final = re.compile(r"(?<=[.?!]) ")

VALUE_LIMIT: Final = 500
"""Characters of a value: servers' words go in here, and they may be of any length."""


def placeholders(text: str) -> frozenset[str]:
    """The names in the text."""
    return frozenset(PLACEHOLDER.findall(text))


def fill(text: str, values: Mapping[str, str], default: Callable[[str], str]) -> str:
    """The text with its placeholders filled from `values`, or else with the words that `default` gives.

    Where there are no words either, the sentence is left out; of a single one only ": {name}" at its end. Words that
    begin a sentence get a capital letter, and what stands before them is not said twice: "on port {port}" becomes "on
    this port".
    """
    sentences = _SENTENCES.split(text)
    if len(sentences) == 1 and (tail := _TAIL.search(text)) and not values.get(tail[1]):
        sentences = [text[: tail.start()] + tail[2]]
    said = [each for each in sentences if all(values.get(name) or default(name) for name in placeholders(each))]
    return " ".join(_filled(sentence, values, default) for sentence in said or sentences[:1])


def _filled(sentence: str, values: Mapping[str, str], default: Callable[[str], str]) -> str:
    def value(found: re.Match[str]) -> str:
        before, name = found[1], found[2]
        if given := values.get(name):
            return before + printable(given, VALUE_LIMIT)
        return _joined(before, default(name) or "…", begins=found.start() == 0)

    return _WITH_WORDS_BEFORE.sub(value, sentence)


def _joined(before: str, words: str, *, begins: bool) -> str:
    """The words behind those before them, without what both say: "the file " and "the file" are "the file"."""
    for said in (words, words.rpartition(" ")[2]):
        if before.lower().endswith(f"{said.lower()} "):
            kept = before[: -len(said) - 1]
            capital = before[len(kept)].isupper()
            break
    else:
        kept, capital = before, begins and not before
    return kept + (words[:1].upper() + words[1:] if capital else words)


def fill_command(command: str, values: Mapping[str, str]) -> str:
    """The command line with its placeholders filled; what is not known stands in capitals: HOST, PORT."""
    return PLACEHOLDER.sub(lambda found: shell_word(values.get(found[1], "")) or found[1].upper(), command)


def shell_word(value: str) -> str:
    """The value if it can stand in a shell's line as it is, else nothing: it may come from a hostile server."""
    return value if re.fullmatch(r"[\w.:@%+/\[\]-]*", value, re.ASCII) and not value.startswith("-") else ""
