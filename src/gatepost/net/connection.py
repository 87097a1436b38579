"""One connection from its first octet to its last: the thin driver under every protocol.

It goes through stages: who is there and by which door (`arrival`), the dialog, the farewell. Octets are decrypted and
handled right where they arrive, and what a stage cannot finish waits for more; there is no task but for a command that
has to wait for something else (a login, a commit). There are no timers: the hub looks at every connection once a
second (`check`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, NoReturn, cast

from gatepost.errors import MisuseError
from gatepost.net.api import Session
from gatepost.net.arrival import Arrival
from gatepost.net.entrance import Entrance
from gatepost.net.house import House
from gatepost.net.outcome import DONE, Ended, Outcome
from gatepost.net.pulse import Pulse
from gatepost.net.turns import Measured, Share, wake

COARSE: Final = 1.0
"""Seconds by which `Hub.now`, and so a measured idle time, may be wrong; nobody is dropped too early (RFC 1939 §3)."""


class Connection(Arrival):
    """The driver. It is also the `Flow` that its session holds."""

    __slots__ = ("_blocked", "_limit", "_limited", "_pulse", "_secured", "_share", "_waiter")

    def __init__(self, hub: House, entrance: Entrance, source: tuple[str, int]) -> None:
        """`source` is the address as `plain_address` has it, and the port."""
        super().__init__(hub, entrance, source)
        self._limit = self._limited = -1.0
        self._blocked = self._secured = False
        self._pulse = Pulse(hub.timing.lease)
        self._share = Share(hub.clock)
        self._waiter: asyncio.Future[None] | None = None

    # ------------------------------------------------------------------ what the wire tells us

    def data_received(self, data: bytes) -> None:
        """At once, if the connection has not had more than its share of the worker's time."""
        if self._share.begin():
            self._receive(data)
            self._share.charge()
        elif data:
            self._late = data
            self._regulate()
            self._hub.turns.queue(self._receive_late)

    def _receive_late(self) -> None:
        data, self._late = self._late, b""
        self._share.begin()
        if self._wire is not None:
            self._wire.read_sparingly()
        self._receive(data)
        self._regulate()
        self._share.charge()

    def _receive(self, data: bytes) -> None:
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
        if self._waiter is not None:
            wake(self._waiter)
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
        if self._waiter is not None:
            wake(self._waiter)
        elif self._blocked:
            self._hub.turns.queue(self._unblock)

    def _unblock(self) -> None:
        """The dialog that waited for the peer to read goes on."""
        if self._blocked:
            self._share.begin()
            self._go(self._dialog)
            self._share.charge()

    # ------------------------------------------------------------------ what the hub tells us

    def end(self, reason: Ended) -> None:
        """The dialog ends where it next waits; the first reason counts."""
        if self._end is None:
            self._end = reason
        if self._stage is not None:
            self._go(self._stage)
        elif self._idle:
            self._go(self._dialog)

    def expel(self, reason: str) -> None:
        """Ends the session: with a word if it is between commands. A command that runs has `Timing.parting` to end,
        and is cut off then; what the client sent ahead is not looked at any more.
        """
        if self._stage is None:
            self._take()
        self.end(Ended(Outcome.ENDED, reason, self._hub.clock() + self._hub.timing.parting))

    def check(self, now: float) -> None:
        """Looks once a second whether the peer is there, and has had its time. `now` is monotonic."""
        if self._end is not None and self._end.by and now >= self._end.by and not self._lingers:
            self.cut()
        elif self._wire is not None and self._pulse.lost(self._wire.number, self._since, now):
            self.end(Ended(Outcome.LOST, "connection lost: the client's system answers no more (timed out)"))
            self.abort()
        elif self._lingers:
            self._check_farewell(now)
        elif self._choked and self._session is not None:
            self._check_reading(self._session, now)
        elif self._task is not None:
            return
        elif self._due:
            if now >= self._due:
                self.end(Ended(Outcome.TIMEOUT))
        elif self._session is not None and self._has_idled(self._session, now):
            self.end(Ended(Outcome.TIMEOUT))

    def _has_idled(self, session: Session, now: float) -> bool:
        """The session's limit counts from its last answer, so it is asked once after each, not at every look."""
        if self._limited != self._since:
            self._limited, self._limit = self._since, session.idle_seconds
        return now - self._since > self._limit + COARSE

    def _check_reading(self, session: Session, now: float) -> None:
        """Who takes nothing of what we send is as idle as who says nothing; who takes a little is not."""
        unsent = self._wire.unsent if self._wire else 0
        if unsent < self._unsent:
            self._unsent, self._since = unsent, now
        elif self._has_idled(session, now):
            self.end(Ended(Outcome.STALLED))
            self.abort()

    def _check_farewell(self, now: float) -> None:
        """The session is over: who does not take our last words is not waited for as long."""
        unsent = self._wire.unsent if self._wire else 0
        if unsent < self._unsent:
            self._unsent, self._since = unsent, now
        timing = self._hub.timing
        if now - self._since > (timing.stall if unsent else timing.linger) + COARSE:
            self.abort()

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
        self._task = self._hub.loop.create_task(Measured(work, self._share))
        self._task.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._task = self._waiter = None
        if task.cancelled():
            self._finish(self._end or Ended(Outcome.SHUTDOWN))
        elif (error := task.exception()) is not None:
            self._fail(error)
        else:
            self._go(self._after_work)

    def _after_work(self) -> None:
        self._answer(cast("Session", self._session))
        if self._unread and self._share.exhausted:
            self._blocked = True
            self._hub.turns.queue(self._unblock)
        else:
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
            case Outcome.ENDED:
                session.ended()
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
            await self._woken()
        if self.spent or self._share.exhausted:
            await self._woken(in_turn=True)
        if self._wire is None or self._wire.closing:
            raise ConnectionResetError(str(self._end))

    async def _woken(self, *, in_turn: bool = False) -> None:
        """Waits until the peer reads again, or is gone; or for this connection's turn."""
        self._waiter = waiter = self._hub.loop.create_future()
        if in_turn:
            self._hub.turns.queue(lambda: wake(waiter), wakes=True)
        await waiter
        self._waiter = None

    @property
    def spent(self) -> bool:
        """See `Flow.spent`."""
        return self._share.spent
