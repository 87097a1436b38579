"""Finds the servers of a mail address: every place is asked at once, and the best one for each service wins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, TypeVar

from msgspec import structs

from gatepost.doctor.facts import Discovery, HostNames, Lookup, Publication, Source
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Target
from gatepost.doctor.names.autoconfig import published_autoconfig, published_by_mx
from gatepost.doctor.names.clientconfig import expand, looks_like_config
from gatepost.doctor.names.common import published_common
from gatepost.doctor.names.hosts import host_names
from gatepost.doctor.names.http import Fetch, Fetched, Fetcher
from gatepost.doctor.names.pacc import published_pacc
from gatepost.doctor.names.reading import mx_hosts
from gatepost.doctor.names.resolver import Resolver
from gatepost.doctor.names.spelling import BadNameError, split_address
from gatepost.doctor.names.srv import SERVICES, published_srv
from gatepost.ports import BY_NAME

BUDGET: Final = 3.0
"""Seconds for everything; what has not answered by then is left."""
GRACE: Final = 0.7
"""Seconds that slow web servers still get when good settings are already known."""
BEST: Final = (
    Source.TYPED,
    Source.SRV,
    Source.AUTOCONFIG,
    Source.PACC,
    Source.AUTOCONFIG_MX,
    Source.PROVIDER,
    Source.COMMON,
)
"""Whose word counts first. Guesses come last, and only where nobody said anything."""
MX_HOSTS: Final = 2
"""Mail servers that are looked at: the best ones."""
SHARE: Final = 0.6
"""Part of the budget for one DNS question, so that one lost answer does not take the others with it."""
Publications = tuple[Publication, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Search:
    """Whose servers are looked for, and with what."""

    domain: str
    address: str
    """Empty: only the domain is known."""
    resolver: Resolver
    fetch: Fetch
    families: tuple[int, ...]
    budget: float
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    """Set some time after good settings were found: slow web servers are not waited for any longer."""

    @property
    def username(self) -> str:
        return self.address or "%EMAILADDRESS%"

    def satisfied(self) -> None:
        """Good settings are here; what else is under way gets a little more time."""
        asyncio.get_running_loop().call_later(GRACE, self.enough.set)

    async def get(self, url: str) -> Fetched:
        """Fetches, as long as it is worth while."""
        page, enough = asyncio.ensure_future(self.fetch(url)), asyncio.ensure_future(self.enough.wait())
        try:
            await asyncio.wait((page, enough), return_when=asyncio.FIRST_COMPLETED)
            if not page.done():
                return Fetched(url, error="not waited for")
            if looks_like_config(page.result().body):
                self.satisfied()
            return page.result()
        finally:
            page.cancel()
            enough.cancel()

    async def within(self, step: Awaitable[tuple[T, ...]]) -> tuple[T, ...]:
        """What the step brings, or nothing when its time is over."""
        try:
            async with asyncio.timeout(self.budget):
                return await step
        except TimeoutError:
            return ()

    async def srv(self) -> Publications:
        """Service records. With those for fetching and for sending, nothing more is needed."""
        found = await published_srv(self.domain, self.username, self.resolver)
        if len({_sends(target) for each in found for target in each.targets}) > 1:
            self.satisfied()
        return found

    async def mx_hosts(self, mx: asyncio.Task[Lookup]) -> tuple[HostNames, ...]:
        """What DNS says of the best mail servers."""
        hosts = mx_hosts(await asyncio.shield(mx))[:MX_HOSTS]
        return tuple(await asyncio.gather(*(host_names(host, self.resolver, self.families) for host in hosts)))

    async def by_mx(self, mx: asyncio.Task[Lookup]) -> Publications:
        """Settings that the mail servers' domain publishes."""
        best = mx_hosts(await asyncio.shield(mx))[:1]
        found = [await published_by_mx(host, self.domain, self.address, self.get) for host in best]
        return tuple(chain.from_iterable(found))

    async def common(self, hosts: asyncio.Task[tuple[HostNames, ...]]) -> Publications:
        """Guesses."""
        await asyncio.wait({hosts})
        return await published_common(self.domain, self.username, self.resolver, hosts.result(), self.families)

    async def run(self, book: Book) -> Discovery:
        """Everything at once."""
        async with asyncio.TaskGroup() as group:
            mx = group.create_task(self.resolver.ask(self.domain, "MX"))
            hosts = group.create_task(self.within(self.mx_hosts(mx)))
            steps: tuple[Awaitable[Publications], ...] = (
                self.srv(),
                published_autoconfig(self.domain, self.address, self.get),
                published_pacc(self.domain, self.username, self.resolver, self.get),
                self.by_mx(mx),
                self.common(hosts),
                self.known(mx, book),
            )
            tasks = [group.create_task(self.within(step)) for step in steps]
        published = tuple(chain.from_iterable(task.result() for task in tasks))
        provider = book.provider_of(self.domain, mx_hosts(mx.result()))
        name = provider.name if provider else ""
        return Discovery(self.domain, published, mx.result(), best(published), name, hosts.result())

    async def known(self, mx: asyncio.Task[Lookup], book: Book) -> Publications:
        """What the book knows of the provider."""
        provider = book.provider_of(self.domain, mx_hosts(await asyncio.shield(mx)))
        if provider is None:
            return ()
        self.satisfied()
        targets = tuple(
            Target(
                BY_NAME[each.service], each.host, each.port, Source.PROVIDER,
                expand(each.username, self.domain, self.address), each.authentication,
            )
            for each in provider.settings
        )  # fmt: skip
        return (Publication(Source.PROVIDER, provider.url or provider.name, found=True, targets=targets),)


async def discover(
    address_or_domain: str,
    resolver: Resolver,
    book: Book,
    *,
    fetch: Fetch | None = None,
    ca_file: str = "",
    families: tuple[int, ...] = (6, 4),
    budget: float = BUDGET,
    inside: bool = False,
) -> Discovery:
    """Everything that can be found out for an address (or for a domain, without user names) within `budget` seconds.

    Without a `fetch` the real one is used, with `ca_file`; `inside` lets it ask servers with private addresses.
    A name that cannot be one gives a discovery whose MX look-up ended with BAD_NAME. Raises OSError if `ca_file`
    cannot be read.
    """
    try:
        local, domain = split_address(address_or_domain)
    except BadNameError:
        name = address_or_domain.rpartition("@")[2]
        return Discovery(name, (), await resolver.ask(name, "MX"), ())
    hasty = resolver.within(budget * SHARE)
    get = fetch or Fetcher(hasty, ca_file=ca_file, timeout=budget * 0.9, inside=inside)
    address = f"{local}@{domain}" if local else ""
    return await _Search(domain, address, hasty, get, families, budget).run(book)


def best(publications: Publications) -> tuple[Target, ...]:
    """For each service the target of the best source, with what weaker sources know of the very same server.

    What the domain denies is left out. Guesses count only where nobody has said anything about fetching (or sending).
    """
    denied = frozenset(name for each in publications for name in each.denied)
    ordered = sorted((each for each in publications if each.source in BEST), key=lambda each: BEST.index(each.source))
    targets = [target for each in ordered for target in each.targets if target.service.name not in denied]
    said = {_sends(target) for target in targets if target.source != Source.COMMON}
    candidates = [each for each in targets if each.source != Source.COMMON or _sends(each) not in said]
    winners = (next((each for each in candidates if each.service.name == name), None) for name in SERVICES)
    return tuple(_completed(winner, targets) for winner in winners if winner)


def _sends(target: Target) -> bool:
    return target.service.protocol == "smtp"


def _completed(target: Target, others: Iterable[Target]) -> Target:
    """Service records know neither the form of the user name nor how to log in; others may."""
    if target.authentication:
        return target
    place = (target.service, target.host, target.port)
    same = (each for each in others if (each.service, each.host, each.port) == place and each.authentication)
    known = next(same, target)
    return structs.replace(target, username=known.username or target.username, authentication=known.authentication)
