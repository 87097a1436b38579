"""Joins a dialog, a connection and a desk: carries out what the dialog wants, in order, until it is over."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, assert_never

from gatepost.doctor.facts import Contact, Dial, Ending, Handshake
from gatepost.doctor.facts import Upgrade as Upgraded
from gatepost.doctor.model import Secret, Target
from gatepost.doctor.talk import stream
from gatepost.doctor.talk.counsel import Counsel
from gatepost.doctor.talk.desk import Desk
from gatepost.doctor.talk.dialog import Dialog
from gatepost.doctor.talk.effects import AskLogin, Channel, Effect, Hang, Send, Show, Tone, Upgrade
from gatepost.doctor.talk.stream import Stream
from gatepost.doctor.tongues.smtp import address_literal
from gatepost.ports import TlsMode

FINE: Final = 0
FAILED: Final = 2
"""A command was refused (in a pipe), or the server broke off."""
NOT_REACHED: Final = 3

_MOMENT: Final = 1.5
"""Seconds after which a person may type although an answer is owed."""
_FAREWELL: Final = 5.0
"""Seconds for an answer to our own goodbye behind Ctrl-C, whatever else the server says meanwhile."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for on the command line."""

    target: Target
    families: tuple[int, ...] = (6, 4)
    ca_file: str = ""
    seconds: float = 30.0
    """How long to wait for each answer."""
    starttls: bool = True
    insecure: bool = False
    pipeline: bool = False
    user: str = ""


class _RefusedError(Exception):
    """We refused the certificate."""

    def __init__(self, handshake: Handshake) -> None:
        super().__init__()
        self.handshake = handshake


async def talk(plan: Plan, desk: Desk) -> int:
    """The whole dialog; returns the exit code. Raises NotReachedError."""
    ours = asyncio.current_task()
    assert ours
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(ending, ours.cancel)
    try:
        return await _Session(plan, desk, None).run()
    except _RefusedError as refused:
        # OpenSSL ends a connection whose certificate it refuses: to go on, and to show it, takes another one.
        return await _Session(plan, desk, refused.handshake).run()


class _Session:
    """One connection."""

    def __init__(self, plan: Plan, desk: Desk, refused: Handshake | None) -> None:
        """`refused`: a first handshake, in which we refused the certificate; now we take any."""
        self._plan, self._desk, self._refused = plan, desk, refused
        self._counsel = Counsel(plan.target.service.protocol)
        self._over = False
        self._input_over = False
        self._dial: Dial
        self._stream: Stream
        self._dialog: Dialog
        self._line: asyncio.Task[str | None] | None = None
        self._octets: asyncio.Task[bytes | Ending] | None = None
        self._interrupted = asyncio.Event()
        self._delay = 0
        """How long this answer is late: 0, 1 (a moment) or 2 (the time is over)."""
        self._late = False
        self._leave_at: float | None = None
        """The loop's time at which a dialog that is ending is over."""

    async def run(self) -> int:
        self._dial, self._stream = await stream.reach(self._plan.target, self._plan.families, self._plan.seconds)
        loop = asyncio.get_running_loop()
        try:
            dial, again = self._dial, "; now any certificate is taken, to see it" if self._refused else ""
            where = f"{dial.host} ({dial.address})" if dial.host != dial.address else dial.address
            self._note(f"Connected to {where}, port {dial.port}{again}.")
            await self._begin()
            loop.add_signal_handler(signal.SIGINT, self._interrupted.set)
            await self._converse()
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            await self._stop(self._line, self._octets)
            self._stream.close()
        return self._code()

    async def _begin(self) -> None:
        plan, service = self._plan, self._plan.target.service
        implicit = service.tls is TlsMode.IMPLICIT
        channel = await self._secured() if implicit else Channel()
        if not implicit and not plan.starttls:
            self._warn("This dialog stays in the clear: everybody on the way can read it.")
        self._dialog = Dialog(
            service.protocol,
            channel,
            own_name=address_literal(self._stream.own_address),
            insecure=plan.insecure,
            upgrade=not implicit and plan.starttls,
            consult=self._counsel.refusal,
        )

    async def _secured(self) -> Channel:
        """TLS, told to the person. Raises NotReachedError, _RefusedError."""
        plan, refused, now = self._plan, self._refused, stream.clock()
        shaken = await stream.secure(self._stream, plan.target, plan.ca_file, plan.seconds, check=refused is None)
        if shaken.verify_code:
            raise _RefusedError(shaken)
        if not shaken.done:
            raise stream.no_tls(plan.target, shaken, self._stream.first)
        channel = stream.channel(shaken, refused.verify_message.rstrip(".") if refused else "", now)
        self._desk.show(Show(channel.facts[0], Tone.NOTE if channel.verified else Tone.WARNING))
        for fact in channel.facts[1:-1]:
            self._note(fact)
        if refused:
            upgrade = Upgraded(offered=True, agreed=True, handshake=refused)
            seen = Contact(plan.target, self._dial, handshake=refused, unverified=shaken, upgrade=upgrade)
            for sentence in self._counsel.certificate(seen, now):
                self._note(sentence)
        return channel

    # -- The loop -------------------------------------------------------------------------------------------

    async def _converse(self) -> None:
        interrupt = asyncio.create_task(self._interrupted.wait())
        try:
            while not self._over:
                await self._turn(interrupt)
                if interrupt.done():
                    self._interrupted.clear()
                    interrupt = asyncio.create_task(self._interrupted.wait())
        finally:
            await self._stop(interrupt)

    async def _turn(self, interrupt: asyncio.Task[bool]) -> None:
        """Waits for one thing to happen, and does what follows from it."""
        if self._octets is None:
            self._octets = asyncio.create_task(self._stream.receive())
        # Who waits long enough at a terminal may type on: perhaps the server has a reply of a form we do not know.
        pipeline = self._plan.pipeline or (self._desk.interactive and self._delay > 0)
        if self._line is None and not self._input_over and self._dialog.ready(pipeline=pipeline):
            self._line = asyncio.create_task(self._desk.line(self._dialog))
        wait = {task for task in (self._octets, self._line, interrupt) if task is not None}
        done, _ = await asyncio.wait(wait, timeout=self._remaining(), return_when=asyncio.FIRST_COMPLETED)
        if not done:
            self._is_late()
        elif self._leave_at is not None and self._remaining() == 0.0:
            self._warn("The server does not come to an end; the connection is closed.")
            self._over = self._late = True
            return
        if self._octets in done:
            await self._came()
        if interrupt in done:
            self._end_within(_FAREWELL)
            await self._do(self._dialog.leave())
        if self._line in done and not self._over:
            await self._was_typed()
        if self._input_over and not self._dialog.leaving and (self._desk.interactive or not self._dialog.waiting):
            await self._do(self._dialog.leave())

    async def _came(self) -> None:
        assert self._octets
        came, self._octets = self._octets.result(), None
        self._delay = 0
        if isinstance(came, bytes):
            await self._do(self._dialog.received(came))
            return
        self._over = True
        why = f" ({self._stream.failure})" if self._stream.failure else ""
        how = "broke" if came is Ending.RESET else "closed"
        for effect in self._dialog.closed(f"The server {how} the connection{why}."):
            await self._effect(effect, typed=False)

    async def _was_typed(self) -> None:
        assert self._line
        line, self._line = self._line.result(), None
        if line is None:
            self._input_over = True
            return
        typed = self._desk.interactive
        for effect in self._dialog.typed(line):
            await self._effect(effect, typed=typed)

    def _remaining(self) -> float | None:
        """Seconds to wait for the next thing; None: for ever."""
        seconds = self._patience() if self._dialog.waiting else None
        if self._dialog.ending:
            self._end_within(self._plan.seconds)
        if self._leave_at is None:
            return seconds
        left = max(0.0, self._leave_at - asyncio.get_running_loop().time())
        return left if seconds is None else min(left, seconds)

    def _end_within(self, seconds: float) -> None:
        """A server that talks on and on must not hold us: only silence ends `_patience`."""
        if self._leave_at is None:
            self._leave_at = asyncio.get_running_loop().time() + min(seconds, self._plan.seconds)

    def _patience(self) -> float | None:
        if not self._desk.interactive or self._dialog.leaving or not self._dialog.greeted:
            return self._plan.seconds
        return (min(_MOMENT, self._plan.seconds), self._plan.seconds, None)[self._delay]

    def _is_late(self) -> None:
        if not self._dialog.greeted:
            raise stream.silent(self._plan.target, self._plan.seconds)
        if self._desk.interactive and not self._dialog.leaving:
            self._delay += 1
            if self._delay == 2:
                self._warn(f"No answer for {self._plan.seconds:g} seconds; still waiting. Ctrl-C ends.")
            return
        self._warn(f"No answer for {self._plan.seconds:g} seconds.")
        self._over = self._late = True

    # -- Effects --------------------------------------------------------------------------------------------

    async def _do(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            await self._effect(effect, typed=False)

    async def _effect(self, effect: Effect, *, typed: bool) -> None:
        match effect:
            case Show():
                self._desk.show(effect)
            case Send(octets):
                self._desk.sent(effect, typed=typed)
                await self._send(octets)
            case Upgrade():
                await self._do(self._dialog.upgraded(await self._secured()))
            case AskLogin(name, mechanism):
                await self._log_in(name or self._plan.user, mechanism)
            case Hang():
                self._over = True
            case other:
                assert_never(other)

    async def _send(self, octets: bytes) -> None:
        try:
            await self._stream.send(octets, self._plan.seconds)
        except OSError:
            # What the server said before it went away comes with the next octets, and its end behind them.
            return

    async def _log_in(self, name: str, mechanism: str) -> None:
        named = name or await self._ask("User name", secret=False)
        password = await self._ask("Password", secret=True) if named else None
        if not named or not password:
            self._note("No login: a name and a password are needed.")
            return
        nonce = secrets.token_urlsafe(24)
        await self._do(self._dialog.login(named, Secret(password), mechanism, nonce))

    async def _ask(self, question: str, *, secret: bool) -> str | None:
        """The answer; None when Ctrl-C was pressed instead."""
        answer = asyncio.create_task(self._desk.ask(question, secret=secret))
        interrupt = asyncio.create_task(self._interrupted.wait())
        await asyncio.wait((answer, interrupt), return_when=asyncio.FIRST_COMPLETED)
        given = answer.result() if answer.done() else None
        self._interrupted.clear()
        await self._stop(answer, interrupt)
        return given

    # -- The end --------------------------------------------------------------------------------------------

    def _code(self) -> int:
        if not self._dialog.greeted:
            return NOT_REACHED
        refused = self._dialog.refused and not self._desk.interactive
        return FAILED if refused or self._late or self._dialog.broken else FINE

    async def _stop(self, *tasks: asyncio.Task[Any] | None) -> None:
        running = [task for task in tasks if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _note(self, text: str) -> None:
        self._desk.show(Show(text, Tone.NOTE))

    def _warn(self, text: str) -> None:
        self._desk.show(Show(text, Tone.WARNING))
