"""Where people sit: a terminal with a line to type on, or a pipe of lines."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Final, Protocol, TextIO, assert_never

from gatepost.doctor.talk import layout
from gatepost.doctor.talk.dialog import Dialog
from gatepost.doctor.talk.editor import Editor, Key, Line
from gatepost.doctor.talk.effects import Send, Show, Tone
from gatepost.doctor.talk.guide import Completion
from gatepost.doctor.talk.masking import masked
from gatepost.text import columns

_READ: Final = 64 * 1024
_LONGEST: Final = 1024 * 1024
"""Octets of a line from a pipe."""
_ERASE: Final = "\r\x1b[K"


class Desk(Protocol):
    """What the driver needs."""

    interactive: bool

    def show(self, show: Show) -> None:
        """Shows a line."""

    def sent(self, send: Send, *, typed: bool) -> None:
        """Shows what goes to the server; `typed`: it is the line that was just typed."""

    async def line(self, dialog: Dialog) -> str | None:
        """The next typed line; None at the end."""

    async def ask(self, question: str, *, secret: bool) -> str | None:
        """An answer to a question of ours; None: none."""


class Source:
    """Octets of standard input, without a thread: what cannot be waited for (a file) is read at once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def read(self) -> bytes:
        """Empty at the end."""
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        try:
            loop.add_reader(self._descriptor, _wake, readable)
        except (OSError, ValueError):
            return self._read()
        try:
            await readable
        finally:
            loop.remove_reader(self._descriptor)
        return self._read()

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, _READ)
        except OSError:
            return b""


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


class Pipe:
    """Lines in, lines out: the server's on standard output, everything else behind `#` or `>` on standard error."""

    interactive = False

    def __init__(self, source: Source, output: TextIO, remarks: TextIO) -> None:
        self._source, self._output, self._remarks = source, output, remarks
        self._rest = b""
        self._over = False

    def show(self, show: Show) -> None:
        """See `Desk`."""
        for text, by_server in layout.plain(show):
            print(text, file=self._output if by_server else self._remarks, flush=True)

    def sent(self, send: Send, *, typed: bool) -> None:  # noqa: ARG002 -- there is no line on a screen
        """See `Desk`."""
        print(f"> {send.shown}", file=self._remarks, flush=True)

    async def line(self, dialog: Dialog) -> str | None:  # noqa: ARG002 -- nobody needs completion
        """See `Desk`."""
        return await self._line()

    async def ask(self, question: str, *, secret: bool) -> str | None:  # noqa: ARG002 -- the next line answers
        """See `Desk`."""
        return await self._line()

    async def _line(self) -> str | None:
        while b"\n" not in self._rest and not self._over and len(self._rest) < _LONGEST:
            came = await self._source.read()
            self._rest += came
            self._over = not came
        if not self._rest:
            return None
        line, _, self._rest = self._rest.partition(b"\n")
        return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class _Asking:
    """What is being typed now."""

    prompt: str
    hidden_from: Callable[[str], int | None]
    complete: Callable[[str], Completion]


class Terminal:
    """A screen with a line to type on at its bottom; the server's words come above it."""

    interactive = True

    def __init__(self, source: Source, screen: TextIO, *, colour: bool, width: Callable[[], int]) -> None:
        self._source, self._screen, self._colour, self._width = source, screen, colour, width
        self._editor = Editor()
        self._keys: Iterator[Key | Line] = iter(())
        self._asking: _Asking | None = None

    def show(self, show: Show) -> None:
        """See `Desk`."""
        self._above(layout.lines(show, self._width(), colour=self._colour))

    def sent(self, send: Send, *, typed: bool) -> None:
        """See `Desk`."""
        if not typed:
            self.show(Show(f"> {send.shown}", Tone.NOTE))

    async def line(self, dialog: Dialog) -> str | None:
        """See `Desk`."""
        line = await self._type(_Asking(dialog.prompt, dialog.hidden_from, dialog.complete))
        if line is not None and dialog.hidden_from(line) is None:
            self._editor.remember(line)
        return line

    async def ask(self, question: str, *, secret: bool) -> str | None:
        """See `Desk`."""
        return await self._type(
            _Asking(f"{question}: ", lambda _line: 0 if secret else None, lambda line: Completion(len(line)))
        )

    async def _type(self, asking: _Asking) -> str | None:
        self._asking = asking
        try:
            while True:
                for key in self._keys:
                    match key:
                        case Line(text):
                            self._screen.write(f"{_ERASE}{asking.prompt}{masked(text, asking.hidden_from(text))}\n")
                            return text
                        case Key.TAB:
                            self._complete(asking)
                        case Key.END:
                            self._screen.write("\n")
                            return None
                        case other:
                            assert_never(other)
                self._draw(asking)
                came = await self._source.read()
                if not came:
                    return None
                self._keys = self._editor.feed(came)
        except asyncio.CancelledError:
            self._screen.write(_ERASE)  # the shell's own prompt comes here
            raise
        finally:
            self._asking = None
            self._screen.flush()

    def _complete(self, asking: _Asking) -> None:
        """One choice is taken; several are taken as far as they agree, then listed."""
        before = self._editor.before
        found = asking.complete(before)
        words = [choice.word for choice in found.choices]
        common = _shared(words)
        if len(words) == 1:
            self._editor.put(found.start, f"{common} ")
        elif len(common) > len(before) - found.start:
            self._editor.put(found.start, common)
        elif words:
            self._above(layout.choices(found.choices, self._width(), colour=self._colour))
        elif found.hint:
            self.show(Show(found.hint, Tone.NOTE))

    def _above(self, lines: Iterator[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        self._screen.write(f"{_ERASE if self._asking else ''}{text}")
        if self._asking:
            self._draw(self._asking)
        self._screen.flush()

    def _draw(self, asking: _Asking) -> None:
        room = self._width() - columns(asking.prompt) - 1
        text, column = self._editor.picture(room, asking.hidden_from(self._editor.text))
        place = columns(asking.prompt) + column
        self._screen.write(f"{_ERASE}{asking.prompt}{text}\r" + (f"\x1b[{place}C" if place else ""))
        self._screen.flush()


def _shared(words: list[str]) -> str:
    """What all the words begin with."""
    lowest, highest = min(words, default=""), max(words, default="")
    return next((lowest[:at] for at, sign in enumerate(lowest) if highest[at : at + 1] != sign), lowest)


@contextmanager
def keys_one_by_one(descriptor: int) -> Iterator[None]:
    """A terminal that hands over every key and shows none; Ctrl-C stays a signal, and nothing suspends us half-way."""
    before = termios.tcgetattr(descriptor)
    raw = termios.tcgetattr(descriptor)
    raw[0] &= ~(termios.ICRNL | termios.INLCR | termios.IXON)
    raw[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
    raw[6][termios.VSUSP] = raw[6][termios.VQUIT] = b"\0"
    termios.tcsetattr(descriptor, termios.TCSADRAIN, raw)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def desk() -> Iterator[Desk]:
    """A terminal where people sit at one, else a pipe."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        yield Pipe(Source(0), sys.stdout, sys.stderr)
        return
    descriptor = sys.stdin.fileno()
    colour = not os.environ.get("NO_COLOR")
    with keys_one_by_one(descriptor):
        yield Terminal(Source(descriptor), sys.stdout, colour=colour, width=lambda: get_terminal_size().columns)
