"""Words of others, made fit for a screen, a log line or JSON: terminal escapes and hidden characters are an attack.

The one place that knows what a terminal obeys, what nobody sees and how wide a text is. All rooms clean with it what
strangers wrote: senders, servers, archives, DNS.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Literal

BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs to Unicode, and to `str.isprintable`, that show nothing: Hangul fillers, the empty braille cell."""

SPACES: Final = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
"""Not printable to Python, but French cannot do without them, and a screen shows them as spaces."""

_MARKS: Final = 6
"""Combining marks on one letter. Written languages need fewer (pointed Hebrew and Tibetan some five); with dozens, a
text paints over the lines around it."""
_MORE: Final = "…"


def visible(character: str) -> bool:
    """Whether it is a space or can be seen, and does nothing else."""
    return character.isprintable() and character not in BLANKS


def printable(text: str, limit: int | None = None, *, kept: str = "") -> str:
    r"""The text without anything that a terminal obeys, that turns the reading order round, or that hides.

    Control characters (C0, DEL, C1), format characters (bidirectional overrides, zero-width ones), line separators,
    odd spaces, blanks and lone surrogates become `\x1b` or `\u202e`, but for those in `kept`. What is more than six
    combining marks on a letter becomes an ellipsis. At most `limit` characters, the last an ellipsis where there were
    more.
    """
    begin = text if limit is None else text[: limit + 1]
    shown = begin if begin.isascii() and begin.isprintable() else "".join(_shown(begin, kept))
    return shown if limit is None or len(shown) <= limit else f"{shown[: limit - 1]}{_MORE}"


def _shown(text: str, kept: str) -> Iterator[str]:
    room = 0  # a mark at the beginning would change the character that we put before the text
    for character in text:
        if character.isascii() or unicodedata.category(character)[0] != "M":
            seen = visible(character)
            room = _MARKS if seen else 0
            yield character if seen or character in kept else character.encode("unicode_escape").decode()
        else:
            room -= 1
            if room >= -1:
                yield _MORE if room < 0 else character


def paragraphs(text: str) -> str:
    """The text `printable`, with its line ends and French spaces; tabs become spaces."""
    return printable(text.expandtabs() if "\t" in text else text, kept="\n" + SPACES)


def json_octets(value: Any, *, indent: int = 0, order: Literal["sorted"] | None = None) -> bytes:
    """JSON in printable ASCII, which no terminal obeys; everything else stands there as an escape, and is not lost.

    `value`: of Structs, mappings and the like, as msgspec has it; of what msgspec does not know, its `str`. One line,
    or `indent` spaces for each level.
    """
    import msgspec  # noqa: PLC0415 -- most commands print no JSON

    with suppress(UnicodeEncodeError):  # lone surrogates: file names that are not UTF-8
        octets = msgspec.json.encode(value, enc_hook=str, order=order)
        if octets.isascii() and b"\x7f" not in octets:
            return msgspec.json.format(octets, indent=indent) if indent else octets
    import json  # noqa: PLC0415 -- slower, and knows surrogates

    plain = msgspec.to_builtins(value, enc_hook=str, order=order, str_keys=True)
    separators = (",", ": " if indent else ":")
    return json.dumps(plain, indent=indent or None, separators=separators).encode()


def hidden(text: str) -> tuple[str, ...]:
    """The characters of the text that nobody sees or takes for others, each once, by name: `ZERO WIDTH SPACE (U+200B)`.

    What a paste brings along: spaces but the common one, zero-width and format characters, blanks, variation
    selectors, control characters, surrogates, and forms of ASCII that are wider, styled or enclosed.
    """
    return tuple(f"{_name(character)} (U+{ord(character):04X})" for character in dict.fromkeys(text) if _odd(character))


def _odd(character: str) -> bool:
    if character.isascii():
        return not character.isprintable()
    twin = unicodedata.normalize("NFKC", character)
    return not visible(character) or _selects(character) or (twin.isascii() and twin.isprintable())


def _selects(character: str) -> bool:
    return "VARIATION SELECTOR" in unicodedata.name(character, "") or character == "\u034f"  # and the grapheme joiner


_NAMES: Final[dict[str, str]] = {
    "\t": "TAB",
    "\n": "LINE FEED",
    "\r": "CARRIAGE RETURN",
    "\x1b": "ESCAPE",
    "\x7f": "DELETE",
}
"""Unicode gives control characters no names."""


def _name(character: str) -> str:
    unnamed = "CONTROL CHARACTER" if unicodedata.category(character) == "Cc" else "NO CHARACTER"
    return _NAMES.get(character, unicodedata.name(character, unnamed))


def columns(text: str) -> int:
    """How many columns a terminal gives to the text."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF") for each in text)


def fill(text: str, width: int) -> str:
    """The text with spaces behind it up to `width` columns."""
    return text + " " * (width - columns(text))


def cut(text: str, width: int, mark: str = _MORE) -> str:
    """At most `width` columns of the text; `mark` shows that something is missing."""
    if columns(text) <= width:
        return text
    length = min(len(text), width)
    while columns(text[:length] + mark) > width and length:
        length -= 1
    return text[:length] + mark


def in_encoding(text: str, encoding: str) -> str:
    """The text with nothing that the encoding lacks: letters lose their accents, or become question marks."""
    if is_utf8(encoding):
        return text.encode(errors="replace").decode()
    return "".join(_letter(each, encoding) for each in text)


def is_utf8(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "") == "utf8"


def _letter(letter: str, encoding: str) -> str:
    if letter.encode(encoding, "ignore"):
        return letter
    return unicodedata.normalize("NFKD", letter).encode(encoding, "ignore").decode(encoding) or "?"
