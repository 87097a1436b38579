"""How lines look: on a terminal wrapped, explained beside or below, with quiet colours; in a pipe plain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final, assert_never

from gatepost.doctor.talk.effects import Show, Tone
from gatepost.doctor.talk.guide import Choice
from gatepost.text import columns

_DIM: Final = "\x1b[2m"
_BOLD: Final = "\x1b[1m"
_OFF: Final = "\x1b[0m"

_NOTES_AT: Final = 28
"""Column where notes beside short lines begin, so that those of a list stand below each other."""
_NARROWEST: Final = 30


def lines(show: Show, width: int, *, colour: bool) -> Iterator[str]:
    """A `Show` for a terminal of `width` columns; a server's own line is left to the terminal to wrap."""
    width = max(width, _NARROWEST)
    match show.tone:
        case Tone.SERVER:
            yield from _with_note(show, width, colour=colour)
        case Tone.NOTE:
            yield from (_styled(each, _DIM, colour=colour) for each in _wrapped(show.text, width, "    "))
        case Tone.WARNING:
            yield from (_styled(each, _BOLD, colour=colour) for each in _wrapped(show.text, width, "! "))
        case Tone.TEXT:
            yield from _wrapped(show.text, width, " " * (len(show.text) - len(show.text.lstrip())))
        case other:
            assert_never(other)


def _with_note(show: Show, width: int, *, colour: bool) -> Iterator[str]:
    used = columns(show.text.expandtabs())
    gap = max(_NOTES_AT - used, 2)
    if not show.note:
        yield show.text
    elif used + gap + columns(show.note) < width:
        yield show.text + " " * gap + _styled(show.note, _DIM, colour=colour)
    else:
        yield show.text
        yield from (_styled(each, _DIM, colour=colour) for each in _wrapped(show.note, width, "    "))


def _wrapped(text: str, width: int, begin: str) -> list[str]:
    return wrap(
        text.strip(),
        width - 1,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _styled(text: str, style: str, *, colour: bool) -> str:
    return f"{style}{text}{_OFF}" if colour else text


def choices(found: Sequence[Choice], width: int, *, colour: bool) -> Iterator[str]:
    """What Tab lists."""
    widest = max((len(choice.word) for choice in found), default=0)
    for choice in found:
        said = choice.help[: max(width - widest - 5, 0)]
        yield f"  {choice.word:{widest}}  {_styled(said, _DIM, colour=colour)}".rstrip()


def plain(show: Show) -> Iterator[tuple[str, bool]]:
    """A `Show` for a pipe: lines, and whether each is the server's own (standard output) or ours (standard error)."""
    match show.tone:
        case Tone.SERVER:
            yield show.text, True
            if show.note:
                about = f"{show.text}: " if len(show.text) < _NOTES_AT else ""
                yield f"# {about}{show.note}", False
        case Tone.WARNING:
            yield f"# ! {show.text}", False
        case _:
            yield f"# {show.text}", False
