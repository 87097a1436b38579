"""The one place where words of others become words for a screen: terminal escapes are an attack."""

from __future__ import annotations


def printable(text: str, limit: int | None = None, *, kept: str = "") -> str:
    r"""The text without anything that a terminal obeys or that turns the reading order round.

    Control characters (C0, C1), format characters (bidirectional overrides, zero-width ones), odd spaces and lone
    surrogates become `\x1b` or `\u202e`, but for those in `kept`. At most `limit` characters, the last an ellipsis
    where there were more.
    """
    begin = text if limit is None else text[: limit + 1]
    shown = begin if begin.isprintable() else "".join(_shown(sign, kept) for sign in begin)
    return shown if limit is None or len(shown) <= limit else f"{shown[: limit - 1]}…"


def _shown(sign: str, kept: str) -> str:
    return sign if sign.isprintable() or sign in kept else sign.encode("unicode_escape").decode()
