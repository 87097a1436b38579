"""Accepts connections on one listening socket, as long as there is room for them.

A raw accept loop in place of the event loop's server: that one, out of file descriptors, takes connections and
throws them away. Ours leaves them waiting in the kernel's queue until another connection has ended.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from typing import Final

from gatepost.net.entrance import Entrance
from gatepost.net.hub import Hub
from gatepost.net.loop import READ

BROKEN: Final = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.ENETUNREACH})
"""That connection broke before we took it, or a packet filter forbids it (accept(2)); the next may be sound."""


class Acceptor:
    """Make it, `start` it; the hub drains and stops it."""

    __slots__ = ("_entrance", "_hub", "_listening", "_paused", "_running")

    def __init__(self, hub: Hub, entrance: Entrance, listening: socket.socket) -> None:
        """`listening` must be non-blocking; it belongs to the acceptor from now on."""
        self._hub = hub
        self._entrance = entrance
        self._listening = listening
        self._running = self._paused = False
        hub.acceptors.append(self)

    def start(self) -> None:
        """Lets clients in, from the next turn of the loop on."""
        self._running = True
        self._hub.watch.watch(self._listening.fileno(), self._accept)

    def drain(self) -> None:
        """Lets nobody in any more. The socket stays open: another process may accept from it, or we again."""
        if self._running:
            self._pause()
            self._hub.watch.forget(self._listening.fileno())
        self._running = self._paused = False

    def stop(self) -> None:
        """`drain`, and closes this process's socket."""
        self.drain()
        self._listening.close()

    def resume(self) -> None:
        """There may be room again."""
        if self._paused and not self._hub.full:
            self._paused = False
            self._hub.watch.change(self._listening.fileno(), 0, READ)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._hub.watch.change(self._listening.fileno(), READ, 0)

    def _accept(self, _: int) -> None:
        """Lets one in; the loop calls again if there are more, and in between those inside get their turn.

        `socket.accept` would put an object around the descriptor, which costs as much as several commands.
        """
        if self._hub.full:
            self._pause()
            return
        try:
            accepted, source = self._listening._accept()  # type: ignore[attr-defined]  # noqa: SLF001 -- see above
        except BlockingIOError:  # another process was faster
            return
        except OSError as error:
            if error.errno not in BROKEN:
                self._hub.notice(f"{self._entrance.listener.where}: cannot accept, {error.strerror}; waiting")
                self._pause()
            return
        try:
            self._hub.take(accepted, source[:2], self._entrance)
        except BaseException:
            with suppress(OSError):
                os.close(accepted)
            raise
