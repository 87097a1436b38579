"""What is examined, at which addresses, and where the one login goes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from gatepost.doctor.facts import Contact, Discovery, HostNames, Lookup, Outcome, Reach, Source
from gatepost.doctor.judge.pen import between_servers, implicit, session
from gatepost.doctor.judge.records import unexamined
from gatepost.doctor.judge.settings import same_place, username
from gatepost.doctor.judge.trust import trusted
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Question, Status, Target
from gatepost.doctor.names.reading import addresses, nearness
from gatepost.doctor.subject import EXAMINED, service_named
from gatepost.doctor.tongues.speech import Speech, speech
from gatepost.ports import SERVICES, UNPRIVILEGED_OFFSET, Service, TlsMode

TARGETS: Final = 12
"""As many are examined at most: a domain may publish any number."""
ADDRESSES: Final = 4
"""Of one host, but always the first of each family."""
FURTHER: Final = 6
"""Published places beside the targets that are looked at, to tell whether what is published works."""
FURTHER_HOSTS: Final = 2
"""As many other hosts at most: whoever writes a zone must not have the doctor scan strangers."""

_LOGIN_ORDER: Final = ("imaps", "pop3s", "submissions", "imap", "pop3", "submission")
"""Retrieving first: that is where most accounts can log in. TLS from the start first (RFC 8314 §3)."""


def targets_of(question: Question, discovery: Discovery) -> tuple[Target, ...]:
    """What the question asks for: what was found out for an address, the port table's services for a host."""
    found = _of_address(question, discovery) if "@" in question.subject else _of_host(question, question.subject)
    return tuple(dict.fromkeys(found))[:TARGETS]


def _of_address(question: Question, discovery: Discovery) -> list[Target]:
    """A service or port that was asked for, but not found, is looked for where the others are."""
    fitting = [each for each in discovery.targets if _fits(each, question)]
    if fitting or not (question.service or question.port):
        return fitting
    hosts = dict.fromkeys(each.host for each in discovery.targets)
    return [target for host in list(hosts)[:2] for target in _of_host(question, host)]


def _fits(target: Target, question: Question) -> bool:
    same_service = question.service in {"", target.service.name}
    return same_service and question.port in {None, target.port}


def _of_host(question: Question, host: str) -> list[Target]:
    if question.service:
        service = service_named(question.service)
        return [Target(service, host, question.port or service.port)]
    if question.port:
        return [Target(service_at(question.port) or EXAMINED[0], host, question.port)]
    people = [each for each in EXAMINED if question.all_ports or not _is_for_servers(each)]
    return [Target(each, host, each.port) for each in people]


def _is_for_servers(service: Service) -> bool:
    return service.tls is TlsMode.OPPORTUNISTIC


def service_at(port: int) -> Service | None:
    """The service whose port this is, also where it was moved for want of rights; None: any."""
    return next((each for each in EXAMINED if port in {each.port, each.port + UNPRIVILEGED_OFFSET}), None)


def is_guess(target: Target, question: Question) -> bool:
    """Whether nobody said which service it is: only a port was typed, and it is none of the table."""
    return not question.service and target.source == Source.TYPED and service_at(target.port) is None


def heard_instead(contact: Contact) -> Service | None:
    """On a port that says nothing of its service: the one that answers; None: the guess was right, or nobody did."""
    greeting = contact.greeting or contact.plain
    spoken = speech(greeting.octets) if greeting else Speech.NOTHING
    wanted = TlsMode.IMPLICIT if session(contact) else TlsMode.STARTTLS
    fitting = (each for each in SERVICES if each.protocol == spoken.value and each.tls is wanted)
    service = next(fitting, None)
    return None if service is contact.target.service else service


def promised(target: Target, question: Question) -> bool:
    """Whether the service must be there: somebody asked for it, or the domain says so."""
    if question.service or question.port or target.source != Source.TYPED:
        return target.source != Source.COMMON
    return False


def expected(target: Target, question: Question, contacts: Iterable[Contact]) -> bool:
    """Whether it is a failure that the service does not answer. Guesses may be wrong as long as anything answers."""
    contacts = tuple(contacts)
    if promised(target, question):
        return True
    opened = [each.target for each in contacts if each.dial.reach is Reach.OPEN]
    if any(same_place(each, target) for each in opened):
        return True
    return target.service.on and not opened


def main_addresses(names: HostNames, question: Question) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The first address of each family, and the others: those are only connected to."""
    every = addresses(names, question.families)
    first = tuple({(":" in each): each for each in reversed(every)}.values())[::-1]
    others = [each for each in every if each not in first]
    return first, tuple(others[: ADDRESSES - len(first)])


def withheld(names: HostNames, question: Question) -> tuple[str, ...]:
    """Addresses of the host that nobody connects to: private ones, and this machine's, that a domain's records name.

    Whoever writes these records could otherwise have the doctor speak to what only this network reaches, at any port.
    A host that was typed, and what this machine's own hosts file says, is meant so.
    """
    if question.inside or "@" not in question.subject:
        return ()
    lookups = (each for each in (names.v6, names.v4) if each and not each.resolver.startswith("/"))
    return tuple(value for each in lookups for value in each.values if nearness(value))


def reachable(names: HostNames, question: Question) -> HostNames:
    """The host's names without the addresses that are withheld."""
    kept = withheld(names, question)

    def without(lookup: Lookup | None) -> Lookup | None:
        return lookup and replace(lookup, values=tuple(value for value in lookup.values if value not in kept))

    return replace(names, v4=without(names.v4), v6=without(names.v6)) if kept else names


def further_targets(question: Question, discovery: Discovery) -> tuple[Target, ...]:
    """Published places that are not examined for themselves; nothing where only one service is asked for."""
    if "@" not in question.subject:
        return ()
    left = unexamined(discovery)
    known = {each.host for each in discovery.targets}
    strange = [host for host in dict.fromkeys(each.host for each in left) if host not in known][:FURTHER_HOSTS]
    return tuple(each for each in left if each.host in known or each.host in strange)[:FURTHER]


def probed(targets: Iterable[tuple[Target, str]]) -> frozenset[tuple[Target, str]]:
    """Which of these, each with an address, have their TLS versions tried one by one.

    Once for fetching and once for sending at each address, since one program does each there; TLS from the start
    first. So few connections are made: servers and firewalls count them.
    """
    ordered = sorted(targets, key=lambda each: not implicit(each[0]))
    chosen = {(address, target.service.protocol == "smtp"): (target, address) for target, address in reversed(ordered)}
    return frozenset(chosen.values())


def no_discovery(host: str) -> Discovery:
    """Nothing was looked for."""
    return Discovery(host, (), Lookup(host, "MX", Outcome.NODATA), ())


def login_place(
    question: Question, judged: Iterable[tuple[Contact, tuple[Finding, ...]]], discovery: Discovery, book: Book
) -> Contact | None:
    """The contact that gets the one login: trusted, encrypted, verified, without any failure; None: nobody gets it."""
    healthy = [
        contact
        for contact, findings in judged
        if is_named(contact.target.host, question, discovery, book) and _is_safe(contact, findings, question)
    ]
    return min(healthy, key=lambda each: _LOGIN_ORDER.index(each.target.service.name), default=None)


def is_named(host: str, question: Question, discovery: Discovery, book: Book) -> bool:
    """Whether the person, or somebody who can speak for the address's domain, named the host."""
    return host == question.subject or trusted(host, discovery, book)


def _is_safe(contact: Contact, findings: tuple[Finding, ...], question: Question) -> bool:
    if question.secret is None or not username(contact.target, question) or between_servers(contact.target):
        return False
    if question.service not in {"", contact.target.service.name}:
        return False
    failed = any(each.status is Status.FAIL for each in findings)
    done = session(contact)
    return not failed and done is not None and done.verified and contact.greeting is not None


def with_username(target: Target, question: Question) -> Target:
    """The target with the name that the login uses."""
    return replace(target, username=username(target, question))
