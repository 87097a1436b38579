"""Which accounts get mail for an address."""

from __future__ import annotations

from gatepost.config.settings import Delivery
from gatepost.errors import InvalidValueError, NoSuchAddressError, NoSuchDomainError
from gatepost.identity.names import parse_address, shown
from gatepost.store.api import DirectoryReader


class Router:
    """Looks an address up: as it is, without its `+tag`, then as whatever else arrives at the domain."""

    def __init__(self, store: DirectoryReader, settings: Delivery) -> None:
        self._store = store
        self._settings = settings

    async def route(self, address: str) -> tuple[int, ...]:
        """The accounts that get mail for `address`.

        Raises NoSuchDomainError (the domain is not ours), NoSuchAddressError (also for what is no address).
        """
        try:
            address = parse_address(address)
        except InvalidValueError as error:
            raise NoSuchAddressError(str(error)) from error
        local, _, domain = address.partition("@")
        plain, plus, _ = local.partition("+")
        candidates = [address, f"@{domain}"]
        if plus and plain and self._settings.plus_addressing:
            candidates.insert(1, f"{plain}@{domain}")
        for candidate in candidates:
            accounts = await self._store.route(candidate)
            if accounts:
                return tuple(accounts)
        if all(ours.name != domain for ours in await self._store.domains()):
            raise NoSuchDomainError(
                f"{shown(domain)} is not a domain of this server: `gatepost domain add` makes it one"
            )
        raise NoSuchAddressError(f"nobody here receives mail for {shown(address)}: see `gatepost user list`")
