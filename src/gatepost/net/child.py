"""What every forked process of the server does first and last, and its line to the supervisor.

The line is a socket pair: the child says that it is ready, or why it is not; the supervisor says `RETIRE` or
`DRAIN`. When the supervisor is gone the child reads the end of the stream, on every platform, and ends.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NoReturn

from gatepost.errors import GatepostError
from gatepost.net.life import Patience, Pulse

READY: Final = b"+"
FAILED: Final = b"-"
RETIRE: Final = b"R"
"""Accept nothing more, let the sessions end by themselves, then end."""
DRAIN: Final = b"D"
"""Accept nothing more, say goodbye to sessions between commands, give the others a little time, then end."""


class Channel:
    """The child's end of the line."""

    __slots__ = ("_pulse", "_socket", "supervisor")

    def __init__(self, end: socket.socket, supervisor: int, pulse: Pulse | None = None) -> None:
        self._socket = end
        self._pulse = pulse or Pulse()
        self.supervisor = supervisor
        """Process id of the other side."""

    def fileno(self) -> int:
        """For an event loop: readable when `receive` has something to say."""
        return self._socket.fileno()

    def ready(self) -> None:
        """This child does its work from now on."""
        self._send(READY)

    def beat(self) -> None:
        """This child is alive: to be said every `BEAT_EVERY` seconds, once it is ready."""
        self._pulse.beat()

    def failed(self, text: str) -> None:
        """This child cannot work, and ends: the text is for the administrator."""
        self._send(FAILED + text.encode()[:60_000])

    def receive(self) -> bytes:
        """The next words, waiting for them; empty when the supervisor is gone."""
        with suppress(ConnectionError):
            return self._socket.recv(16)
        return b""

    def end_when_told(self) -> None:
        """From now on any word, or the supervisor's end, is a SIGTERM to this process: for a loop that knows only that.
        Begins a thread.
        """

        def wait() -> None:
            self.receive()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=wait, daemon=True).start()

    def _send(self, data: bytes) -> None:
        with suppress(OSError):
            self._socket.sendall(data)


@dataclass(frozen=True, slots=True)
class Job:
    """What one child does."""

    name: str
    """For logs and the status: `keeper`, `worker 1`."""
    run: Callable[[Channel], int]
    """Runs until told to end; returns the exit code. A GatepostError that it raises reaches the supervisor as text."""
    patience: Patience | None = None
    """How long it may give no sign of life; None: for ever."""


def become_child(job: Job, channel: Channel, forget: Callable[[], None]) -> NoReturn:
    """Runs `job` in this freshly forked process, and ends the process. `forget` closes what is the parent's.

    It gets a process group of its own: a terminal sends SIGINT and SIGHUP to the whole group, `timeout` SIGTERM,
    and only the supervisor decides in which order who ends.
    """
    code = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        forget()
        code = job.run(channel)
    except GatepostError as error:
        channel.failed(str(error))
    except BaseException:  # noqa: BLE001 -- the end of the process: told, never passed on into the parent's stack
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
