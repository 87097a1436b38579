"""One POP3 connection on the server's side: the machine's commands to the store, and the answers back.

The driver in `gatepost.net` owns the socket and calls the methods; `gatepost.net.api.Session` is the contract.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Mapping
from math import ceil
from typing import Any

from gatepost.errors import DomainError, PeerError
from gatepost.net import api as net
from gatepost.pop3 import texts
from gatepost.pop3.authorization import Authorization
from gatepost.pop3.context import NOT_OPEN, Context, Record, Talk, TraceSink
from gatepost.pop3.grammar import PENDING
from gatepost.pop3.machine import CLOSED, SECURING, TRANSACTION, Machine, Shown
from gatepost.pop3.replies import Voice, voice
from gatepost.pop3.stage import Stage
from gatepost.pop3.transaction import Transaction


class Pop3Session:
    """See `gatepost.net.api.Session`."""

    __slots__ = ("_context", "_deadline", "_machine", "_peer", "_record", "_stage", "_talk", "machine")

    def __init__(self, context: Context, peer: net.Peer) -> None:
        self._context = context
        self._peer = peer
        self._record = Record()
        self._deadline = context.clock() + context.options.login_timeout
        self._machine = Machine(self._first_voice(), bad_commands=context.options.bad_commands)
        self.machine: net.Machine = self._machine
        self._talk = Talk(context, peer, self._machine, self._record, NOT_OPEN)
        self._stage: Stage = Authorization(self._talk)
        if context.trace is not None:
            self._machine.shown = self._shown_to(context.trace)

    def _first_voice(self) -> Voice:
        """Until the client allows more, ASCII (RFC 1939 §3)."""
        return voice(self._context.options.language, ascii_only=True)

    def _shown_to(self, trace: TraceSink) -> Shown:
        def show(side: str, line: str) -> None:
            login = self._record.login
            trace(self._peer, login.account.login if login else "", f"{side}: {line}")

        return show

    def opened(self, flow: net.Flow) -> None:
        """Greets."""
        self._talk.flow = flow
        self._machine.send(self._machine.voice.ok(texts.GREETING))

    def advance(self) -> Coroutine[Any, Any, None] | None:
        """See `gatepost.net.api.Session`. What it returns raises ConnectionError when the connection is gone."""
        work = self._next()
        return None if work is None else self._go_on(work)

    def _next(self) -> Awaitable[Stage | None] | None:
        """Handles events up to the first that has to wait, and returns what it waits for."""
        machine = self._machine
        while (event := machine.next_event()) is not None:
            if machine.state is not TRANSACTION and self.idle_seconds <= 0:
                self.timed_out()  # a client that never stops talking is never idle, so nobody else ends it
                return None
            try:
                work = self._stage.handlers[type(event)](self._stage, event)
            except (DomainError, PeerError) as error:
                machine.send(machine.voice.failure(error))
            else:
                if work is not None:
                    return work
            if machine.pending >= PENDING:
                return self._breathe()
        return None

    async def _go_on(self, work: Awaitable[Stage | None] | None) -> None:
        while work is not None:
            try:
                self._stage = await work or self._stage
            except (DomainError, PeerError) as error:
                self._machine.send(self._machine.voice.failure(error))
            if self._machine.pending >= PENDING:
                await self._breathe()
            work = self._next()

    async def _breathe(self) -> Stage | None:
        """Who reads as fast as we write would never let go of the worker."""
        talk = self._talk
        await talk.flow.flush()
        await talk.context.pause(0)
        return None

    @property
    def idle_seconds(self) -> float:
        """After login the time between commands (RFC 1939 §3); before, what is left of the time to log in."""
        if self._machine.state is TRANSACTION:
            return self._context.options.idle_timeout
        return max(0.0, self._deadline - self._context.clock())

    @property
    def wants_tls(self) -> bool:
        return self._machine.state is SECURING

    def secured(self) -> None:
        """RFC 2595 §4: as if the connection had just begun, but without a greeting."""
        self._machine.secured(self._first_voice())
        self._talk.utf8, self._talk.language = False, ""
        self._stage = Authorization(self._talk)

    @property
    def finished(self) -> bool:
        return self._machine.state is CLOSED

    def timed_out(self) -> None:
        machine, options = self._machine, self._context.options
        self._record.ended("idle")
        if machine.state is TRANSACTION:
            machine.close(machine.voice.err(texts.IDLE, ceil(options.idle_timeout)))
        elif machine.state is SECURING:  # the client waits for TLS: plaintext would only confuse it
            machine.close()
        elif machine.state is not CLOSED:
            machine.close(machine.voice.err(texts.SLOW_LOGIN, ceil(options.login_timeout)))

    def shutting_down(self) -> None:
        if self._machine.state is not CLOSED:
            self._record.ended("restart")
            self._machine.close(self._machine.voice.err(texts.RESTARTING))

    def closed(self, reason: str) -> Mapping[str, object]:
        """Without QUIT nothing was deleted (RFC 1939 §6)."""
        if isinstance(self._stage, Transaction):
            self._stage.leave()
        return self._record.fields(self._machine.sent, reason)
