"""One POP3 connection on the server's side: the machine's commands to the store, and the answers back.

The driver in `gatepost.net` owns the socket and calls the methods; `gatepost.net.api.Session` is the contract.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Mapping
from math import ceil
from typing import Any, Final

from gatepost.errors import DomainError, PeerError
from gatepost.net import api as net
from gatepost.pop3 import texts
from gatepost.pop3.authorization import Authorization
from gatepost.pop3.context import NOT_OPEN, Context, Record, Talk, TraceSink
from gatepost.pop3.machine import CLOSED, EXCHANGE, SECURING, TRANSACTION, Event, Machine, Shown
from gatepost.pop3.stage import Stage, Waiting

log: Final = logging.getLogger("gatepost.pop3")


class Pop3Session:
    """See `gatepost.net.api.Session`."""

    __slots__ = ("_context", "_deadline", "_machine", "_peer", "_record", "_stage", "_talk", "_work", "machine")

    def __init__(self, context: Context, peer: net.Peer) -> None:
        self._context = context
        self._peer = peer
        self._record = Record()
        self._deadline = context.clock() + context.options.login_timeout
        self._machine = Machine(context.first_voice, bad_commands=context.options.bad_commands)
        self.machine: net.Machine = self._machine
        self._talk = Talk(context, peer, self._machine, self._record, NOT_OPEN)
        self._stage: Stage = Authorization(self._talk)
        self._work: Waiting | None = None
        """Of a command that could not be answered at once."""
        if context.trace is not None:
            self._machine.shown = self._shown_to(context.trace)

    def _shown_to(self, trace: TraceSink) -> Shown:
        def show(side: str, line: str) -> None:
            login = self._record.login
            trace(self._peer, login.account.login if login else "", f"{side}: {line}")

        return show

    def opened(self, flow: net.Flow) -> None:
        """Greets."""
        self._talk.flow = flow
        self._machine.send(self._machine.voice.ok(texts.GREETING))

    def answer(self, data: bytes) -> bytes | None:
        """See `gatepost.net.api.Session`."""
        machine = self._machine
        event = machine.only_event(data)
        reply = None if event is None else self._reply(event)
        if reply is None or machine.shown is not None:
            if reply is not None:
                machine.send(reply)
            return None
        machine.sent += len(reply)
        return reply

    def advance(self) -> Coroutine[Any, Any, None] | None:
        """See `gatepost.net.api.Session`. What it returns raises ConnectionError when the connection is gone."""
        work = self._next()
        return None if work is None else self._go_on(work)

    def _next(self) -> Waiting | None:
        """Handles events up to the first that has to wait, and returns what it waits for. A client of many commands
        waits for its turn behind each piece of them, whatever they are.
        """
        machine = self._machine
        while self._work is None and (event := machine.next_event()) is not None:
            if (reply := self._reply(event)) is not None:
                machine.send(reply)
            if self._work is None and self._due and machine.reads:
                self._work = self._flush()
        work, self._work = self._work, None
        return work

    def _reply(self, event: Event) -> bytes | None:
        """Lets the stage handle it: gives the reply that is still to be sent, and notes what is still to be done."""
        machine = self._machine
        if machine.state is not TRANSACTION and self._context.clock() >= self._deadline:
            self.timed_out()  # a client that never stops talking is never idle, so nobody else ends it
            return None
        try:
            outcome = self._stage.handlers[type(event)](self._stage, event)
        except (DomainError, PeerError) as error:
            return machine.voice.failure(error)
        except Exception as error:  # noqa: BLE001 -- one strange message costs its command, and not the whole session
            self._failed(type(event).__name__, error)
            return None
        if isinstance(outcome, bytes):
            return outcome
        if isinstance(outcome, Stage):
            self._stage = outcome
        else:
            self._work = outcome
        return None

    async def _go_on(self, work: Waiting | None) -> None:
        while work is not None:
            try:
                self._stage = await work or self._stage
            except (DomainError, PeerError) as error:
                self._machine.send(self._machine.voice.failure(error))
            except ConnectionError:
                raise
            except Exception as error:  # noqa: BLE001 -- as in `_reply`
                self._failed(getattr(work, "__qualname__", ""), error)
            if self._due and self._machine.reads:
                await self._talk.flow.flush()
            work = self._next()

    def _failed(self, command: str, error: Exception) -> None:
        """Tells the client that a bug of ours stopped its command; the log gets the traceback."""
        machine, login = self._machine, self._record.login
        who = login.account.login if login else ""
        place = (command, self._peer.connection_id, who)
        log.error("a POP3 command failed: %s (connection %s, user %s)", *place, exc_info=error)
        if machine.state is EXCHANGE:
            machine.unnamed()  # the client takes the -ERR for the end of its AUTH
        if machine.state is not CLOSED:
            machine.send(machine.voice.err(texts.TROUBLE))

    @property
    def _due(self) -> bool:
        """It is time to `flush`."""
        return self._machine.full or self._talk.flow.spent

    async def _flush(self) -> Stage | None:
        await self._talk.flow.flush()
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
        self._machine.secured(self._context.first_voice)
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

    def ended(self) -> None:
        if self._machine.state is not CLOSED:
            self._record.ended("ended")
            self._machine.close(self._machine.voice.err(texts.ENDED))

    @property
    def insider(self) -> net.Insider | None:
        """See `gatepost.net.api.Session`."""
        login = self._record.login
        if login is None:
            return None
        account = login.account
        return net.Insider(account.account_id, account.login, login.credential_id, login.credential, login.mechanism)

    def closed(self, reason: str) -> Mapping[str, object]:
        """Without QUIT nothing was deleted (RFC 1939 §6)."""
        self._stage.leave()
        return self._record.fields(self._machine.sent, reason)
