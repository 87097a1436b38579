"""A dialog with a server in its protocol, step by step, with a transcript that holds no secret."""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from secrets import token_urlsafe
from typing import Final

from gatepost.doctor.facts import Capabilities, Ending, Listening, Login, Visit
from gatepost.doctor.look.wire import Heard, Wire
from gatepost.doctor.tongues import Answer, Ask, Tongue, greeting_end
from gatepost.doctor.tongues.sasl import Course
from gatepost.doctor.tongues.secrets import Redactor
from gatepost.doctor.tongues.smtp import address_literal
from gatepost.doctor.tongues.words import REPLY_LIMIT, lines_of, readable

LOGIN_PATIENCE: Final = 3
"""A login may take so many times a step's time: servers delay after failures (2 to 15 s), and it is tried only once."""
_GOODBYE: Final = 1.0
"""Seconds for an answer to QUIT: nothing depends on it."""
_LINES: Final = 40
_LINE: Final = 300
"""A transcript shows so many lines of a reply, and so many characters of a line."""


class Dialog:
    """One conversation. No step raises because of the server; all octets that it returns are cleaned of secrets."""

    __slots__ = ("_redactor", "_timeout", "_tongue", "_wire", "alive", "transcript")

    def __init__(
        self, wire: Wire, tongue: Tongue, redactor: Redactor, timeout: float, transcript: list[str] | None = None
    ) -> None:
        self._wire = wire
        self._tongue = tongue
        self._redactor = redactor
        self._timeout = timeout
        self.alive = True
        """The server answered completely so far."""
        self.transcript = transcript if transcript is not None else []

    async def greeting(self, timeout: float) -> Listening:  # noqa: ASYNC109
        """Whatever the server says first."""
        heard = await self._wire.listen(greeting_end, timeout, REPLY_LIMIT)
        self._note(heard)
        return Listening(heard.listening.ending, self._redactor.clean(heard.octets), heard.first)

    async def ask(self, ask: Ask, timeout: float | None = None) -> Heard:  # noqa: ASYNC109
        """One command and its reply, as it came."""
        return await self.ask_raw(ask.octets, ask, timeout)

    async def ask_raw(self, octets: bytes, ask: Ask, timeout: float | None = None) -> Heard:  # noqa: ASYNC109
        """As `ask`, with other octets for the wire."""
        self.transcript.append(f"C: {self._print(ask.shown.encode('utf-8', 'backslashreplace'))}")
        with suppress(ssl.SSLError, OSError):  # what the server said before it hung up is still to be read
            await self._wire.send(octets, self._timeout)
        heard = await self._wire.listen(
            lambda came: self._tongue.reply_end(ask, came), timeout or self._timeout, REPLY_LIMIT
        )
        self._note(heard)
        return heard

    async def capabilities(self) -> tuple[Capabilities, bytes]:
        """What the server can do, and SMTP's refusal of EHLO or HELO."""
        own_name = address_literal(self._wire.own_address)
        ask = self._tongue.capabilities_ask(own_name)
        heard = await self.ask(ask)
        known = self._tongue.capabilities(heard.octets)
        refusal = b""
        fallback = self._tongue.fallback_ask(own_name)
        if fallback is not None and heard.whole and self._tongue.answer(ask, heard.octets) is not Answer.YES:
            refusal = self._redactor.clean(heard.octets)
            await self.ask(fallback)
        return known, refusal

    async def login(self, known: Capabilities, username: str, password: str) -> Login:
        """Once, by the best mechanism. Only for a connection inside TLS whose certificate was verified."""
        exchange = self._tongue.login(known, username, password, token_urlsafe(24))
        if exchange is None:
            return Login("", False, b"", error="no usable mechanism")
        began = time.monotonic()
        course = Course(exchange)
        ask: Ask | None = course.begin
        error, reply = "", b""
        while ask is not None:
            heard = await self.ask(ask, self._timeout * LOGIN_PATIENCE)
            if not heard.whole:
                error, reply = _unanswered(heard), heard.octets
                break
            ask = course.follow(self._tongue.answer(ask, heard.octets), heard.octets)
        if course.error or not error:
            error, reply = self._redactor.clean(course.error.encode()).decode(), course.reply
        seconds = time.monotonic() - began
        return Login(exchange.mechanism, course.accepted, self._redactor.clean(reply), seconds, error)

    async def visit(self, sender: str) -> Visit | None:
        """The first command is the visit; others end it (RSET)."""
        asks = self._tongue.visit(sender)
        if not asks:
            return None
        first = await self.ask(asks[0])
        for ask in asks[1:]:
            await self.ask(ask)
        accepted = self._tongue.answer(asks[0], first.octets) is Answer.YES
        command = asks[0].shown.removeprefix(f"{asks[0].tag.decode()} ")
        return Visit(command, accepted, self._redactor.clean(first.octets), first.seconds)

    async def listing(self) -> Visit | None:
        """The names by which programs know messages again, as many as fit; None where there are none."""
        ask = self._tongue.listing()
        if ask is None or not self.alive:
            return None
        heard = await self.ask(ask)
        accepted = self._tongue.answer(ask, heard.octets) is Answer.YES
        return Visit(ask.shown, accepted, self._redactor.clean(heard.octets), heard.seconds)

    async def goodbye(self) -> None:
        """Politely, without waiting long, and once."""
        if self.alive:
            self.alive = False
            await self.ask(self._tongue.goodbye, min(self._timeout, _GOODBYE))

    def clean(self, known: Capabilities) -> Capabilities:
        """Capabilities as a fact: without secrets."""
        items = tuple(self._redactor.clean(one.encode()).decode("utf-8", "replace") for one in known.items)
        return Capabilities(known.asked, items, self._redactor.clean(known.octets))

    def _note(self, heard: Heard) -> None:
        self.alive = self.alive and heard.whole
        lines = lines_of(self._redactor.clean(heard.octets)) if heard.octets else []
        self.transcript += [f"S: {self._print(line)}" for line in lines[:_LINES]]
        if len(lines) > _LINES:
            self.transcript.append(f"S: … ({len(lines) - _LINES} more lines)")
        if not heard.whole:
            self.transcript.append(f"S: ({heard.ending.value})")

    def _print(self, octets: bytes) -> str:
        return readable(self._redactor.clean(octets), _LINE)


def _unanswered(heard: Heard) -> str:
    return "timed out" if heard.ending is Ending.SILENT else "closed"
