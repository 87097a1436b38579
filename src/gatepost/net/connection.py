"""One connection from its first octet to its last: the thin driver under every protocol.

A single task lives as long as the connection and reads like its story: who is there (PROXY header), by which
door (TLS or not), the dialog, the farewell. Octets arrive by `data_received` and are decrypted there; while the
task has nothing to do, the session handles them there as well (`_handle`), and what has to wait is left to the task.
There are no timers: the hub looks at every connection once a second (`check`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio import _enter_task, _leave_task  # documented for this: "Extending asyncio" in Python's manual
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Final, Protocol, cast

from gatepost.errors import MisuseError
from gatepost.net.api import Session, TlsInfo
from gatepost.net.begun import begun, raised
from gatepost.net.doors import DECODE_ERROR, NO_APPLICATION_PROTOCOL, Door, door
from gatepost.net.entrance import Entrance, Refused
from gatepost.net.hello import HelloError, read_hello
from gatepost.net.outcome import Ended, Outcome, tls_reason
from gatepost.net.pipe import TlsPipe
from gatepost.net.proxy import ProxyError, parse
from gatepost.net.timing import Timing
from gatepost.net.tls import TlsContexts
from gatepost.ports import TlsMode

MOST_UNREAD: Final = 64 * 1024
"""Octets that wait for the session before we stop reading from the peer; one read of the loop may come on top."""
COARSE: Final = 1.0
"""Seconds by which `Hub.now`, and so a measured idle time, may be wrong; nobody is dropped too early (RFC 1939 §3)."""


class House(Protocol):
    """What a connection needs of its surroundings: the `Hub`."""

    loop: asyncio.AbstractEventLoop
    timing: Timing
    clock: Callable[[], float]
    now: float
    report: Callable[[Mapping[str, object]], None]

    def next_id(self) -> str:
        """A new connection id."""

    def admit(self, connection: Connection, address: str) -> None:
        """Welcomes or refuses a client whose address became known behind a proxy."""

    def failed(self, connection: Connection, error: Exception) -> None:
        """Tells of a bug."""

    def left(self, connection: Connection) -> None:
        """The connection is over."""


class Connection(asyncio.Protocol):
    """The driver. It is also the `Flow` that its session holds."""

    __slots__ = (
        "_begun", "_choked", "_deaf", "_due", "_end", "_entrance", "_gone", "_hub", "_idle", "_last", "_limit",
        "_limited", "_lingers", "_over", "_paused", "_pipe", "_session", "_since", "_source", "_started", "_task",
        "_transport", "_unread", "_unread_octets", "_unsent", "_waiter", "counted", "peer", "tls",
    )  # fmt: skip

    def __init__(self, hub: House, entrance: Entrance, source: tuple[str, int]) -> None:
        """`source` is the address as `plain_address` has it, and the port."""
        self._hub = hub
        self._entrance = entrance
        self._source = source
        self._started = self._since = hub.clock()
        self._due = self._started + hub.timing.first_octets
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._pipe: TlsPipe | None = None
        self._unread: list[bytes] = []
        self._unread_octets = 0
        self._unsent = 0
        self._limit = self._limited = -1.0
        self._last = b""
        self._waiter: asyncio.Future[None] | None = None
        self._end: Ended | None = None
        self._paused = self._choked = self._deaf = self._lingers = self._over = self._gone = False
        self._idle: asyncio.Future[None] | None = None
        self._begun: Awaitable[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.counted = ""
        """The address that `Tally.connect` has counted for this connection."""
        self.tls: TlsInfo | None = None
        self.peer = entrance.identify(*source, hub.next_id())

    # ------------------------------------------------------------------ what the event loop tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._lingers or self._deaf:
            return
        if self.tls is not None:
            data = self._decrypt(data)
            if not data:
                return
        if self._idle is not None:
            self._handle(data, self._idle)
            return
        self._unread.append(data)
        self._unread_octets += len(data)
        self._regulate()
        self._wake()

    def eof_received(self) -> bool:
        """The peer may have closed its side only: what it asked before is still answered."""
        self._gone = True
        if self._over:
            return False
        self.end(Ended(Outcome.CLOSED))
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._gone = True
        self._choked = False
        if self._over:
            self._hub.left(self)
        else:
            self.end(Ended(Outcome.LOST, f"connection lost: {exc}" if exc else ""))

    def pause_writing(self) -> None:
        self._choked = True
        self._unsent = self._wire.get_write_buffer_size()
        self._since = self._hub.now
        self._regulate()

    def resume_writing(self) -> None:
        self._choked = False
        self._regulate()
        self._wake()

    def _regulate(self) -> None:
        """Reads only while the session keeps up and the peer takes what we answer: also what TLS answers by itself."""
        stop = self._choked or self._deaf or self._unread_octets > MOST_UNREAD
        transport = self._transport
        if stop is self._paused or transport is None or transport.is_closing():
            return
        self._paused = stop
        if stop:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def _decrypt(self, data: bytes) -> bytes:
        """The plaintext; without `data` what came with the handshake, whose own last octets wait for `_greet`."""
        pipe: TlsPipe = self._pipe  # type: ignore[assignment]  # there is one whenever there is `tls`
        try:
            plain = pipe.receive(data)
        except ssl.SSLError as error:
            self._deaf = True  # nobody can read what follows, and the session may be long in coming to its end
            self.end(Ended(Outcome.LOST, f"TLS: {tls_reason(error)}"))
            self._take()
            plain = b""
        if data and pipe.outgoing.pending:
            self._wire.write(pipe.take())
        if pipe.ended:
            self.end(Ended(Outcome.CLOSED))
        return plain

    # ------------------------------------------------------------------ what the hub tells us

    def end(self, reason: Ended) -> None:
        """The dialog ends where it next waits; the first reason counts."""
        if self._end is None:
            self._end = reason
        self._wake()

    def refuse(self, reason: str) -> None:
        """The client shall hear why it is not served, by its own door and in its own protocol, and nothing else."""
        self._session = Refused(self._entrance.words.refusal(reason), reason)

    def abort(self) -> None:
        """Cuts the connection without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        """Looks once a second whether the peer has had its time. `now` is monotonic."""
        if self._waiter is None and self._idle is None and not self._over:
            return
        if self._choked or self._lingers:
            self._check_output(now)
        elif self._due:
            if now >= self._due:
                self.end(Ended(Outcome.TIMEOUT))
        elif self._session is not None:
            self._check_idle(self._session, now)

    def _check_idle(self, session: Session, now: float) -> None:
        """The session's limit counts from its last answer, so it is asked once after each, not at every look."""
        if self._limited != self._since:
            self._limited, self._limit = self._since, session.idle_seconds
        if now - self._since > self._limit + COARSE:
            self.end(Ended(Outcome.TIMEOUT))

    def _check_output(self, now: float) -> None:
        """A peer that takes what we send may take its time; one that takes nothing is dropped."""
        unsent = self._transport.get_write_buffer_size() if self._transport else 0
        if unsent < self._unsent:
            self._unsent, self._since = unsent, now
        timing = self._hub.timing
        limit = timing.linger if self._lingers and not unsent else timing.stall
        if now - self._since > limit + COARSE:
            self.end(Ended(Outcome.STALLED))
            self.abort()

    # ------------------------------------------------------------------ the story

    async def run(self, accepted: socket.socket) -> None:
        """Everything from the accepted socket to its end. Raises nothing but CancelledError."""
        end = Ended(Outcome.SHUTDOWN)
        self._task = asyncio.current_task()
        try:
            end = await self._serve(accepted)
            self._put(self._last, last=True)
        finally:
            try:
                await self._conclude(end)
                self._part(end)
            except BaseException:
                self.abort()
                raise
            finally:
                self._over = True
                if self._transport is None:
                    self._hub.left(self)

    async def _serve(self, accepted: socket.socket) -> Ended:
        try:
            await self._connect(accepted)
            await self._arrive()
            await self._converse()
        except Ended as end:
            return end
        except ConnectionError as error:
            return self._end or Ended(Outcome.LOST, str(error))
        except Exception as error:  # noqa: BLE001 -- one session's bug must not hurt the others; it is logged
            self._hub.failed(self, error)
            return Ended(Outcome.FAILED, repr(error))
        return Ended(Outcome.DONE)

    async def _connect(self, accepted: socket.socket) -> None:
        try:
            await self._hub.loop.connect_accepted_socket(lambda: self, accepted)
        except OSError as error:  # it was gone before we looked
            accepted.close()
            raise Ended(Outcome.LOST, str(error)) from None

    async def _arrive(self) -> None:
        """Finds out who it is, chooses the door, makes the session."""
        listener = self._entrance.listener
        if self._source[0] in self._entrance.proxies:
            await self._read_proxy_header()
        match listener.service.tls:
            case TlsMode.IMPLICIT:
                first = await self._first_octets()
            case TlsMode.STARTTLS:
                first = await self._early_octets()
            case _:
                first = b""
        match door(first, listener.service.tls):
            case Door.TLS:
                await self._secure()
            case Door.WRONG:
                self._put(self._entrance.words.wrong_door(listener))
                said = "the client spoke first, without TLS" if first else "the client waited for a greeting"
                raise Ended(Outcome.WRONG_DOOR, f"no TLS on a port that speaks TLS from the first byte: {said}")
            case Door.PLAIN:
                pass
        if self._session is None:
            self._session = self._entrance.open_session(self.peer)

    async def _read_proxy_header(self) -> None:
        data = b""
        try:
            while (header := parse(data)) is None:
                data += await self._input()
        except ProxyError as error:
            raise Ended(Outcome.PROXY, str(error)) from None
        self._give_back(data[header.size :])
        if header.address:
            self.peer = self._entrance.identify(header.address, header.port, self.peer.connection_id)
        self._hub.admit(self, self.peer.address)
        self._due = self._hub.clock() + self._hub.timing.first_octets

    async def _first_octets(self) -> bytes:
        """Empty after `Timing.first_octets` of silence: the client waits for a greeting that TLS does not have."""
        try:
            first = await self._input()
        except Ended as end:
            if end.outcome is not Outcome.TIMEOUT:
                raise
            self._end = None
            return b""
        self._give_back(first)
        return first

    async def _early_octets(self) -> bytes:
        """What a client sends before it was greeted, within `Timing.greeting_delay`."""
        if not self._unread and self._end is None:
            timer = self._hub.loop.call_later(self._hub.timing.greeting_delay, self._wake)
            self._waiter = self._hub.loop.create_future()
            await self._waiter
            timer.cancel()
        return b"".join(self._unread)

    async def _secure(self) -> None:
        """The TLS handshake. Raises Ended."""
        self._due = self._hub.clock() + self._hub.timing.handshake
        data = b""
        try:
            while (hello := read_hello(data)) is None:
                data += await self._input()
        except HelloError as error:
            self._put(DECODE_ERROR)
            raise Ended(Outcome.NO_TLS, str(error)) from None
        wanted = self._entrance.words.alpn
        if hello.protocols and wanted and not set(wanted) & set(hello.protocols):
            self._put(NO_APPLICATION_PROTOCOL)
            raise Ended(Outcome.WRONG_DOOR, f"the client wants to speak {hello.protocols[0]!r}")
        contexts = cast("TlsContexts", self._entrance.contexts)
        pipe = contexts.accept(hello.server_name, self._entrance.listener.client_ca)
        await self._handshake(pipe, data)
        self._pipe, self.tls = pipe, pipe.info()
        self._give_back(self._decrypt(b""))

    async def _handshake(self, pipe: TlsPipe, data: bytes) -> None:
        try:
            while not pipe.handshake(data):
                self._put(pipe.take())
                data = await self._input()
        except ssl.SSLError as error:
            self._put(pipe.take())
            raise Ended(Outcome.NO_TLS, f"the TLS handshake failed: {tls_reason(error)}") from None
        except Ended as end:
            if end.outcome is not Outcome.CLOSED:
                raise
            text = "the client broke the TLS handshake off, as many do that do not trust our certificate"
            raise Ended(Outcome.NO_TLS, text) from None

    async def _converse(self) -> None:
        """The dialog, until the session or the peer has enough. The hot path of every protocol."""
        session = cast("Session", self._session)
        machine = session.machine
        self._due = 0.0
        self._since = self._hub.now
        session.opened(self)
        self._greet(machine.data_to_send())
        while not session.finished:
            if self._begun is not None:
                begun, self._begun = self._begun, None
                await begun
            elif session.wants_tls:
                await self._upgrade(session, machine.data_to_send())
            elif self._choked:
                await self._drained()
            elif self._unread:
                machine.receive_data(self._take())
                if (work := session.advance()) is not None:
                    await work
            elif self._end is not None:
                await self._last_words(session, self._end)
            else:
                self._idle = self._hub.loop.create_future()
                await self._idle
                continue
            self._answer(session)
        self._last = machine.data_to_send()

    def _answer(self, session: Session) -> bool:
        """Sends what the session has to say. False if more is to be done than to wait for the next command: after
        its last words, and those before TLS, which are not sent here, or while the peer does not read.
        """
        machine = session.machine
        if not machine.reads:
            return False
        if output := machine.data_to_send():
            self._since = self._hub.now
            self._put(output)
        return not self._choked

    def _handle(self, data: bytes, idle: asyncio.Future[None]) -> None:
        """Handles what arrived right here. Few commands have to wait for anything, and a turn of the task for each
        would cost as much as the command itself. What does wait is left to the task.
        """
        session: Session = self._session  # type: ignore[assignment]  # there is one whenever its task is idle
        self._idle = None
        try:
            session.machine.receive_data(data)
            work = session.advance()
            if (work is None or not self._waits(work)) and self._answer(session) and self._end is None:
                self._idle = idle
                return
        except Exception as error:  # noqa: BLE001 -- raised again where the task handles it
            self._begun = raised(error)
        if not idle.done():
            idle.set_result(None)

    def _waits(self, work: Coroutine[object, object, None]) -> bool:
        """Whether it needs more than its first step, which is taken here; see `gatepost.net.begun`."""
        loop, task = self._hub.loop, cast("asyncio.Task[None]", self._task)
        _enter_task(loop, task)
        try:
            self._begun = begun(work)
        finally:
            _leave_task(loop, task)
        return self._begun is not None

    async def _last_words(self, session: Session, end: Ended) -> None:
        """The peer, its time or the server came to an end between two commands. Raises `end`."""
        match end.outcome:
            case Outcome.CLOSED:
                session.machine.receive_data(b"")
                if (work := session.advance()) is not None:
                    await work
            case Outcome.TIMEOUT:
                session.timed_out()
            case Outcome.SHUTDOWN:
                session.shutting_down()
            case _:
                raise end
        self._put(session.machine.data_to_send())
        raise end

    async def _upgrade(self, session: Session, reply: bytes) -> None:
        """STARTTLS. All that arrived in the clear is forgotten before the reply goes out (RFC 2595 §2.4, RFC 3207 §6).

        What arrives in the clear afterwards is no ClientHello, and ends the connection.
        """
        if self.tls is not None:
            raise MisuseError("a session wants TLS inside TLS")
        self._take()
        self._put(reply)
        await self._secure()
        self._due = 0.0
        self._since = self._hub.now
        session.secured()
        self._greet(session.machine.data_to_send())

    async def flush(self) -> None:
        """See `Flow.flush`."""
        self._put(cast("Session", self._session).machine.data_to_send())
        self._since = self._hub.now
        if self._choked:
            await self._drained()
        if self._transport is None:
            raise ConnectionResetError(str(self._end))

    async def _conclude(self, end: Ended) -> None:
        """Gives back what the session holds and writes the record, without waiting for the peer."""
        self._lingers, self._deaf = True, False
        session, fields = self._session, {}
        if isinstance(session, Refused):
            end = Ended(Outcome.REFUSED, session.reason)
        try:
            reason = "" if end.outcome is Outcome.DONE else str(end)
            fields = dict(session.closed(reason)) if session is not None else {}
        except Exception as error:  # noqa: BLE001 -- as in `_serve`
            self._hub.failed(self, error)
        self._hub.report(self._record(end, fields))
        self._session = None

    def _part(self, end: Ended) -> None:
        """Closes; what we still have to send goes out first.

        To close with octets of the peer unread would destroy our last line on its way. A peer that was asked to leave
        may still be talking, so its side is read, and thrown away, until it has closed too; `check` cuts it off when
        it takes its time.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._since, self._unsent = self._hub.now, transport.get_write_buffer_size()
        if self._gone or (end.outcome is Outcome.DONE and not self._unread):
            transport.close()
        else:
            self._take()
            transport.write_eof()

    # ------------------------------------------------------------------ small parts

    @property
    def _wire(self) -> asyncio.Transport:
        return cast("asyncio.Transport", self._transport)

    def _greet(self, data: bytes) -> None:
        """The first words over TLS go out with the end of its handshake, in one packet."""
        if data or self._pipe is None:
            self._put(data)
        elif self._transport is not None:
            self._transport.write(self._pipe.take())

    def _put(self, data: bytes, *, last: bool = False) -> None:
        """Sends, without waiting; over TLS the last words bring its own goodbye along."""
        transport = self._transport
        if transport is None or transport.is_closing() or not (data or last):
            return
        if self.tls is None:
            transport.write(data)
            return
        pipe: TlsPipe = self._pipe  # type: ignore[assignment]  # there is one whenever there is `tls`
        try:
            sealed = pipe.send(data) if data else b""
            transport.write(sealed + pipe.close() if last else sealed)
        except ssl.SSLError as error:
            self.end(Ended(Outcome.LOST, f"TLS: {tls_reason(error)}"))
            transport.abort()

    async def _input(self) -> bytes:
        """The next octets, at once if some are waiting. Raises Ended."""
        while not self._unread:
            if self._end is not None:
                raise self._end
            await self._wait()
        return self._take()

    def _take(self) -> bytes:
        unread = self._unread
        data = unread[0] if len(unread) == 1 else b"".join(unread)
        unread.clear()
        self._unread_octets = 0
        self._regulate()
        return data

    def _give_back(self, data: bytes) -> None:
        if data:
            self._unread.insert(0, data)
            self._unread_octets += len(data)

    async def _drained(self) -> None:
        while self._choked:
            await self._wait()
        self._since = self._hub.now

    async def _wait(self) -> None:
        self._waiter = self._hub.loop.create_future()
        await self._waiter

    def _wake(self) -> None:
        waiter = self._waiter or self._idle
        if waiter is not None:
            self._waiter = self._idle = None
            if not waiter.done():
                waiter.set_result(None)

    def _record(self, end: Ended, fields: Mapping[str, object]) -> dict[str, object]:
        """The line of the log: who, from where, how protected, what the session tells, how it ended."""
        tls = self.tls
        record: dict[str, object] = {
            "connection": self.peer.connection_id,
            "service": self.peer.service,
            "address": self.peer.address,
            "port": self.peer.port,
            "tls": tls.version if tls else "",
            "cipher": tls.cipher if tls else "",
            "resumed": tls.resumed if tls else False,
            "seconds": round(self._hub.clock() - self._started, 3),
        }
        if self.peer.address != self._source[0]:
            record["proxy"] = self._source[0]
        record.update(fields)
        if end.outcome is not Outcome.DONE or "outcome" not in fields:  # who ended it knows best
            record["outcome"] = end.outcome.value
            record["reason"] = str(end)
        return record
