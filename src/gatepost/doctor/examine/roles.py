"""Who looks: the two roles that an examination needs, and the real ones."""

from __future__ import annotations

from typing import Any, Protocol

from gatepost.doctor.facts import Contact, Dial, Discovery, HostNames, Surroundings
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Question, Target


class Looker(Protocol):
    """Speaks to mail servers. Raises nothing for what a server does."""

    async def dial(self, host: str, address: str, port: int, timeout: float) -> Dial:  # noqa: ASYNC109
        """Connects and hangs up, within `timeout` seconds."""
        ...

    async def contact(
        self,
        target: Target,
        address: str,
        question: Question,
        *,
        login: bool,
        thorough: bool = True,
        versions: bool = True,
        patience: float | None = None,
    ) -> Contact:
        """Everything that one service at one address shows; with one connection only unless `thorough`.

        `versions`: if thorough, try each TLS version as well. What was seen within `patience` seconds is returned.
        """
        ...

    async def surroundings(self, target: Target, address: str, names: HostNames, question: Question) -> Surroundings:
        """What else answers, when the target does not."""
        ...


class Finder(Protocol):
    """Asks DNS and the places where settings are published."""

    async def host_names(
        self, host: str, resolver: Any, families: tuple[int, ...], others: tuple[Any, ...], *, reverse: bool
    ) -> HostNames:
        """What DNS says of a host; `reverse`: of its addresses, too."""
        ...

    async def discover(self, address: str, resolver: Any, book: Book, families: tuple[int, ...]) -> Discovery:
        """What is known of the servers of an address or domain."""
        ...


class NetworkLooker:
    """The real one. All contacts with one address share their manners: few connections at once."""

    def __init__(self) -> None:
        self._manners: dict[str, Any] = {}

    async def dial(self, host: str, address: str, port: int, timeout: float) -> Dial:  # noqa: ASYNC109
        from gatepost.doctor.look.dial import dial  # noqa: PLC0415 -- start-up

        return await dial(host, address, port, timeout)

    async def contact(
        self,
        target: Target,
        address: str,
        question: Question,
        *,
        login: bool,
        thorough: bool = True,
        versions: bool = True,
        patience: float | None = None,
    ) -> Contact:
        from gatepost.doctor.look.contact import contact  # noqa: PLC0415 -- start-up
        from gatepost.doctor.look.place import Manners  # noqa: PLC0415

        manners = self._manners.setdefault(address, Manners())
        return await contact(
            target,
            address,
            question,
            login=login,
            manners=manners,
            thorough=thorough,
            versions=versions,
            patience=patience,
        )

    async def surroundings(self, target: Target, address: str, names: HostNames, question: Question) -> Surroundings:
        from gatepost.doctor.look.surroundings import surroundings  # noqa: PLC0415 -- start-up

        return await surroundings(target, address, names, question)


class NetworkFinder:
    """The real one. `ca_file`: authorities to be trusted as well, where settings are published. `inside`: as in
    `Question`.
    """

    def __init__(self, ca_file: str = "", *, inside: bool = False) -> None:
        self._ca_file = ca_file
        self._inside = inside

    async def host_names(
        self, host: str, resolver: Any, families: tuple[int, ...], others: tuple[Any, ...], *, reverse: bool
    ) -> HostNames:
        from gatepost.doctor.names.hosts import host_names  # noqa: PLC0415 -- start-up

        return await host_names(host, resolver, families, others=others, reverse=reverse)

    async def discover(self, address: str, resolver: Any, book: Book, families: tuple[int, ...]) -> Discovery:
        from gatepost.doctor.names.discover import discover  # noqa: PLC0415 -- start-up

        return await discover(address, resolver, book, families=families, ca_file=self._ca_file, inside=self._inside)
