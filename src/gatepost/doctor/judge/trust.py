"""Whose word is good enough to send a password to the host that it names (RFC 6186 §6).

Anybody on the way can answer DNS questions, so a certificate that fits the name that DNS gave proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gatepost.doctor.facts import Discovery, Publication, Source
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Target
from gatepost.doctor.names.reading import mx_hosts, same_owner

PUBLISHED: Final = frozenset({Source.SRV, Source.AUTOCONFIG, Source.AUTOCONFIG_MX, Source.PACC})
"""Where a domain, or whoever has its mail, says which settings are right."""
_BY_WEB: Final = frozenset({Source.AUTOCONFIG, Source.PACC})
"""From the domain's own web server; by https only the domain itself can have said it."""


def trusted(host: str, discovery: Discovery, book: Book) -> bool:
    """Whether the host surely belongs to the mail domain, or was named by someone who could prove to be the domain.

    A host that a person typed is its own domain. Hosts of known providers may have got there by anybody's word: the
    provider's own server does no harm with a password.
    """
    if same_owner(host, discovery.domain):
        return True
    if discovery.mx.proved and host in mx_hosts(discovery.mx):
        return True
    if any(target.host == host for each in discovery.publications if _is_proved(each) for target in each.targets):
        return True
    known = (each for each in book.providers() if each.name == discovery.provider)
    return any(setting.host == host for each in known for setting in each.settings)


def foreign_hosts(targets: Iterable[Target], discovery: Discovery, book: Book) -> tuple[str, ...]:
    """The hosts among the targets that are not trusted, each once."""
    return tuple(host for host in dict.fromkeys(each.host for each in targets) if not trusted(host, discovery, book))


def _is_proved(publication: Publication) -> bool:
    by_web = publication.source in _BY_WEB and publication.where.startswith("https:")
    return by_web or (publication.source is Source.SRV and publication.dnssec)
