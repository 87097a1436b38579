"""Everything about one service at one address: dial, mode, TLS, greeting, capabilities, login, visit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

from msgspec.structs import replace

from gatepost.doctor.facts import Contact, Dial, Ending, Handshake, Listening, Login, Reach, Upgrade
from gatepost.doctor.look import trust
from gatepost.doctor.look.converse import LOGIN_PATIENCE, Dialog
from gatepost.doctor.look.handshake import RESET, TIMED_OUT, shake
from gatepost.doctor.look.injection import command_injected
from gatepost.doctor.look.place import Manners, Place, approach
from gatepost.doctor.look.versions import Probes
from gatepost.doctor.look.wire import EARLY_END, Wire
from gatepost.doctor.model import Question, Target
from gatepost.doctor.tongues import Answer, Speech, Tongue, greeting_end, refuses, speech
from gatepost.doctor.tongues.secrets import Redactor
from gatepost.doctor.tongues.smtp import address_literal
from gatepost.doctor.tongues.words import REPLY_LIMIT

GREETING: Final = 1.8
"""A greeting is waited for so many times a step's time: slow servers are named, not called dead."""
SUSPICION: Final = 0.4
"""After so much of a step's time in silence the other mode is tried, on a connection of its own."""
SLOW: Final = 0.4
"""A greeting that took so much of a step's time, where TLS begins after it, is not waited for once more by others."""
POKED: Final = 0.3
"""A silent server has so much of a step's time to answer a command."""
HEADED: Final = 0.15
"""So much of a step's time for the answer to a PROXY header: it comes at once, or not at all."""
PROXY_HEADER: Final = b"PROXY UNKNOWN\r\n"
"""The first line of HAProxy's protocol, version 1 (its §2.1): a client whose address the balancer does not know."""
PATIENCE: Final = 6.0
"""A whole contact takes so many times a step's time at most, and a login comes on top of it."""
NO_TURN: Final = "not tried in time"
"""`Dial.error` where the end came before a turn or an answer."""


async def contact(
    target: Target,
    address: str,
    question: Question,
    *,
    login: bool = False,
    manners: Manners | None = None,
    thorough: bool = True,
    versions: bool = True,
    patience: float | None = None,
) -> Contact:
    """Looks at `target` at one numeric `address`. A step takes `question.timeout` seconds at most, but a greeting
    `GREETING` times that and a login `converse.LOGIN_PATIENCE` times; all together `patience` seconds, else
    `PATIENCE` times a step's. When they are over, what was seen until then is the answer, and is `unfinished`.

    `login`: try `question.secret` once, inside TLS whose certificate was verified and nowhere else. `manners`: shared
    by all contacts with one address. `thorough`: with the side connections (versions, ciphers, no SNI, injection);
    else one connection is all that a healthy server sees. `versions`: with those for versions, ciphers and no SNI, too,
    where the handshake was done.
    Raises OSError if `question.ca_file` cannot be read, and nothing else.
    """
    trust.verifying(question.ca_file)
    place = Place(target, address, question.timeout, manners or Manners())
    steps = PATIENCE + LOGIN_PATIENCE if login else PATIENCE
    encounter = _Encounter(place, question, login, thorough, versions)
    return await encounter.look(question.timeout * steps if patience is None else patience)


class _Encounter:
    """One contact in the making."""

    def __init__(self, place: Place, question: Question, login: bool, thorough: bool, versions: bool) -> None:
        self._place = place
        target = place.target
        self._question = question
        self._username = target.username or question.user or (question.subject if "@" in question.subject else "")
        self._login = login and question.secret is not None and self._username != ""
        self._thorough = thorough
        self._versions = versions
        self._redactor = Redactor(question.secret.reveal() if question.secret else "")
        self._transcript: list[str] = []
        nobody = Dial(target.host, place.address, target.port, Reach.FAILED, 0.0, NO_TURN)
        self._seen = Contact(target, nobody, unfinished=True)

    async def look(self, patience: float) -> Contact:
        began = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._look()
                self._note(unfinished=False)
        return replace(self._seen, transcript=tuple(self._transcript), seconds=time.monotonic() - began)

    async def _look(self) -> None:
        async with self._place.wire(first=True) as (dial, wire):
            self._note(dial=dial)
            if wire is not None:
                await (self._implicit(wire) if self._place.implicit else self._in_the_clear(wire))

    def _note(self, **facts: object) -> None:
        self._seen = replace(self._seen, **facts)

    def _dialog(self, wire: Wire, tongue: Tongue) -> Dialog:
        return Dialog(wire, tongue, self._redactor, self._place.timeout, self._transcript)

    async def _shake(self, wire: Wire) -> Handshake:
        context = trust.verifying(self._question.ca_file)
        return await shake(wire, context, self._place.target.host, self._place.timeout)

    # -- TLS from the first octet ----------------------------------------------------------------------------

    async def _implicit(self, wire: Wire) -> None:
        handshake = await self._shake_or_listen(wire)
        self._note(handshake=handshake)
        if handshake.done:
            await self._inside(wire, handshake)
            return
        wire.close()  # so that never more than four are open at once
        if handshake.verify_code:
            await self._unverified()
        else:
            self._refuse_login("not encrypted")
            await self._no_tls(wire, handshake)

    async def _shake_or_listen(self, wire: Wire) -> Handshake:
        """If the handshake takes long, a second connection listens in the clear meanwhile."""
        async with asyncio.TaskGroup() as group:
            shaking = group.create_task(self._shake(wire))
            await asyncio.wait([shaking], timeout=self._place.timeout * SUSPICION)
            listening = None if shaking.done() else group.create_task(self._beside_header(self._listen_plain()))
            handshake = await shaking
            if listening is not None and handshake.done:
                listening.cancel()
        return handshake

    async def _no_tls(self, wire: Wire, handshake: Handshake) -> None:
        """What speaks there instead, or what it wants of a client."""
        is_tls = speech(wire.first) is Speech.TLS
        async with asyncio.TaskGroup() as group:
            if not is_tls and self._seen.plain is None:
                group.create_task(self._beside_header(self._listen_plain()))
            if is_tls or handshake.error in (EARLY_END, RESET):
                group.create_task(self._probe(handshake))

    async def _listen_plain(self) -> None:
        """In the clear, on a connection of its own, and with a command if nothing comes."""
        async with self._place.wire() as (_, wire):
            if wire is None:
                return
            heard = await wire.listen(greeting_end, self._place.timeout, REPLY_LIMIT)
            self._note(plain=self._cleaned(heard.listening))
            if heard.listening.ending is Ending.SILENT:
                await self._poke(wire, self._place.timeout * POKED)

    async def _poke(self, wire: Wire, patience: float) -> None:
        """A command and an empty line: so web servers answer too."""
        tongue = self._place.tongue
        words = tongue.capabilities_ask(address_literal(wire.own_address)).octets if tongue else b""
        with suppress(OSError):  # listening tells how it ended
            await wire.send(words + b"\r\n", patience)
        heard = await wire.listen(greeting_end, patience, REPLY_LIMIT)
        self._note(poked=self._cleaned(heard.listening))

    # -- In the clear first ----------------------------------------------------------------------------------

    async def _in_the_clear(self, wire: Wire) -> None:
        tongue = self._place.tongue
        if tongue is None:
            await self._listen_plain()
            return
        dialog = self._dialog(wire, tongue)
        greeting = await self._greeting_or_tls(dialog)
        self._note(plain=greeting)
        if greeting.ending is Ending.OCTETS:
            self._note(greeting=greeting)
            if _welcomes(tongue, greeting):
                await self._upgrade(wire, dialog, tongue)
            await dialog.goodbye()

    async def _greeting_or_tls(self, dialog: Dialog) -> Listening:
        """Waits for the greeting; in long silence tries TLS from the first octet and then a command, elsewhere."""
        timeout = self._place.timeout
        async with asyncio.TaskGroup() as group:
            greeting = group.create_task(dialog.greeting(timeout * GREETING))
            await asyncio.wait([greeting], timeout=timeout * SUSPICION)
            if not greeting.done() and await self._speaks_tls():
                greeting.cancel()
            else:
                await asyncio.wait([greeting], timeout=timeout * SUSPICION)
                if not greeting.done():
                    await self._beside_header(self._poke_elsewhere())
        return Listening(Ending.SILENT, b"", timeout * SUSPICION) if greeting.cancelled() else greeting.result()

    async def _speaks_tls(self) -> bool:
        """Whether the port speaks TLS from the first octet. Waits less than a whole step: it is silent already."""
        async with self._place.wire() as (_, wire):
            if wire is None:
                return False
            context = trust.verifying(self._question.ca_file)
            tried = await shake(wire, context, self._place.target.host, self._place.timeout * SUSPICION)
            self._note(handshake=tried)
            return tried.done or tried.verify_code != 0 or speech(wire.first) is Speech.TLS

    async def _beside_header(self, looking: Coroutine[Any, Any, None]) -> None:
        """Looks, and meanwhile tries a PROXY header; not where there is no turn for it: few servers want one."""
        async with asyncio.TaskGroup() as group:
            if not self._place.manners.is_busy:
                group.create_task(self._behind_header())
            await looking

    async def _behind_header(self) -> None:
        """Whether the port speaks only behind a PROXY header, as servers behind a balancer do."""
        async with self._place.wire() as (_, wire):
            if wire is None or self._place.tongue is None:
                return
            patience = self._place.timeout * HEADED
            with suppress(OSError):  # the answer tells how it ended
                await wire.send(PROXY_HEADER, patience)
            if self._place.implicit:
                tried = await shake(wire, trust.trusting(), self._place.target.host, patience)
                self._note(behind_header=tried.done)
            else:
                heard = await wire.listen(greeting_end, patience, REPLY_LIMIT)
                self._note(behind_header=speech(heard.listening.octets) == self._place.tongue.name)

    async def _poke_elsewhere(self) -> None:
        async with self._place.wire() as (_, wire):
            if wire is not None:
                await self._poke(wire, self._place.timeout * POKED)

    async def _upgrade(self, wire: Wire, dialog: Dialog, tongue: Tongue) -> None:
        """Capabilities, STARTTLS even if it is not offered (it may have been removed on the way), and the handshake."""
        known, refusal = await dialog.capabilities()
        self._note(before_tls=dialog.clean(known), helo_reply=refusal)
        # After PREAUTH it is too late for TLS (RFC 3501 §6.2.1).
        if not dialog.alive or (self._seen.greeting and self._seen.greeting.octets.upper().startswith(b"* PREAUTH")):
            self._refuse_login("not encrypted")
            return
        heard = await dialog.ask(tongue.starttls)
        agreed = heard.whole and tongue.answer(tongue.starttls, heard.octets) is Answer.YES
        extra = wire.take_rest()
        handshake = await self._shake(wire) if agreed else None
        clean = self._redactor.clean
        offered = known.has(tongue.starttls_item)
        self._note(upgrade=Upgrade(offered, clean(heard.octets), agreed, clean(extra), handshake))
        if handshake is None:
            self._refuse_login("not encrypted")
            return
        if handshake.done:
            await self._inside(wire, handshake, dialog)
            return
        dialog.alive = False
        wire.close()
        if handshake.verify_code:
            await self._unverified()
        else:
            await self._probe(handshake)

    # -- Inside TLS ------------------------------------------------------------------------------------------

    async def _unverified(self) -> None:
        """Once more, trusting anybody: to see the certificate and what the server offers, never to log in."""
        self._refuse_login("certificate not trusted")
        async with self._place.wire() as (_, wire):
            if wire is None or not await approach(self._place, wire):
                return
            done = await shake(wire, trust.trusting(), self._place.target.host, self._place.timeout)
            self._note(unverified=done)
            if done.done:
                await self._inside(wire, done)

    async def _inside(self, wire: Wire, handshake: Handshake, dialog: Dialog | None = None) -> None:
        """The dialog, and then, when its turn is free for others, the side connections."""
        tongue = self._place.tongue
        if tongue is not None:
            own = dialog or self._dialog(wire, tongue)
            await self._talk(own, tongue, trusted=handshake.verified)
            await own.goodbye()
        wire.close()
        if wire.failure:
            self._blame_handshake(handshake, wire.failure)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._probe(handshake))
            if tongue is not None and not self._place.implicit and self._has_time and _is_named(self._question):
                group.create_task(self._inject(tongue))

    async def _talk(self, dialog: Dialog, tongue: Tongue, *, trusted: bool) -> None:
        if self._place.implicit:
            greeting = await dialog.greeting(self._place.timeout * GREETING)
            self._note(greeting=greeting)
            if not _welcomes(tongue, greeting):
                dialog.alive = False
                return
        known, refusal = await dialog.capabilities()
        self._note(inside_tls=dialog.clean(known), helo_reply=refusal or self._seen.helo_reply)
        secret = self._question.secret
        if not (self._login and trusted and dialog.alive and secret is not None):
            return
        self._note(login=Login("", False, b"", error="timed out"))  # in case that the end of all comes first
        login = await dialog.login(known, self._username, secret.reveal())
        self._note(login=login)
        if login.accepted and dialog.alive:
            self._note(visit=await dialog.visit(self._question.sender))
            self._note(listing=await dialog.listing())

    def _refuse_login(self, error: str) -> None:
        if self._login:
            self._note(login=Login("", False, b"", error=error))

    def _blame_handshake(self, handshake: Handshake, failure: str) -> None:
        """In TLS 1.3 a server refuses a client only after the client's handshake is done (RFC 8446 §4.4.2.4)."""
        blamed = replace(handshake, error=failure)
        if self._seen.unverified is not None:
            self._note(unverified=blamed)
        elif self._seen.upgrade is not None:
            self._note(upgrade=replace(self._seen.upgrade, handshake=blamed))
        else:
            self._note(handshake=blamed)

    # -- Beside it -------------------------------------------------------------------------------------------

    @property
    def _has_time(self) -> bool:
        """Whether there are to be side connections: each of them would have to wait for the greeting, too."""
        greeting = None if self._place.implicit else self._seen.greeting
        return self._thorough and (greeting is None or greeting.seconds < self._place.timeout * SLOW)

    async def _probe(self, known: Handshake) -> None:
        """TLS versions, weak ciphers, no SNI: whatever the handshake leaves open."""
        if known.error == TIMED_OUT or not self._has_time or (known.done and not self._versions):
            return
        probes = Probes(self._place)

        async def without_sni() -> None:
            self._note(without_sni=await probes.without_sni())

        async with asyncio.TaskGroup() as group:
            group.create_task(without_sni())
            self._note(versions=await probes.versions(known))

    async def _inject(self, tongue: Tongue) -> None:
        injected = await command_injected(self._place, tongue)
        assert self._seen.upgrade is not None
        self._note(upgrade=replace(self._seen.upgrade, command_injected=injected))

    def _cleaned(self, listening: Listening) -> Listening:
        return replace(listening, octets=self._redactor.clean(listening.octets))


def _welcomes(tongue: Tongue, greeting: Listening) -> bool:
    """Whether it is worth talking on: our protocol, and no refusal."""
    return speech(greeting.octets) == tongue.name and not refuses(greeting.octets)


def _is_named(question: Question) -> bool:
    """Whether the person means this very service or host; others' servers get no test that looks like an attack."""
    return bool(question.service) or "@" not in question.subject
