"""One connection from its first octet to its last: the thin driver under every protocol.

It goes through stages: who is there (PROXY header), by which door (TLS or not), the dialog, the farewell. Octets are
decrypted and handled right where they arrive, and what a stage cannot finish waits for more; there is no task but for
a command that has to wait for something else (a login, a commit). There are no timers: the hub looks at every
connection once a second (`check`).
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Final, NoReturn, cast

from gatepost.errors import MisuseError
from gatepost.net.api import Session, TlsInfo
from gatepost.net.doors import Door, door
from gatepost.net.entrance import Entrance, Refused
from gatepost.net.handshake import Handshake
from gatepost.net.house import House
from gatepost.net.outcome import DONE, Ended, Outcome, record, tls_reason
from gatepost.net.pipe import TlsPipe
from gatepost.net.proxy import ProxyError, parse
from gatepost.net.tls import TlsContexts
from gatepost.net.wire import Wire
from gatepost.ports import TlsMode

MOST_UNREAD: Final = 64 * 1024
"""Octets that wait for the session before we stop reading from the peer; one read of the wire may come on top."""
COARSE: Final = 1.0
"""Seconds by which `Hub.now`, and so a measured idle time, may be wrong; nobody is dropped too early (RFC 1939 §3)."""


class Connection:
    """The driver. It is also the `Flow` that its session holds."""

    __slots__ = (
        "_blocked", "_choked", "_deaf", "_due", "_end", "_entrance", "_gone", "_handshake", "_held", "_hub", "_idle",
        "_limit", "_limited", "_lingers", "_pipe", "_secured", "_send", "_session", "_since", "_source", "_stage",
        "_started", "_task", "_unread", "_unread_octets", "_unsent", "_waiter", "_wire", "counted", "peer",
        "tls",
    )  # fmt: skip

    def __init__(self, hub: House, entrance: Entrance, source: tuple[str, int]) -> None:
        """`source` is the address as `plain_address` has it, and the port."""
        self._hub = hub
        self._entrance = entrance
        self._source = source
        self._started = self._since = hub.clock()
        self._due = self._started + hub.timing.first_octets
        self._wire: Wire | None = None
        self._send: Callable[[bytes], None] = _nowhere
        self._session: Session | None = None
        self._pipe: TlsPipe | None = None
        self._handshake: Handshake | None = None
        self._held = b""
        """The beginning of a PROXY header."""
        self._unread: list[bytes] = []
        self._unread_octets = 0
        self._unsent = 0
        self._limit = self._limited = -1.0
        self._end: Ended | None = None
        self._idle = self._blocked = self._choked = self._deaf = self._gone = self._lingers = False
        self._secured = False
        self._stage: Callable[[], None] | None = None
        """What goes on when something arrives, before the dialog."""
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.counted = ""
        """The address that `Tally.connect` has counted for this connection."""
        self.tls: TlsInfo | None = None
        self.peer = entrance.identify(*source, hub.next_id())

    # ------------------------------------------------------------------ what the wire tells us

    def data_received(self, data: bytes) -> None:
        """The hot path of every protocol: nearly always a usual command comes while nothing else is to be done."""
        if self.tls is not None:
            if self._lingers or self._deaf:
                return
            data = self._decrypt(data)
        if self._idle and data:
            try:
                answer = self._session.answer(data)  # type: ignore[union-attr]  # there is one whenever it is idle
                if answer is not None:
                    self._since = self._hub.now
                    self._send(answer)
            except Exception as error:  # noqa: BLE001 -- as in `_go`
                self._fail(error)
                return
            if answer is None:
                self._go(self._advance)
        elif data and not (self._lingers or self._deaf):
            self._keep(data)
        if self._pipe is not None and self._pipe.ended:
            self.end(Ended(Outcome.CLOSED))

    def _keep(self, data: bytes) -> None:
        """For the present stage, or for the session when it has time."""
        self._unread.append(data)
        self._unread_octets += len(data)
        if self._stage is not None:
            self._go(self._stage)
        else:
            self._regulate()

    def eof_received(self) -> None:
        """The peer may have closed its side only: what it asked before is still answered."""
        self._gone = True
        if not self._lingers:
            self.end(Ended(Outcome.CLOSED))
        elif self._wire is not None:
            self._wire.close()

    def connection_lost(self, error: OSError | None) -> None:
        self._wire = None
        self._gone = True
        self._choked = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._lingers:
            self._hub.left(self)
        else:
            self.end(Ended(Outcome.LOST, f"connection lost: {error}" if error else ""))
            self._unblock()

    def pause_writing(self) -> None:
        self._choked = True
        self._unsent = self._wire.unsent if self._wire else 0
        self._since = self._hub.now
        self._regulate()

    def resume_writing(self) -> None:
        self._choked = False
        self._since = self._hub.now
        self._regulate()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._unblock()

    def _unblock(self) -> None:
        """The dialog that waited for the peer to read goes on."""
        if self._blocked:
            self._go(self._dialog)

    def _regulate(self) -> None:
        """Reads only while the session keeps up and the peer takes what we answer: also what TLS answers by itself."""
        if self._wire is None:
            return
        if self._choked or self._deaf or self._unread_octets > MOST_UNREAD:
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

    # ------------------------------------------------------------------ what the hub tells us

    def end(self, reason: Ended) -> None:
        """The dialog ends where it next waits; the first reason counts."""
        if self._end is None:
            self._end = reason
        if self._stage is not None:
            self._go(self._stage)
        elif self._idle:
            self._go(self._dialog)

    def refuse(self, reason: str) -> None:
        """The client shall hear why it is not served, by its own door and in its own protocol, and nothing else."""
        self._session = Refused(self._entrance.words.refusal(reason), reason)

    def abort(self) -> None:
        """Cuts the connection without waiting for anything."""
        if self._wire is not None:
            self._wire.abort()

    def cut(self) -> None:
        """`abort`, whatever the session does."""
        self.abort()
        self._take()
        self._end = self._end or Ended(Outcome.SHUTDOWN)
        if self._task is not None:
            self._task.cancel()
        else:
            self._finish(Ended(Outcome.SHUTDOWN))

    def check(self, now: float) -> None:
        """Looks once a second whether the peer has had its time. `now` is monotonic."""
        if self._choked or self._lingers:
            self._check_output(now)
        elif self._task is not None:
            return
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
        unsent = self._wire.unsent if self._wire else 0
        if unsent < self._unsent:
            self._unsent, self._since = unsent, now
        timing = self._hub.timing
        limit = timing.linger if self._lingers and not unsent else timing.stall
        if now - self._since > limit + COARSE:
            self.end(Ended(Outcome.STALLED))
            self.abort()

    # ------------------------------------------------------------------ the stages before the dialog

    def begin(self, accepted: int) -> None:
        """Takes over the accepted socket, by its descriptor."""
        try:
            self._wire = wire = Wire(self._hub.loop, self._hub.watch, accepted, self)
        except OSError as error:
            os.close(accepted)
            self._finish(Ended(Outcome.LOST, str(error)))
        else:
            self._send = wire.write
            self._go(self._arrive)

    def _go(self, stage: Callable[[], None]) -> None:
        """One step on. A session's bug must not hurt the others; it is logged."""
        try:
            stage()
        except Ended as end:
            self._finish(end)
        except Exception as error:  # noqa: BLE001 -- see above
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, ConnectionError):
            self._finish(self._end or Ended(Outcome.LOST, str(error)))
        elif isinstance(error, Exception):
            self._hub.failed(self, error)
            self._finish(Ended(Outcome.FAILED, repr(error)))
        else:
            self._finish(Ended(Outcome.SHUTDOWN))

    def _arrive(self) -> None:
        """Who is it? A balancer says so first."""
        if self._source[0] in self._entrance.proxies:
            self._stage = self._read_proxy_header
        else:
            self._come_to_the_door()

    def _read_proxy_header(self) -> None:
        self._held += self._input()
        try:
            header = parse(self._held)
        except ProxyError as error:
            raise Ended(Outcome.PROXY, str(error)) from None
        if header is None:
            return
        data, self._held = self._held, b""
        self._give_back(data[header.size :])
        if header.address:
            self.peer = self._entrance.identify(header.address, header.port, self.peer.connection_id)
        self._hub.admit(self, self.peer.address)
        self._due = self._hub.clock() + self._hub.timing.first_octets
        self._come_to_the_door()

    def _come_to_the_door(self) -> None:
        match self._entrance.listener.service.tls:
            case TlsMode.IMPLICIT:
                self._stage = self._first_octets
            case TlsMode.STARTTLS:
                self._stage = self._early_octets
                self._hub.greet_later(self)
            case _:
                self._enter(b"")
                return
        if self._unread or self._end is not None:
            self._stage()

    def _first_octets(self) -> None:
        """After `Timing.first_octets` of silence the client waits for a greeting that TLS does not have."""
        if not self._unread and self._end is not None and self._end.outcome is Outcome.TIMEOUT:
            self._end = None
            self._enter(b"")
        elif first := self._input():
            self._give_back(first)
            self._enter(first)

    def _early_octets(self) -> None:
        """What a client sends before it was greeted."""
        self._enter(b"".join(self._unread))

    def greet(self) -> None:
        """The client had its `Timing.greeting_delay` to speak first."""
        if self._stage == self._early_octets:
            self._go(self._early_octets)

    def _enter(self, first: bytes) -> None:
        """Chooses the door by the client's first octets, if it sent any."""
        self._stage = None
        listener = self._entrance.listener
        match door(first, listener.service.tls):
            case Door.TLS:
                self._secure()
            case Door.WRONG:
                self._put(self._entrance.words.wrong_door(listener))
                said = "the client spoke first, without TLS" if first else "the client waited for a greeting"
                raise Ended(Outcome.WRONG_DOOR, f"no TLS on a port that speaks TLS from the first byte: {said}")
            case Door.PLAIN:
                self._welcome()

    def _secure(self) -> None:
        """The TLS handshake begins."""
        self._due = self._hub.clock() + self._hub.timing.handshake
        entrance = self._entrance
        contexts = cast("TlsContexts", entrance.contexts)
        self._handshake = Handshake(contexts, entrance.words.alpn, entrance.listener.client_ca)
        self._stage = self._shake_hands
        self._shake_hands()

    def _shake_hands(self) -> None:
        handshake: Handshake = self._handshake  # type: ignore[assignment]  # made before this stage
        if handshake.pipe and not self._unread and self._end is not None and self._end.outcome is Outcome.CLOSED:
            text = "the client broke the TLS handshake off, as many do that do not trust our certificate"
            raise Ended(Outcome.NO_TLS, text)
        done = False
        try:
            done = handshake.feed(self._input())
        finally:
            if not done:
                self._put(handshake.answer())
        if done:
            self._take_over(cast("TlsPipe", handshake.pipe))

    def _take_over(self, pipe: TlsPipe) -> None:
        """TLS stands. The last octets of its handshake go out with the first words inside it."""
        self._stage = self._handshake = None
        self._pipe, self.tls, self._send = pipe, pipe.info(), self._seal
        if pipe.unread:
            self._give_back(self._decrypt(b""))
        self._welcome()

    # ------------------------------------------------------------------ the dialog

    def _welcome(self) -> None:
        """In the clear or over TLS the session begins, or goes on after STARTTLS."""
        self._due = 0.0
        self._since = self._hub.now
        if self._secured:
            session = cast("Session", self._session)
            session.secured()
        else:
            session = self._session = self._session or self._entrance.open_session(self.peer)
            session.opened(self)
        if not session.finished:
            self._greet(session.machine.data_to_send())
        self._dialog()

    def _dialog(self) -> None:
        """Everything that can be done now, until the session or the peer has enough. Raises Ended."""
        session: Session = self._session  # type: ignore[assignment]  # there is one from `_welcome` on
        machine = session.machine
        self._idle = self._blocked = False
        while machine.reads:
            if self._choked:
                self._blocked = True
                return
            if self._unread:
                machine.receive_data(self._take())
                if (work := session.advance()) is not None:
                    self._employ(work)
                    return
                self._answer(session)
            elif self._end is not None:
                self._last_words(session, self._end)
            else:
                self._idle = True
                return
        if session.wants_tls:
            self._upgrade(machine.data_to_send())
        else:
            self._finish(DONE)

    def _advance(self) -> None:
        """A command came while nothing else was to be done; the usual end is that nothing is to be done again."""
        session: Session = self._session  # type: ignore[assignment]  # there is one whenever it is idle
        self._idle = False
        if session.machine.reads and (work := session.advance()) is not None:
            self._employ(work)
        elif self._answer(session) and self._end is None and not self._choked:
            self._idle = True
        else:
            self._dialog()

    def _answer(self, session: Session) -> bool:
        """Sends what the session has to say, but for its last words, and those before TLS: then it returns False."""
        if not session.machine.reads:
            return False
        if output := session.machine.data_to_send():
            self._since = self._hub.now
            self._send(output)
        return True

    def _employ(self, work: Coroutine[Any, Any, None]) -> None:
        """What has to wait gets a task of its own; when it is done the dialog goes on, or ends."""
        self._task = self._hub.loop.create_task(work)
        self._task.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._task = self._waiter = None
        if task.cancelled():
            self._finish(Ended(Outcome.SHUTDOWN))
        elif (error := task.exception()) is not None:
            self._fail(error)
        else:
            self._go(self._after_work)

    def _after_work(self) -> None:
        self._answer(cast("Session", self._session))
        self._dialog()

    def _last_words(self, session: Session, end: Ended) -> NoReturn:
        """The peer, its time or the server came to an end between two commands. Raises `end`."""
        match end.outcome:
            case Outcome.CLOSED:
                session.machine.receive_data(b"")
                if session.advance() is not None:
                    raise MisuseError("a session has to wait for something although its peer has gone")
            case Outcome.TIMEOUT:
                session.timed_out()
            case Outcome.SHUTDOWN:
                session.shutting_down()
            case _:
                raise end
        self._put(session.machine.data_to_send())
        raise end

    def _upgrade(self, reply: bytes) -> None:
        """STARTTLS. All that arrived in the clear is forgotten before the reply goes out (RFC 2595 §2.4, RFC 3207 §6).

        What arrives in the clear afterwards is no ClientHello, and ends the connection.
        """
        if self.tls is not None:
            raise MisuseError("a session wants TLS inside TLS")
        self._take()
        self._put(reply)
        self._secured = True
        self._secure()

    async def flush(self) -> None:
        """See `Flow.flush`."""
        self._put(cast("Session", self._session).machine.data_to_send())
        self._since = self._hub.now
        while self._choked:
            self._waiter = self._hub.loop.create_future()
            await self._waiter
            self._waiter = None
        if self._wire is None or self._wire.closing:
            raise ConnectionResetError(str(self._end))

    # ------------------------------------------------------------------ the farewell

    def _finish(self, end: Ended) -> None:
        """The last words go out; what the session holds is given back; the record is written; the wire closed.

        Whatever goes wrong on that way, the connection ends.
        """
        if self._lingers:
            return
        self._stage, self._idle, self._lingers, self._deaf = None, False, True, False
        try:
            self._take_leave(self._session.machine.data_to_send() if self._session and end is DONE else b"")
        except Exception as error:  # noqa: BLE001 -- as in `_go`
            self._hub.failed(self, error)
            end = Ended(Outcome.FAILED, repr(error))
        try:
            self._conclude(end)
        except Exception as error:  # noqa: BLE001 -- as in `_go`
            self._hub.failed(self, error)
        end.__traceback__ = None  # its frames hold what ends here
        if self._wire is None:
            self._hub.left(self)
        else:
            self._part(self._wire, end)

    def _take_leave(self, last: bytes) -> None:
        """Says the last words; over TLS its own goodbye goes along with them."""
        if self.tls is None:
            self._put(last)
        elif self._wire is not None and not self._wire.closing:
            pipe: TlsPipe = self._pipe  # type: ignore[assignment]  # there is one whenever there is `tls`
            try:
                self._wire.write((pipe.send(last) if last else b"") + pipe.close())
            except ssl.SSLError:
                self._wire.abort()

    def _conclude(self, end: Ended) -> None:
        """Gives back what the session holds and writes the record, without waiting for the peer."""
        session, fields = self._session, {}
        if isinstance(session, Refused):
            end = Ended(Outcome.REFUSED, session.reason)
        try:
            reason = "" if end is DONE else str(end)
            fields = dict(session.closed(reason)) if session is not None else {}
        except Exception as error:  # noqa: BLE001 -- as in `_go`
            self._hub.failed(self, error)
        seconds = round(self._hub.clock() - self._started, 3)
        self._hub.report(record(self.peer, self.tls, self._source[0], seconds, end, fields))
        self._session, self._send = None, _nowhere

    def _part(self, wire: Wire, end: Ended) -> None:
        """Closes; what we still have to send goes out first.

        To close with octets of the peer unread would destroy our last line on its way. A peer that was asked to leave
        may still be talking, so its side is read, and thrown away, until it has closed too; `check` cuts it off when
        it takes its time.
        """
        if wire.closing:
            return
        self._since, self._unsent = self._hub.now, wire.unsent
        if self._gone or (end is DONE and not self._unread):
            wire.close()
        else:
            self._take()
            self._regulate()
            wire.write_eof()

    # ------------------------------------------------------------------ small parts

    def _greet(self, data: bytes) -> None:
        """The first words over TLS go out with the end of its handshake, in one packet."""
        if data or self._pipe is None:
            self._put(data)
        elif self._wire is not None:
            self._wire.write(self._pipe.take())

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


def _nowhere(data: bytes) -> None:
    """Where the words of a connection go that has no wire."""
