"""Signals as octets on a socket, for the supervisor's selector."""

from __future__ import annotations

import selectors
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def signals(selector: selectors.BaseSelector) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Turns signals into octets on a socket that `selector` watches; puts everything back at the end.

    Both ends are given, for children to close: who writes to one speaks as a signal.
    """
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    old_wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    old_handlers = [signal.signal(number, lambda *_: None) for number in numbers]
    selector.register(reader, selectors.EVENT_READ, None)
    try:
        yield reader, writer
    finally:
        for number, handler in zip(numbers, old_handlers, strict=True):
            signal.signal(number, handler)
        signal.set_wakeup_fd(old_wakeup)
        reader.close()
        writer.close()
