"""A connection as octets, in the clear or inside TLS, with limits; its end is told apart: closed, reset, silent.

TLS runs over memory here, not inside a socket: so we see every octet that came in the clear before it, keep the
server's words when they are no TLS, and learn OpenSSL's reason for a refusal.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from msgspec import Struct

from gatepost.doctor.facts import Ending, Listening
from gatepost.hostname import ascii_host

_READ: Final = 16 * 1024
_FIRST: Final = 512
TOTAL: Final = 1024 * 1024
"""Octets that one connection may bring, handshakes included: a whole examination needs a fiftieth of it."""
READS: Final = 2000
"""Pieces that they may come in: a whole examination needs a fortieth of it, and each piece costs a look at the rest."""


EARLY_END: Final = "UNEXPECTED_EOF"
"""The other side hung up without a word of TLS; OpenSSL has several names for that."""


def reason(failure: ssl.SSLError) -> str:
    """OpenSSL's word for it."""
    if isinstance(failure, ssl.SSLEOFError):
        return EARLY_END
    return getattr(failure, "reason", None) or str(failure)


class Heard(Struct, frozen=True):
    """What was heard while one reply was waited for."""

    octets: bytes
    whole: bool
    """A complete reply; else it ended too early, or went beyond the limit."""
    ending: Ending
    """How it ended where the reply is not whole."""
    first: float
    """Seconds until the first octet, or until the end."""
    seconds: float

    @property
    def listening(self) -> Listening:
        """As a fact: whatever came counts before how it ended."""
        return Listening(Ending.OCTETS if self.octets else self.ending, self.octets, self.first)


class Wire:
    """One connection. Whoever opens it closes it."""

    __slots__ = (
        "_brought",
        "_closed",
        "_incoming",
        "_kept",
        "_limited",
        "_loop",
        "_outgoing",
        "_reads",
        "_socket",
        "failure",
        "first",
        "tls",
    )

    def __init__(
        self, connection: socket.socket, *, limited: bool = True, closed: Callable[[], None] = lambda: None
    ) -> None:
        """`limited`: to `TOTAL` octets in `READS` pieces. `closed`: called at the first `close`."""
        self._limited, self._closed = limited, closed
        self._loop = asyncio.get_running_loop()
        self._socket = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._kept = b""
        self._brought = self._reads = 0
        self.first = b""
        """The octets that came first, before any TLS was taken off."""
        self.tls: ssl.SSLObject | None = None
        self.failure = ""
        """OpenSSL's reason for the end of TLS, e.g. an alert that came after the handshake."""

    @property
    def own_address(self) -> str:
        """Our side's address."""
        return str(self._socket.getsockname()[0])

    def close(self) -> None:
        """At once; what was not sent is not sent any more."""
        self._socket.close()
        closed, self._closed = self._closed, lambda: None
        closed()

    async def send(self, data: bytes, timeout: float) -> None:  # noqa: ASYNC109
        """Raises OSError (TimeoutError: the other side does not read) and ssl.SSLError."""
        async with asyncio.timeout(timeout):
            if self.tls is None:
                await self._loop.sock_sendall(self._socket, data)
            else:
                self.tls.write(data)
                await self._flush()

    async def listen(self, end_of: Callable[[bytes], int], timeout: float, limit: int) -> Heard:  # noqa: ASYNC109
        """Waits `timeout` seconds at most until `end_of` finds a complete reply; what follows it is kept for later."""
        began = time.monotonic()
        first: float | None = None
        ending, end = Ending.SILENT, 0
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                end = end_of(self._kept)
                while not end and len(self._kept) < limit:
                    came = await self._receive()
                    if isinstance(came, Ending):
                        ending = came
                        break
                    first = first or time.monotonic() - began
                    self._kept += came
                    # Every reply ends with a line: half a line cannot be its end.
                    end = end_of(self._kept) if b"\n" in came else 0
        octets, whole = self._take(end or min(limit, len(self._kept))), end > 0
        seconds = time.monotonic() - began
        return Heard(octets, whole, ending, seconds if first is None else first, seconds)

    def take_rest(self) -> bytes:
        """What came behind the last reply, as far as it has arrived."""
        with suppress(OSError):
            self._kept += self._socket.recv(_READ)
        return self._take(len(self._kept))

    async def start_tls(self, context: ssl.SSLContext, server_name: str | None) -> None:
        """Shakes hands. Raises ssl.SSLError, OSError, EOFError, and ValueError for a name that cannot be one."""
        # Whatever came in the clear must not count inside TLS (RFC 3207 §6, RFC 2595 §4).
        self._kept = b""
        tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=ascii_host(server_name) if server_name else None
        )
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._feed():
                    raise EOFError from None
            except ssl.SSLError:
                with suppress(OSError):
                    await self._flush()  # our alert: the server's log says why
                raise
            else:
                break
        await self._flush()
        self.tls = tls

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._loop.sock_sendall(self._socket, self._outgoing.read())

    async def _feed(self) -> bool:
        """Octets from the socket for TLS; False at the end."""
        data = await self._read()
        if data:
            self._incoming.write(data)
        return bool(data)

    async def _read(self) -> bytes:
        if self._limited and (self._brought >= TOTAL or self._reads >= READS):
            return b""
        # Where octets are there already nothing below waits, and without a turn for the loop no limit of time holds.
        await asyncio.sleep(0)
        data = await self._loop.sock_recv(self._socket, _READ)
        self.first = self.first or data[:_FIRST]
        self._brought += len(data)
        self._reads += 1
        return data

    async def _receive(self) -> bytes | Ending:
        try:
            data = await (self._read() if self.tls is None else self._read_tls(self.tls))
        except ssl.SSLError as error:
            self.failure = reason(error)
            return Ending.CLOSED
        except OSError:
            return Ending.RESET
        return data or Ending.CLOSED

    async def _read_tls(self, tls: ssl.SSLObject) -> bytes:
        """All that has arrived: records may hold a single octet each."""
        while not self.failure:
            came, over = self._decrypted(tls)
            if came or over:
                return came
            await self._flush()
            if not await self._feed():
                break
        return b""

    def _decrypted(self, tls: ssl.SSLObject) -> tuple[bytes, bool]:
        """What is in the records that are here, and whether TLS ended. Raises ssl.SSLError if it is nothing else."""
        came = bytearray()
        try:
            while data := tls.read(_READ):
                came += data
        except ssl.SSLWantReadError:
            return bytes(came), False
        except ssl.SSLError as error:
            if not came:
                raise
            self.failure = reason(error)
        return bytes(came), True

    def _take(self, size: int) -> bytes:
        taken, self._kept = self._kept[:size], self._kept[size:]
        return taken
