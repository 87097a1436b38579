"""Lets those who look do their work: everything at once, nothing without an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from gatepost.doctor.examine.plan import (
    expected,
    further_targets,
    heard_instead,
    is_guess,
    main_addresses,
    no_discovery,
    probed,
    reachable,
    targets_of,
    with_username,
)
from gatepost.doctor.examine.roles import Finder, Looker
from gatepost.doctor.examine.seen import Place, Seen
from gatepost.doctor.facts import Contact, Dial, Discovery, HostNames, Login, Lookup, Outcome, Reach, Surroundings
from gatepost.doctor.judge.names import BAD
from gatepost.doctor.judge.pen import between_servers, session
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Progress, Question, Stage, Status, Target

USUAL: Final = 5.0
"""Seconds of `Question.timeout` that the other times here are meant for; they grow with it."""
WHOLE: Final = 9.5
"""Seconds until everything but a login must be over when nothing answers."""
DISCOVERY: Final = 3.5
NAMES: Final = 3.5
CONTACTS: Final = 8.5
"""For one contact with a server that lets us in and then keeps us waiting, all its attempts together."""
WELL_KNOWN: Final = ("a.root-servers.net", "A")
"""A question that every name server with a way to the Internet can answer, and that tells nobody anything."""
NOWHERE: Final = ("no-such-host.invalid", "A")
"""A name that there cannot be (RFC 6761 §6.4): who answers with an address does so whatever is asked."""
MOMENT: Final = 0.2
"""Those who look have to be done a little before, to hand over what they saw."""
AROUND: Final = 3.0
LOGIN: Final = 25.0
"""A login is tried once, so its answer is waited for: servers that count failures make one wait long."""
AFTERWARDS: Final = 2.0

T = TypeVar("T")


@dataclass(slots=True)
class Stages:
    """The asynchronous half of an examination."""

    question: Question
    resolver: Any
    others: tuple[Any, ...]
    book: Book
    looker: Looker
    finder: Finder
    watch: Callable[[Progress], None]
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    # -- What is there -------------------------------------------------------------------------------------

    async def discover(self, subject: str) -> Discovery:
        """What is known of an address or domain; nothing in time is nothing found."""
        self._tell(Stage.DISCOVERY, subject, "discovery")
        asked = self.finder.discover(subject, self.resolver, self.book, self.question.families)
        late = replace(no_discovery(subject.rpartition("@")[2]), mx=_unanswered(subject.rpartition("@")[2], "MX"))
        found = await _within(self._scaled(DISCOVERY), asked, late)
        self._tell(Stage.DISCOVERY, subject, "discovery", Status.PASS if found.targets else Status.INFO)
        return found

    async def look(self, seen: Seen) -> None:
        """Names and contacts of all targets."""
        seen.targets = targets_of(self.question, seen.discovery)
        more = further_targets(self.question, seen.discovery)
        hosts = dict.fromkeys(each.host for each in (*seen.targets, *more))
        senders = {each.host for each in seen.targets if between_servers(each)}
        found = await _all(self._names(host, reverse=host in senders) for host in hosts)
        seen.names = {each.host: each for each in found}
        near = {each.host: reachable(each, self.question) for each in found}
        firsts = [(each, main_addresses(near[each.host], self.question)) for each in seen.targets]
        chosen = probed((target, address) for target, (first, _) in firsts for address in first)
        contacts = _all(self._contacts(target, *places, chosen) for target, places in firsts)
        glances = _all(
            self._glance(each, address)
            for each in more
            for address in main_addresses(near[each.host], self.question)[0]
        )
        groups, seen.others = await asyncio.gather(contacts, glances)
        seen.contacts = [each for group in groups for each in group]

    async def _names(self, host: str, *, reverse: bool) -> HostNames:
        self._tell(Stage.NAMES, host, "names")
        families = self.question.families
        late = HostNames(
            host,
            _unanswered(host, "A") if 4 in families else None,
            _unanswered(host, "AAAA") if 6 in families else None,
        )
        asked = self.finder.host_names(host, self.resolver, families, self.others, reverse=reverse)
        found = await _within(self._scaled(NAMES), asked, late)
        # An examination finds its values again by the name that it asked for.
        return replace(found, host=host)

    async def _contacts(
        self,
        target: Target,
        first: tuple[str, ...],
        others: tuple[str, ...],
        chosen: frozenset[tuple[Target, str]],
    ) -> list[Contact]:
        """The first address of each family thoroughly, others with one connection each."""
        seen = [self._contact(target, address, versions=(target, address) in chosen) for address in first]
        glances = [self._glance(target, address) for address in others]
        return list(await _all([*seen, *glances]))

    async def _contact(self, target: Target, address: str, *, versions: bool) -> Contact:
        where = f"{target.where} ({address})"
        self._tell(Stage.REACH, where, "contact")
        question = replace(self.question, timeout=self._step())
        end = asyncio.get_running_loop().time() + self._scaled(CONTACTS)
        seen = await self._until(end, target, address, question, thorough=True, versions=versions)
        if is_guess(target, self.question) and (service := heard_instead(seen)):
            target = replace(target, service=service)
            again = await self._until(end, target, address, question, thorough=True, versions=versions)
            # Where the time is over before anything was seen, what is known holds.
            seen = again if again.dial.reach is Reach.OPEN else replace(seen, target=target)
        status = Status.PASS if seen.dial.reach is Reach.OPEN else Status.INFO
        self._tell(Stage.REACH, where, "contact", status)
        return seen

    async def _glance(self, target: Target, address: str) -> Contact:
        question = replace(self.question, timeout=self._step())
        end = asyncio.get_running_loop().time() + self._scaled(CONTACTS)
        return await self._until(end, target, address, question, thorough=False, versions=False)

    async def _until(
        self, end: float, target: Target, address: str, question: Question, *, thorough: bool, versions: bool
    ) -> Contact:
        """What was seen until the loop's clock says `end`. A looker that does not keep to it saw nothing."""
        left = max(MOMENT, end - asyncio.get_running_loop().time())
        text = self.book.phrase("progress.too_long")
        late = Contact(target, Dial(target.host, address, target.port, Reach.FAILED, left, text), seconds=left)
        looking = self.looker.contact(
            target, address, question, login=False, thorough=thorough, versions=versions, patience=left - MOMENT / 2
        )
        return await _within(left, looking, late)

    # -- When something failed -----------------------------------------------------------------------------

    async def find_out_why(self, seen: Seen, domain: str) -> None:
        """What can be seen beside failures. `domain`: what was typed as a host, but may be one of mail, or empty."""

        async def look_nowhere() -> None:
            if seen.contacts and not any(map(_is_verified, seen.contacts)):
                seen.nowhere = await _within(self._scaled(AFTERWARDS), self._ask(*NOWHERE), _unanswered(*NOWHERE))

        async def look_outside() -> None:
            if not seen.contacts and _knows_nothing(seen):
                asked = self._ask(*WELL_KNOWN)
                seen.outside = await _within(self._scaled(AFTERWARDS), asked, _unanswered(*WELL_KNOWN))

        async def discover() -> None:
            if domain:
                seen.discovery = await self.discover(domain)

        await _all([self._look_around(seen), discover(), look_outside(), look_nowhere()])

    async def _ask(self, name: str, kind: str) -> Lookup:
        """Of the name server itself; without one nothing is answered."""
        return _unanswered(name, kind) if self.resolver is None else await self.resolver.ask(name, kind)

    async def _look_around(self, seen: Seen) -> None:
        """Once for each address where something that should answer does not."""
        failed: dict[Place, Contact] = {}
        for contact in seen.contacts:
            if contact.dial.reach not in {Reach.OPEN, Reach.FORBIDDEN} and self._matters(contact, seen):
                failed.setdefault((contact.target.host, contact.dial.address), contact)
        near = {host: reachable(names, self.question) for host, names in seen.names.items()}
        found = await _all(self._around(contact, near[contact.target.host]) for contact in failed.values())
        seen.around = dict(zip(failed, found, strict=True))

    def _matters(self, contact: Contact, seen: Seen) -> bool:
        return expected(contact.target, self.question, _of_host(seen.contacts, contact.target.host))

    async def _around(self, contact: Contact, names: HostNames) -> Surroundings:
        target, address = contact.target, contact.dial.address
        self._tell(Stage.REACH, f"{target.where} ({address})", "surroundings")
        left = max(1.0, min(self._scaled(AROUND), self._left()))
        # Those who look give each connection a part of a step's time.
        question = replace(self.question, timeout=min(self.question.timeout, left))
        asked = self.looker.surroundings(target, address, names, question)
        return await _within(left, asked, Surroundings())

    # -- The login -----------------------------------------------------------------------------------------

    async def log_in(self, seen: Seen, place: Contact) -> None:
        """Once. If it fails, the port is tried again without it: servers shut out those who fail."""
        target = place.target
        self._tell(Stage.LOGIN, target.where, "login")
        asked = self.looker.contact(
            with_username(target, self.question), place.dial.address, self.question, login=True, thorough=False
        )
        late = replace(place, login=Login("", False, b"", self._scaled(LOGIN), "timed out"))
        found = _with_side_connections(await _within(self._scaled(LOGIN), asked, late), place)
        if found.dial.reach is not Reach.OPEN:
            seen.shut_out = True
            seen.afterwards.append(Contact(target, found.dial))
            self._tell(Stage.LOGIN, target.where, "login", Status.SKIP)
            return
        seen.contacts[seen.contacts.index(place)] = found
        seen.login = found
        accepted = found.login is not None and found.login.accepted
        self._tell(Stage.LOGIN, target.where, "login", Status.PASS if accepted else Status.FAIL)
        if found.login and not accepted:
            again = await self.looker.dial(target.host, place.dial.address, target.port, AFTERWARDS)
            seen.afterwards.append(Contact(target, again))

    # -- Time ----------------------------------------------------------------------------------------------

    def _scaled(self, seconds: float) -> float:
        """More for those who asked for more patience."""
        return seconds * max(1.0, self.question.timeout / USUAL)

    def _left(self) -> float:
        return self._scaled(WHOLE) - (asyncio.get_running_loop().time() - self.began)

    def _step(self) -> float:
        """Seconds for a step of a contact: what the person said, less if finding the servers took long."""
        return max(min(2.0, self.question.timeout), min(self.question.timeout, self._left() - 1.5))

    def _tell(self, stage: Stage, subject: str, phrase: str, status: Status | None = None) -> None:
        self.watch(Progress(stage, subject, self.book.phrase(f"progress.{phrase}"), status))


def _knows_nothing(seen: Seen) -> bool:
    """Whether the name server gave no answer, and was not only silent: then it may be this name's own trouble."""
    hosts = [each for names in seen.names.values() for each in (names.v4, names.v6) if each] or [seen.discovery.mx]
    return all(each.outcome in BAD for each in hosts) and any(each.outcome is not Outcome.TIMED_OUT for each in hosts)


def _is_verified(contact: Contact) -> bool:
    done = session(contact)
    return done is not None and done.verified


def _of_host(contacts: Iterable[Contact], host: str) -> list[Contact]:
    return [each for each in contacts if each.target.host == host]


def _with_side_connections(found: Contact, before: Contact) -> Contact:
    """The contact that logged in, with what is known of the service from before: nothing is asked twice."""
    upgrade = found.upgrade
    if upgrade and before.upgrade:
        upgrade = replace(upgrade, command_injected=before.upgrade.command_injected)
    return replace(
        found, target=before.target, upgrade=upgrade, versions=before.versions, without_sni=before.without_sni
    )


def _unanswered(name: str, kind: str) -> Lookup:
    return Lookup(name, kind, Outcome.TIMED_OUT)


async def _within(seconds: float, asked: Coroutine[Any, Any, T], late: T) -> T:
    """The answer, or `late` when it does not come in time."""
    try:
        async with asyncio.timeout(seconds):
            return await asked
    except TimeoutError:
        return late


async def _all(asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All at once; when one raises, the others are cancelled and its exception comes out as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in asked]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
