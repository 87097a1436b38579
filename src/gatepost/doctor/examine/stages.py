"""Lets those who look do their work: everything at once, nothing without an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from gatepost.doctor.examine.plan import (
    expected,
    heard_instead,
    is_guess,
    main_addresses,
    no_discovery,
    targets_of,
    with_username,
)
from gatepost.doctor.examine.roles import Finder, Looker
from gatepost.doctor.facts import Contact, Dial, Discovery, HostNames, Login, Lookup, Outcome, Reach, Surroundings
from gatepost.doctor.judge.pen import between_servers
from gatepost.doctor.judge.records import unexamined
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Progress, Question, Stage, Status, Target

USUAL: Final = 5.0
"""Seconds of `Question.timeout` that the other times here are meant for; they grow with it."""
WHOLE: Final = 9.5
"""Seconds until everything but a login must be over when nothing answers."""
DISCOVERY: Final = 3.5
NAMES: Final = 3.5
CONTACTS: Final = 9.0
"""For one contact with a server that lets us in and then keeps us waiting."""
AROUND: Final = 3.0
LOGIN: Final = 25.0
"""A login is tried once, so its answer is waited for: servers that count failures make one wait long."""
AFTERWARDS: Final = 2.0

T = TypeVar("T")
Place = tuple[str, str]
"""Host and address."""


@dataclass(slots=True)
class Seen:
    """The facts of an examination, as they come."""

    discovery: Discovery
    names: dict[str, HostNames] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    contacts: list[Contact] = field(default_factory=list)
    others: list[Contact] = field(default_factory=list)
    """With places that are published, but are not examined for themselves."""
    afterwards: list[Contact] = field(default_factory=list)
    """Made after a login that failed."""
    around: dict[Place, Surroundings] = field(default_factory=dict)
    login: Contact | None = None


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
        more = unexamined(seen.discovery) if "@" in self.question.subject else ()
        hosts = dict.fromkeys(each.host for each in (*seen.targets, *more))
        senders = {each.host for each in seen.targets if between_servers(each)}
        found = await _all(self._names(host, reverse=host in senders) for host in hosts)
        seen.names = {each.host: each for each in found}
        wanted = [(each, seen.names[each.host]) for each in (*seen.targets, *more)]
        contacts = await _all(self._contacts(target, names) for target, names in wanted)
        seen.contacts = [each for group in contacts[: len(seen.targets)] for each in group]
        seen.others = [each for group in contacts[len(seen.targets) :] for each in group]

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

    async def _contacts(self, target: Target, names: HostNames) -> list[Contact]:
        """The first address of each family thoroughly, others with one connection each."""
        first, others = main_addresses(names, self.question)
        seen = [self._contact(target, address) for address in first]
        glances = [self._glance(target, address) for address in others]
        return list(await _all([*seen, *glances]))

    async def _contact(self, target: Target, address: str) -> Contact:
        where = f"{target.where} ({address})"
        self._tell(Stage.REACH, where, "contact")
        question = replace(self.question, timeout=self._step())
        seen = await self._bounded(
            CONTACTS, self.looker.contact(target, address, question, login=False), target, address
        )
        if is_guess(target, self.question) and (service := heard_instead(seen)):
            target = replace(target, service=service)
            again = self.looker.contact(target, address, question, login=False)
            seen = await self._bounded(CONTACTS, again, target, address)
        status = Status.PASS if seen.dial.reach is Reach.OPEN else Status.INFO
        self._tell(Stage.REACH, where, "contact", status)
        return seen

    async def _glance(self, target: Target, address: str) -> Contact:
        question = replace(self.question, timeout=self._step())
        looking = self.looker.contact(target, address, question, login=False, thorough=False)
        return await self._bounded(CONTACTS, looking, target, address)

    async def _bounded(
        self, seconds: float, looking: Coroutine[Any, Any, Contact], target: Target, address: str
    ) -> Contact:
        """The contact, or one that says that it took too long."""
        taken = self._scaled(seconds)
        text = self.book.phrase("progress.too_long")
        late = Contact(target, Dial(target.host, address, target.port, Reach.FAILED, taken, text), seconds=taken)
        return await _within(taken, looking, late)

    # -- When something failed -----------------------------------------------------------------------------

    async def find_out_why(self, seen: Seen, domain: str) -> None:
        """What can be seen beside failures. `domain`: what was typed as a host, but may be one of mail, or empty."""

        async def discover() -> None:
            if domain:
                seen.discovery = await self.discover(domain)

        await _all([self._look_around(seen), discover()])

    async def _look_around(self, seen: Seen) -> None:
        """Once for each address where something that should answer does not."""
        failed: dict[Place, Contact] = {}
        for contact in seen.contacts:
            if contact.dial.reach not in {Reach.OPEN, Reach.FORBIDDEN} and self._matters(contact, seen):
                failed.setdefault((contact.target.host, contact.dial.address), contact)
        found = await _all(self._around(contact, seen.names[contact.target.host]) for contact in failed.values())
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
        if found.login is None and found.dial.reach is not Reach.OPEN:
            found = replace(place, login=Login("", False, b"", error=found.dial.error or found.dial.reach))
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
