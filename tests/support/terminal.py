"""A terminal of 80 columns for programs under test: keys go in, and the screen is read as a person sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence

from support.server import PATIENCE

_PIECE = re.compile(r"\x1b\[(\d*)([A-Za-z])|(.)", re.DOTALL)


_OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the controlling terminal, so that Ctrl-C is a signal."""


class Terminal:
    """Runs a program on a pseudo-terminal."""

    def __init__(self, command: Sequence[str], *, environ: dict[str, str], columns: int = 80) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self._descriptor = ours
        self.raw = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWN_TERMINAL, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environ | {"TERM": "xterm"},
            start_new_session=True,
        )
        os.close(theirs)

    def type(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def wait_for(self, text: str) -> str:
        """Until the screen ends with this text, or has it in its last lines; returns the screen."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.screen():
            ready, _, _ = select.select([self._descriptor], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {text!r} on the screen:\n{self.screen()}"
            assert self._read(), f"the program ended without {text!r}:\n{self.screen()}"
        return self.screen()

    def end(self) -> int:
        """Until the program ends; returns its exit code."""
        while self._read():
            pass
        os.close(self._descriptor)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.end()

    def _read(self) -> bytes:
        try:
            came = os.read(self._descriptor, 65536)
        except OSError:
            return b""
        self.raw += came
        return came

    def screen(self) -> str:
        """All lines so far, as drawn; styles left out."""
        lines, column = [""], 0
        for number, letter, sign in _PIECE.findall(self.raw.decode(errors="replace")):
            if sign == "\n":
                lines.append("")
            elif sign == "\r":
                column = 0
            elif sign:
                lines[-1] = lines[-1][:column].ljust(column) + sign + lines[-1][column + 1 :]
                column += 1
            elif letter == "K":
                lines[-1] = lines[-1][:column]
            elif letter == "C":
                column += int(number or 1)
        return "\n".join(lines)
