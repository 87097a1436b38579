"""Mozilla's autoconfig: settings as an XML file on the domain's web server, or on that of its mail servers' domain.

The places are those of draft-ietf-mailmaint-autoconfig (steps 1.1-1.3 and 3.1-3.2), in its order. Central databases
(steps 2 and 3.3-3.4) are not asked: a third party would learn whose mail is being examined.

Nor does the server learn the address. Thunderbird sends it (it is optional in the draft); the draft wants
servers to answer the same for addresses that do not exist. So a made-up local part is sent, since some servers give
nothing without the parameter, and is put back into the real one if the answer repeats it. Never over plain http.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import quote

from gatepost.doctor.facts import Publication, Source
from gatepost.doctor.model import Target
from gatepost.doctor.names.clientconfig import BadConfigError, looks_like_config, read_config
from gatepost.doctor.names.http import Fetch, Fetched
from gatepost.doctor.names.reading import base_domain

PATH: Final = "/mail/config-v1.1.xml"
NOBODY: Final = "gatepost-doctor"
"""The local part that is sent in place of the person's."""


async def published_autoconfig(domain: str, address: str, fetch: Fetch) -> tuple[Publication, ...]:
    """What the domain itself publishes: one publication for each place, in order of preference."""
    sent = f"{NOBODY}@{domain}"
    urls = (
        f"https://autoconfig.{domain}{PATH}?emailaddress={quote(sent, safe='@')}",
        f"https://{domain}/.well-known/autoconfig{PATH}",
        f"http://autoconfig.{domain}{PATH}",
    )
    return await _publications(urls, domain, address, sent, fetch, Source.AUTOCONFIG)


async def published_by_mx(mx_host: str, domain: str, address: str, fetch: Fetch) -> tuple[Publication, ...]:
    """What the domain of the best mail server publishes for all who have their mail there."""
    sent = f"{NOBODY}@{domain}"
    query = f"?emailaddress={quote(sent, safe='@')}"
    urls = tuple(f"https://autoconfig.{each}{PATH}{query}" for each in mx_domains(mx_host) if each != domain)
    return await _publications(urls, domain, address, sent, fetch, Source.AUTOCONFIG_MX)


def mx_domains(mx_host: str) -> tuple[str, ...]:
    """MXFULLDOMAIN, if it is longer than the other, and MXBASEDOMAIN."""
    base = base_domain(mx_host)
    full = mx_host.partition(".")[2]
    return tuple(each for each in (full if len(full) > len(base) else "", base) if each)


async def _publications(
    urls: tuple[str, ...], domain: str, address: str, sent: str, fetch: Fetch, source: Source
) -> tuple[Publication, ...]:
    answers = await asyncio.gather(*map(fetch, urls))
    pairs = zip(urls, answers, strict=True)
    return tuple(_publication(url, answer, domain, address, sent, source) for url, answer in pairs)


def _publication(url: str, answer: Fetched, domain: str, address: str, sent: str, source: Source) -> Publication:
    where = url.partition("?")[0]
    if answer.error:
        return Publication(source, where, found=False, error=answer.error if answer.there else "")
    if answer.status != 200 or not looks_like_config(answer.body):
        return Publication(source, where, found=False)
    try:
        targets, plain = read_config(answer.body, domain, address, source)
    except BadConfigError as error:
        return Publication(source, where, found=True, error=str(error))
    real = tuple(_put_back(target, sent, address) for target in targets)
    return Publication(source, where, found=True, targets=real, plain=plain)


def _put_back(target: Target, sent: str, address: str) -> Target:
    """A server that filled in the user name itself did so with what was sent."""
    made_up = {sent: address or "%EMAILADDRESS%", NOBODY: address.rpartition("@")[0] or "%EMAILLOCALPART%"}
    username = made_up.get(target.username, target.username)
    return Target(target.service, target.host, target.port, target.source, username, target.authentication)
