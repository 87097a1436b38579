"""A connected TCP socket without waiting: octets in as they come, octets out as the peer takes them.

What asyncio calls a transport, cut down to what `Connection` needs of one and without its event queue. What is written
while the loop serves a round of sockets goes out at the end of that round: the peer who gets it wakes up, often on our
processor, and whoever is served next would find the caches cold.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Final, Protocol

from gatepost.net.loop import READ, WRITE, Watch

SMALL: Final = 4 * 1024
LARGE: Final = 16 * 1024
"""Octets of one read: small until a peer has filled that, which only senders of mail do. More would bring more TLS
records and commands at once than a millisecond can handle."""
HIGH: Final = 16 * 1024
"""Octets that wait to be sent, above which the driver is told to stop making more: the kernel has ten times as many…"""
LOW: Final = 8 * 1024
"""…and below which it may go on."""


class Driver(Protocol):
    """Who lives on a wire."""

    def data_received(self, data: bytes) -> None:
        """Octets came."""

    def eof_received(self) -> None:
        """The peer has closed its side."""

    def connection_lost(self, error: OSError | None) -> None:
        """It is over: no other call comes after this one. Without an error we closed it."""

    def pause_writing(self) -> None:
        """More than `HIGH` wait. That may show only behind the handler that wrote them."""

    def resume_writing(self) -> None:
        """No more than `LOW` wait."""


class Wire:
    """Belongs to its driver. `close` may tell the driver at once that it is over, other calls later."""

    __slots__ = (
        "_choked", "_driver", "_ended", "_events", "_fresh", "_loop", "_shutting", "_size", "_unsent",
        "_watch", "closing", "number",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, watch: Watch, accepted: int, driver: Driver) -> None:
        """Takes the descriptor and begins to read. Raises OSError; then the descriptor is still the caller's."""
        os.set_blocking(accepted, False)
        self.number = accepted
        """The descriptor; -1 once it is closed."""
        self._loop = loop
        self._watch = watch
        self._driver = driver
        self._events = READ
        self._size = SMALL
        self._fresh = b""
        """What goes out at the end of the round. Nothing is unsent then."""
        self._unsent = bytearray()
        self._choked = self._shutting = self._ended = False
        self.closing = False
        """Nothing can be sent any more."""
        watch.watch(accepted, self._ready)

    @property
    def unsent(self) -> int:
        """Octets that the kernel has not taken yet."""
        return len(self._fresh) + len(self._unsent)

    @property
    def reading(self) -> bool:
        """Whether what comes is taken."""
        return bool(self._events & READ)

    # -- What the loop tells us

    def _ready(self, events: int) -> None:
        """A broken connection is ready for everything: whichever we wait for finds out why."""
        try:
            if events & ~READ and self._events & WRITE:
                self._write_on()
            if events & ~WRITE and self._events & READ and not self.closing:
                self._read()
        except BaseException:
            self.abort()  # a bug of the driver: it would be told the same again and again
            raise

    def _read(self) -> None:
        try:
            data = os.read(self.number, self._size)
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(error)
            return
        if len(data) == self._size:
            self._size = LARGE
        if data:
            self._driver.data_received(data)
        else:
            self._ended = True
            self._expect(self._events & ~READ)
            self._driver.eof_received()

    def _write_on(self) -> None:
        unsent = self._unsent
        try:
            del unsent[: os.write(self.number, unsent)]
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(error)
            return
        if self._choked and len(unsent) <= LOW:
            self._choked = False
            self._driver.resume_writing()  # which may write again
        if not unsent and self.number >= 0:
            self._sent()

    def _sent(self) -> None:
        """Nothing waits any more, unless the driver has just written it."""
        self._expect(self._events & ~WRITE)
        if self._fresh:
            return
        if self.closing:
            self._finish(None)
        elif self._shutting:
            self._shut()

    def _expect(self, events: int) -> None:
        if events != self._events:
            self._watch.change(self.number, self._events, events)
            self._events = events

    # -- What the driver wants

    def write(self, data: bytes) -> None:
        """Sends soon what the kernel takes, and the rest as soon as it does."""
        if self.closing or self._shutting:
            return
        if self._fresh:
            self._flush()
            if not self.closing:
                self._send(data)
        elif self._unsent:
            self._send(data)
        else:
            self._fresh = data
            self._watch.soon(self._end_round)

    def _end_round(self) -> None:
        """As in `_ready`, a bug of the driver ends its own connection only."""
        try:
            self._flush()
        except BaseException:
            self.abort()
            raise

    def _flush(self) -> None:
        """What was written in this round goes out, and with it whoever closed behind it."""
        data, self._fresh, closing = self._fresh, b"", self.closing
        if data and self._send(data) and closing:
            self._close()

    def _send(self, data: bytes) -> bool:
        """Whether the connection still stands."""
        sent = 0
        if not self._unsent:
            try:
                sent = os.write(self.number, data)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._break(error)
                return False
            if sent == len(data):
                return True
        self._unsent += memoryview(data)[sent:] if sent else data
        self._expect(self._events | WRITE)
        if not self._choked and len(self._unsent) > HIGH and not self.closing:
            self._choked = True
            self._driver.pause_writing()
        return True

    def pause_reading(self) -> None:
        """The peer may wait."""
        if not self.closing:
            self._expect(self._events & ~READ)

    def read_sparingly(self) -> None:
        """The next read is a small one."""
        self._size = SMALL

    def resume_reading(self) -> None:
        """Not after the peer has closed its side: that would be told again and again."""
        if not (self.closing or self._ended):
            self._expect(self._events | READ)

    def write_eof(self) -> None:
        """Closes our side behind what waits; the peer's is read on."""
        self._flush()
        self._shutting = True
        if not (self._unsent or self.closing):
            self._shut()

    def _shut(self) -> None:
        borrowed = socket.socket(fileno=self.number)
        try:
            borrowed.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._break(error)
        finally:
            borrowed.detach()

    def close(self) -> None:
        """Closes behind what waits. Nothing is read any more."""
        if self.closing:
            return
        self.closing = True
        if not self._fresh:
            self._close()

    def _close(self) -> None:
        if self._unsent:
            self._expect(WRITE)
        else:
            self._finish(None)

    def abort(self) -> None:
        """Closes at once; what the kernel does not take now is lost. The driver hears of it in the loop's next turn."""
        data, self._fresh, self.closing = self._fresh, b"", True
        if data:
            self._send(data)
        self._break(None)

    def _break(self, error: OSError | None) -> None:
        """Whoever wrote is in the middle of something, and learns of it later."""
        self.closing = True
        self._expect(0)
        self._loop.call_soon(self._finish, error)

    def _finish(self, error: OSError | None) -> None:
        if self.number < 0:
            return
        self._watch.forget(self.number)
        os.close(self.number)
        self.number, self._events = -1, 0
        self.closing = True
        self._fresh = b""
        self._unsent.clear()
        self._driver.connection_lost(error)
