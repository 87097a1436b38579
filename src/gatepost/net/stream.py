"""The octets of one connection: as they come, decrypted if need be, and what is sent, encrypted if need be."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from gatepost.net.api import TlsInfo
from gatepost.net.house import House
from gatepost.net.outcome import Ended, Outcome, tls_reason
from gatepost.net.pipe import TlsPipe
from gatepost.net.wire import Wire

MOST_UNREAD: Final = 4 * 1024
"""Octets that wait for the session before we stop reading from the peer; one read of the wire may come on top."""


class Stream(ABC):
    """The lowest part of a `Connection`."""

    __slots__ = (
        "_choked",
        "_deaf",
        "_end",
        "_hub",
        "_late",
        "_pipe",
        "_send",
        "_unread",
        "_unread_octets",
        "_wire",
        "tls",
    )

    def __init__(self, hub: House) -> None:
        self._hub = hub
        self._wire: Wire | None = None
        self._send: Callable[[bytes], None] = nowhere
        self._pipe: TlsPipe | None = None
        self._unread: list[bytes] = []
        self._late = b""
        """What came while the connection has to wait for its turn, as it came."""
        self._unread_octets = 0
        self._end: Ended | None = None
        self._choked = self._deaf = False
        self.tls: TlsInfo | None = None

    @abstractmethod
    def end(self, reason: Ended) -> None:
        """The dialog ends where it next waits; the first reason counts."""

    # -- Octets from the peer

    def _regulate(self) -> None:
        """Reads only while the session keeps up and the peer takes what we answer: also what TLS answers by itself."""
        if self._wire is None:
            return
        if self._choked or self._deaf or self._late or self._unread_octets > MOST_UNREAD:
            self._wire.pause_reading()
        else:
            self._wire.resume_reading()

    def _decrypt(self, data: bytes) -> bytes:
        """The plaintext; without `data` what came with the handshake, whose own last octets wait for `_greet`."""
        pipe: TlsPipe = self._pipe  # type: ignore[assignment]  # there is one whenever there is `tls`
        plain, broken = b"", None
        try:
            plain = pipe.receive(data)
        except ssl.SSLError as error:
            self._deaf = True  # nobody can read what follows, and the session may be long in coming to its end
            broken = Ended(Outcome.LOST, f"TLS: {tls_reason(error)}")
        if data and pipe.outgoing.pending and self._wire is not None:
            self._wire.write(pipe.take())
        if broken is not None:
            self._take()
            self._regulate()
            self.end(broken)
        return plain

    def _input(self) -> bytes:
        """What has arrived, perhaps nothing yet. Raises Ended if nothing will."""
        if self._unread:
            return self._take()
        if self._end is not None:
            raise self._end
        return b""

    def _take(self) -> bytes:
        unread = self._unread
        if not unread:
            return b""
        data = unread[0] if len(unread) == 1 else b"".join(unread)
        unread.clear()
        self._unread_octets = 0
        self._regulate()
        return data

    def _give_back(self, data: bytes) -> None:
        if data:
            self._unread.insert(0, data)
            self._unread_octets += len(data)

    # -- Octets for the peer

    def _put(self, data: bytes) -> None:
        """Sends, without waiting."""
        if data:
            self._send(data)

    def _seal(self, data: bytes) -> None:
        """Sends over TLS."""
        wire: Wire | None = self._wire
        pipe: TlsPipe = self._pipe  # type: ignore[assignment]  # there is one whenever there is `tls`
        if wire is None or wire.closing:
            return
        try:
            wire.write(pipe.send(data))
        except ssl.SSLError as error:
            self.end(Ended(Outcome.LOST, f"TLS: {tls_reason(error)}"))
            wire.abort()

    def _greet(self, data: bytes) -> None:
        """The first words over TLS go out with the end of its handshake, in one packet."""
        if data or self._pipe is None:
            self._put(data)
        elif self._wire is not None:
            self._wire.write(self._pipe.take())

    def abort(self) -> None:
        """Cuts the connection without waiting for anything."""
        if self._wire is not None:
            self._wire.abort()


def nowhere(data: bytes) -> None:
    """Where the words of a connection go that has no wire."""
