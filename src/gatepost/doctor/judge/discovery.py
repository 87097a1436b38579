"""What was found out about an address's servers means.

Rows D4, D7 and D42 (of an MX), D8, D9, D14-D19, D25-D27, D40, D41, D43.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from gatepost.doctor.facts import Discovery, HostNames, Outcome, Source
from gatepost.doctor.judge.names import BAD, ascii_form, denied, evidence, failed, suggesting
from gatepost.doctor.judge.trust import PUBLISHED, foreign_hosts
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Confidence, Finding, Question, Stage, Status, Target
from gatepost.doctor.names.reading import is_null_mx, mx_hosts
from gatepost.ports import BY_NAME

PAIRS: Final = (("imaps", "imap"), ("pop3s", "pop3"), ("submissions", "submission"))
"""Each protocol's service with TLS from the start, and the one that begins in the clear."""


def judge(question: Question, discovery: Discovery, book: Book) -> tuple[Finding, ...]:
    """What is to be said before any server was spoken to."""
    if "@" not in question.subject:
        return tuple(_typed_host(question, discovery, book))
    if bad := _bad_address(question, discovery, book):
        return (bad,)
    return (
        *_receives(discovery, book),
        *_mail_servers(discovery, book),
        *_denied(question, discovery, book),
        *_unreadable(discovery, book),
        *_unsafe(discovery, book),
        *_provider(discovery, book),
        *_found(discovery, book),
    )


def _bad_address(question: Question, discovery: Discovery, book: Book) -> Finding | None:
    """D11, D40 or D41: nothing more is to be said about such an address."""
    typed, mx = question.subject, discovery.mx
    local = typed.rpartition("@")[0].strip()
    if not local or any(sign.isspace() or not sign.isprintable() for sign in local):
        return book.finding("D41", subject=typed, address=typed)
    if mx.outcome is Outcome.BAD_NAME:
        return book.finding("D11", subject=typed, evidence=mx.error, stage=Stage.ADDRESS, host=discovery.domain)
    if mx.outcome is Outcome.NXDOMAIN and not discovery.targets:
        return structs.replace(denied("D40", mx, book), subject=typed)
    return None


def _typed_host(question: Question, discovery: Discovery, book: Book) -> Iterator[Finding]:
    """D4: the name is that of a mail domain, whose servers have other names. For hosts that were tried in vain."""
    typed = ascii_form(question.subject)
    every = [target for each in discovery.publications for target in each.targets]
    servers = mx_hosts(discovery.mx)
    if not servers or typed in servers or any(target.host == typed for target in every):
        return
    published = [target for target in every if target.source != Source.COMMON]
    said = published or every
    fitting = [target for target in said if _fits(target, question)] or said
    other = ", ".join(dict.fromkeys(target.host for target in fitting)) or servers[0]
    yield book.finding(
        "D4", subject=question.subject, evidence=evidence(discovery.mx), host=question.subject, names=other,
        confidence=Confidence.CERTAIN if published else None,
    )  # fmt: skip


def _fits(target: Target, question: Question) -> bool:
    if question.service:
        return target.service.name == question.service
    return question.port is None or target.port == question.port


def _receives(discovery: Discovery, book: Book) -> Iterator[Finding]:
    """Whether the domain takes mail at all."""
    mx, domain = discovery.mx, discovery.domain
    if mx.outcome is Outcome.LOOP or mx.outcome in BAD:
        yield failed(mx, (), book)
    elif is_null_mx(mx):
        yield book.finding("D8", subject=domain, evidence=evidence(mx), domain=domain)
    elif mx.outcome is not Outcome.ANSWER:
        yield suggesting(book.finding("D17", subject=domain, evidence=evidence(mx), domain=domain), domain, book)
    silent = [each for each in discovery.publications if each.source is Source.SRV and each.error]
    if silent and mx.outcome not in BAD:
        proof = "; ".join(f"SRV {each.where}: {each.error}" for each in silent)
        yield book.finding("D2", subject=domain, evidence=proof, status=Status.WARN, host=domain)


def _mail_servers(discovery: Discovery, book: Book) -> Iterator[Finding]:
    """D7 and D42: an MX must name a host with addresses, not an alias (RFC 5321 §5.1, RFC 2181 §10.3)."""
    for names in discovery.mx_hosts:
        lookups = [lookup for lookup in (names.v4, names.v6) if lookup]
        aliases = [lookup for lookup in lookups if lookup.aliases]
        if aliases:
            yield _bad_mx("D7", names, evidence(aliases[0]), book)
        elif lookups and all(each.outcome in {Outcome.NXDOMAIN, Outcome.NODATA} for each in lookups):
            yield _bad_mx("D42", names, "; ".join(map(evidence, lookups)), book)


def _bad_mx(row: str, names: HostNames, proof: str, book: Book) -> Finding:
    return book.finding(row, subject=f"MX {names.host}", evidence=proof, status=Status.WARN, host=names.host)


def _denied(question: Question, discovery: Discovery, book: Book) -> Iterator[Finding]:
    """D9, but not where only the variant that begins in the clear is switched off: that is good practice."""
    denied = {name for each in discovery.publications for name in each.denied}
    offered = {target.service.name for each in discovery.publications for target in each.targets} - denied
    for safe, clear in PAIRS:
        if not denied & {safe, clear} or offered & {safe, clear}:
            continue
        protocol = BY_NAME[safe].protocol
        wanted = bool(question.service) and BY_NAME[question.service].protocol == protocol
        yield book.finding(
            "D9", subject=discovery.domain, evidence=f"_{safe if safe in denied else clear}._tcp SRV: .",
            status=Status.FAIL if wanted else Status.INFO, domain=discovery.domain, service=protocol.upper(),
            others=", ".join(_protocols(offered)),
        )  # fmt: skip


def _protocols(services: set[str]) -> list[str]:
    return sorted({BY_NAME[name].protocol.upper() for name in services if BY_NAME[name].protocol != "smtp"})


def _unreadable(discovery: Discovery, book: Book) -> Iterator[Finding]:
    """D16. A web server that answers for every name below the domain, with a wrong certificate, is no fault."""
    for each in discovery.publications:
        if each.error and each.source in PUBLISHED - {Source.SRV}:
            meant = each.found or each.source is Source.PACC
            yield book.finding(
                "D16", subject=each.where, evidence=each.error, status=Status.WARN if meant else Status.INFO,
                confidence=None if meant else Confidence.POSSIBLE, url=each.where, text=each.error,
            )  # fmt: skip


def _unsafe(discovery: Discovery, book: Book) -> Iterator[Finding]:
    """Settings that tell people to go without encryption, or that anybody on the way could have changed."""
    for each in discovery.publications:
        if each.plain:
            yield book.finding(
                "D18", subject=each.where, evidence=", ".join(each.plain), service=", ".join(each.plain),
                name=each.source.value,
            )  # fmt: skip
    own = [each for each in discovery.publications if each.source is Source.AUTOCONFIG and each.targets]
    if own and all(each.where.startswith("http:") for each in own):
        yield book.finding("D19", subject=own[0].where, domain=discovery.domain)


def _provider(discovery: Discovery, book: Book) -> Iterator[Finding]:
    known = next((each for each in book.providers() if each.name == discovery.provider), None)
    if known is not None:
        note = known.note or book.phrase("names.provider_no_note")
        yield book.finding(
            "D25", subject=discovery.domain, domain=discovery.domain, provider=known.name, text=note,
            url=known.url, evidence=", ".join(mx_hosts(discovery.mx)),
        )  # fmt: skip


def _found(discovery: Discovery, book: Book) -> Iterator[Finding]:
    """Where the settings come from, if there are any."""
    domain = discovery.domain
    published = [each for each in discovery.publications if each.source in PUBLISHED and each.targets]
    sources = ", ".join(dict.fromkeys(each.source.value for each in published))
    hosts = ", ".join(dict.fromkeys(target.host for target in discovery.targets))
    if published:
        proof = "; ".join(each.where for each in published)
        doubted = foreign_hosts(discovery.targets, discovery, book)
        yield book.finding(
            "D26", subject=domain, evidence=proof, status=Status.INFO if doubted else None, domain=domain,
            name=sources, names=hosts,
        )  # fmt: skip
    elif not discovery.targets and not is_null_mx(discovery.mx) and discovery.mx.outcome not in BAD:
        yield suggesting(book.finding("D14", subject=domain, domain=domain), domain, book)
    elif discovery.targets and not discovery.provider:
        yield book.finding("D15", subject=domain, evidence=hosts, domain=domain, names=hosts)
    for each in discovery.publications:
        if each.source is Source.AUTODISCOVER and each.found:
            yield book.finding("D27", subject=each.where, domain=domain)
