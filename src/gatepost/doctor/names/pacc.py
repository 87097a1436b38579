"""PACC (draft-ietf-mailmaint-pacc): settings as a JSON file, whose SHA-256 stands in DNS."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Final

import msgspec
from msgspec import Struct

from gatepost.doctor.facts import Lookup, Outcome, Publication, Source
from gatepost.doctor.model import Target
from gatepost.doctor.names.http import Fetch, Fetched
from gatepost.doctor.names.resolver import Resolver
from gatepost.doctor.names.spelling import BadNameError, ascii_name
from gatepost.ports import BY_NAME

SERVICES: Final = {"imap": "imaps", "pop3": "pop3s", "submit": "submissions", "smtp": "submissions"}
"""Implicit TLS on the standard ports only. Draft -02 said `smtp` where -03 says `submit`."""
OAUTH: Final = ("oauth-public",)


class _Server(Struct):
    host: str = ""


class _Document(Struct):
    protocols: dict[str, _Server]
    authentication: dict[str, msgspec.Raw] = {}


async def published_pacc(domain: str, address: str, resolver: Resolver, fetch: Fetch) -> tuple[Publication, ...]:
    """The publication, if there is a file or a digest."""
    url = f"https://ua-auto-config.{domain}/.well-known/user-agent-configuration.json"
    digests, answer = await asyncio.gather(resolver.ask(f"_ua-auto-config.{domain}", "TXT"), fetch(url))
    announced = _announced(digests)
    if answer.status != 200 or answer.error:
        error = answer.error or f"HTTP status {answer.status}"
        return (Publication(Source.PACC, url, found=False, error=error if announced else ""),)
    return (_publication(url, answer, announced, address),)


def _announced(lookup: Lookup) -> frozenset[str]:
    """The digests, in base64. Order of the tags, spaces and unknown tags do not matter."""
    if lookup.outcome is not Outcome.ANSWER:
        return frozenset()
    records = ({key.strip(): value.strip() for key, value in _tags(text)} for text in lookup.values)
    return frozenset(tags.get("d", "") for tags in records if tags.get("v") == "UAAC1" and tags.get("a") == "sha256")


def _tags(text: str) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (piece.partition("=") for piece in text.split(";"))]


def _publication(url: str, answer: Fetched, announced: frozenset[str], address: str) -> Publication:
    try:
        document = msgspec.json.decode(answer.body, type=_Document)
    except msgspec.DecodeError as error:
        return Publication(Source.PACC, url, found=bool(announced), error=str(error) if announced else "")
    digest = base64.b64encode(hashlib.sha256(answer.body).digest()).decode()
    if digest not in announced:
        known = ", ".join(sorted(announced)) or "none"
        return Publication(Source.PACC, url, found=True, error=f"SHA-256 of the file is {digest}; in DNS: {known}")
    return Publication(Source.PACC, url, found=True, targets=_targets(document, address))


def _targets(document: _Document, address: str) -> tuple[Target, ...]:
    password = document.authentication.get("password", msgspec.Raw(b"false")) != msgspec.Raw(b"false")
    oauth = any(name in document.authentication for name in OAUTH)
    authentication = "OAuth2" if oauth and not password else "password-cleartext"
    found: dict[str, Target] = {}
    for key, service in SERVICES.items():
        server = document.protocols.get(key)
        host = _host(server.host) if server else ""
        if host:
            row = BY_NAME[service]
            found.setdefault(service, Target(row, host, row.port, Source.PACC, address, authentication))
    return tuple(found.values())


def _host(text: str) -> str:
    try:
        return ascii_name(text)
    except BadNameError:
        return ""
