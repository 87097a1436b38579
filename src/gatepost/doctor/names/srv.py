"""Service records: RFC 6186 for IMAP, POP3 and submission, RFC 8314 §5.1 for submission over TLS."""

from __future__ import annotations

import asyncio
from typing import Final

from gatepost.doctor.facts import Lookup, Outcome, Publication, Source
from gatepost.doctor.model import Target
from gatepost.doctor.names.reading import srv_records
from gatepost.doctor.names.resolver import Resolver
from gatepost.ports import BY_NAME

SERVICES: Final = ("imaps", "pop3s", "submissions", "submission", "imap", "pop3")
AUTODISCOVER: Final = "_autodiscover._tcp"
"""Microsoft's: it leads Outlook to a web server, not to a mail service."""


async def published_srv(domain: str, username: str, resolver: Resolver) -> tuple[Publication, ...]:
    """One publication for each service name, in the order of `SERVICES`, and one for Outlook's.

    `username` goes into the targets: the records have none, and RFC 6186 §4 tells programs to try the whole address.
    """
    labels = (*(f"_{service}._tcp" for service in SERVICES), AUTODISCOVER)
    lookups = await asyncio.gather(*(resolver.ask(f"{label}.{domain}", "SRV") for label in labels))
    found = [_published(service, username, lookup) for service, lookup in zip(SERVICES, lookups, strict=False)]
    return (*found, _autodiscover(lookups[-1]))


def _published(service: str, username: str, lookup: Lookup) -> Publication:
    records = srv_records(lookup)
    targets = tuple(
        Target(BY_NAME[service], record.host, record.port, Source.SRV, username)
        for record in records
        if record.host and record.port
    )
    denied = (service,) if records and not targets else ()
    return Publication(Source.SRV, lookup.name, bool(records), targets, denied, trouble(lookup), dnssec=lookup.proved)


def _autodiscover(lookup: Lookup) -> Publication:
    found = any(record.host for record in srv_records(lookup))
    return Publication(Source.AUTODISCOVER, lookup.name, found, error=trouble(lookup))


def trouble(lookup: Lookup) -> str:
    """Why DNS did not say whether there is a record; empty if it did."""
    if lookup.outcome in {Outcome.ANSWER, Outcome.NXDOMAIN, Outcome.NODATA}:
        return ""
    return f"{lookup.outcome.value}: {lookup.error}" if lookup.error else lookup.outcome.value
