"""Published settings against each other and the live servers: row D12, D29 for what does not work, D31 if all does.

draft-ietf-mailmaint-autoconfig demands that a published configuration works; stale records are the usual cause when
new mail programs fail where old ones go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from gatepost.doctor.facts import Contact, Discovery, Publication, Reach
from gatepost.doctor.judge.limits import limited
from gatepost.doctor.judge.settings import same_place, worked
from gatepost.doctor.judge.trust import PUBLISHED, foreign_hosts
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Confidence, Finding, Status, Target


def judge(discovery: Discovery, contacts: tuple[Contact, ...], book: Book) -> tuple[Finding, ...]:
    """What is wrong with the records; one PASS if there are any that were tested and all is well."""
    published = [each for each in discovery.publications if each.source in PUBLISHED and each.targets]
    found = (*_differing(discovery, published, contacts, book), *_not_working(discovery, published, contacts, book))
    tested = [target for each in published for target in each.targets if _at(target, contacts)]
    if found or not tested:
        return found
    where = "; ".join(dict.fromkeys(each.where for each in published))
    status = Status.INFO if foreign_hosts(tested, discovery, book) else None
    return (book.finding("D31", subject=discovery.domain, evidence=where, domain=discovery.domain, status=status),)


def unexamined(discovery: Discovery) -> tuple[Target, ...]:
    """Published targets that are not among those to be examined, each place once: to be tried for D29 too."""
    found: list[Target] = []
    published = (target for each in discovery.publications if each.source in PUBLISHED for target in each.targets)
    for each in published:
        if not any(same_place(each, other) for other in (*discovery.targets, *found)):
            found.append(each)
    return tuple(found)


def _differing(
    discovery: Discovery, published: list[Publication], contacts: tuple[Contact, ...], book: Book
) -> Iterator[Finding]:
    """D12: two sources name different servers for one service. A warning; but information if both are seen to work."""
    services = dict.fromkeys(target.service.name for each in published for target in each.targets)
    for service in services:
        said = {source: places for source, places in _by_source(published, service).items() if places}
        if len(said) < 2 or frozenset.intersection(*said.values()):
            continue
        works = all(_works(place, service, contacts) for places in said.values() for place in places)
        differences = "; ".join(f"{source}: {_list(places)}" for source, places in said.items())
        yield book.finding(
            "D12", subject=f"{service} {discovery.domain}", status=Status.INFO if works else Status.WARN,
            evidence=differences, domain=discovery.domain, differences=differences,
        )  # fmt: skip


def _by_source(published: list[Publication], service: str) -> dict[str, frozenset[tuple[str, int]]]:
    """Host and port that each source names for the service."""
    sources = dict.fromkeys(each.source for each in published)
    return {
        source.value: frozenset(
            (target.host, target.port)
            for each in published
            if each.source is source
            for target in each.targets
            if target.service.name == service
        )
        for source in sources
    }


def _list(places: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{host}:{port}" for host, port in sorted(places))


def _works(place: tuple[str, int], service: str, contacts: tuple[Contact, ...]) -> bool:
    here = (each for each in contacts if (each.target.host, each.target.port) == place)
    return any(worked(each) for each in here if each.target.service.name == service)


def _not_working(
    discovery: Discovery, published: list[Publication], contacts: tuple[Contact, ...], book: Book
) -> Iterator[Finding]:
    """D29, once for each place: tried at every address, and none worked. A refused login says nothing of the record.

    A warning while another published server of the service works: that is what several records are for (RFC 2782).
    """
    seen: list[Target] = []
    full = limited(contacts)
    for each in published:
        for target in each.targets:
            here = _at(target, contacts)
            if not here or any(same_place(target, other) for other in seen) or any(map(_serves, here)):
                continue
            if any(contact.dial.address in full for contact in here):
                continue  # the server counts connections: nothing is known
            seen.append(target)
            sources = dict.fromkeys(other.source.value for other in published if _names(other, target))
            yield book.finding(
                "D29", subject=target.where, evidence=f"{each.where}: {target.host}:{target.port}",
                confidence=Confidence.CERTAIN if _refused(here) else None, host=target.host, port=str(target.port),
                status=Status.WARN if spare(target, discovery, contacts) else None,
                service=target.service.name, name=", ".join(sources),
            )  # fmt: skip


def spare(target: Target, discovery: Discovery, contacts: Iterable[Contact]) -> bool:
    """Whether the domain names another server for the same service, and that one works."""
    published = [each for one in discovery.publications if one.source in PUBLISHED for each in one.targets]
    if not any(same_place(target, each) for each in published):
        return False
    others = [each for each in published if each.service is target.service and not same_place(each, target)]
    working = [each.target for each in contacts if _serves(each)]
    return any(same_place(each, other) for each in others for other in working)


def _names(publication: Publication, target: Target) -> bool:
    return any(same_place(target, other) for other in publication.targets)


def _at(target: Target, contacts: tuple[Contact, ...]) -> list[Contact]:
    return [contact for contact in contacts if same_place(contact.target, target)]


def _serves(contact: Contact) -> bool:
    """As `worked`, apart from the login: the setting is right even if the password is not."""
    return worked(replace(contact, login=None))


def _refused(contacts: list[Contact]) -> bool:
    """Nothing listens: then it is no matter of this network."""
    return all(contact.dial.reach is Reach.REFUSED for contact in contacts)
