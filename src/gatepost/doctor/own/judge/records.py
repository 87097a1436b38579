"""DNS and set-up records against the live doors: rows O30-O46."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, Final

from gatepost.doctor.facts import Lookup, Outcome, Source
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Status
from gatepost.doctor.own.facts import Host, Name, Published
from gatepost.doctor.own.judge.doors import is_public
from gatepost.numbers import number
from gatepost.ports import BY_NAME

_SILENT: Final = (Outcome.SERVFAIL, Outcome.REFUSED, Outcome.TIMED_OUT, Outcome.LOOP)
_PAGES: Final = (Source.AUTOCONFIG, Source.AUTOCONFIG_MX, Source.PACC)


def records(host: Host, book: Book) -> list[Finding]:
    """Everything that DNS and published settings say of us."""
    found: list[Finding] = []
    if not is_public(host):
        outside = any(not ip_address(door.listener.address).is_loopback for door in host.doors)
        status = Status.WARN if outside else Status.INFO
        found.append(book.finding("O30", subject=host.hostname, status=status, host=host.hostname))
    elif not host.resolved:
        found.append(book.finding("O34", subject=host.hostname, name=host.hostname))
    elif name := host.name(host.hostname):
        found += _own_name(name, host, book)
    for published in host.published:
        found += _domain(published, host, book)
    return found


def _own_name(name: Name, host: Host, book: Book) -> Iterator[Finding]:
    if not name.addresses:
        if silent := _silent(name.lookups):
            yield book.finding("O34", subject=name.host, evidence=_told(silent), name=name.host)
        else:
            yield book.finding("O31", subject=name.host, evidence=_told(name.lookups[0]), name=name.host)
        return
    elsewhere = [each for each in name.addresses if each not in name.ours]
    if not elsewhere:
        return
    addresses = ", ".join(elsewhere)
    translated = not name.ours and _is_private(host.outgoing) and all(not _is_private(each) for each in elsewhere)
    row = "O33" if translated else "O7"
    yield book.finding(
        row, subject=name.host, evidence=addresses, name=name.host, address=addresses, other=host.outgoing
    )


def _is_private(address: str) -> bool:
    try:
        return ip_address(address).is_private
    except ValueError:
        return False


def _silent(lookups: tuple[Lookup, ...]) -> Lookup | None:
    return next((lookup for lookup in lookups if lookup.outcome in _SILENT), None)


def _told(lookup: Lookup) -> str:
    return f"{lookup.name} {lookup.kind}: {lookup.error or lookup.outcome}"


def _domain(published: Published, host: Host, book: Book) -> Iterator[Finding]:
    domain = published.domain
    if published.mx.outcome is Outcome.NXDOMAIN:
        yield book.finding("O35", subject=domain, evidence=_told(published.mx), domain=domain)
        return
    if silent := _silent((published.mx, *(each.lookup for each in published.services))):
        yield book.finding("O34", subject=domain, evidence=_told(silent), name=silent.name)
    if published.mx.outcome not in _SILENT:
        yield _mail(published, host, book)
    for each in published.services:
        yield from _service(domain, each.service, each.lookup, host, book)
    yield from _missing(published, host, book)
    yield from _pages(published, host, book)


def _mail(published: Published, host: Host, book: Book) -> Finding:
    """Where mail for the domain goes, and whether somebody takes it there."""
    domain = published.domain
    targets = [_target(value) for value in published.mx.values]
    parameters: dict[str, Any] = {"domain": domain, "names": ", ".join(filter(None, targets)), "host": host.hostname}
    if not any(targets):
        return book.finding("O37", subject=domain, **parameters)
    if not any(_is_ours(target, host) for target in targets):
        return book.finding("O38", subject=domain, **parameters)
    if not host.smtp_listens:
        return book.finding("O36", subject=domain, port=str(BY_NAME["smtp"].port), **parameters)
    holder = ", ".join(map(str, host.smtp_holders))
    return book.finding("O39", subject=domain, evidence=holder, port=str(BY_NAME["smtp"].port), **parameters)


def _target(record: str) -> str:
    return record.rpartition(" ")[2].rstrip(".").lower()


def _is_ours(target: str, host: Host) -> bool:
    """By its addresses; behind address translation by the name alone."""
    name = host.name(target)
    return target == host.hostname or bool(name and name.ours)


def _ports(service: str, host: Host) -> list[int]:
    return sorted({each.port for each in host.listeners if each.service.name == service})


def _service(domain: str, service: str, lookup: Lookup, host: Host, book: Book) -> Iterator[Finding]:
    ports = _ports(service, host)
    live = ", ".join(map(str, ports))
    for value in lookup.values:
        target = _target(value)
        record = f"{lookup.name} SRV {value}"
        parameters: dict[str, Any] = {
            "domain": domain,
            "service": service,
            "name": lookup.name,
            "ports": live,
            "host": target,
        }
        if not target:
            if ports:
                yield book.finding("O42", subject=domain, evidence=record, **parameters)
            continue
        port = _port(value)
        if not _is_ours(target, host):
            yield book.finding("O44", subject=domain, evidence=record, port=str(port), **parameters)
        elif not ports:
            yield book.finding("O41", subject=domain, evidence=record, port=str(port), **parameters)
        elif port not in ports:
            yield book.finding("O40", subject=domain, evidence=record, port=str(port), **parameters)


def _port(record: str) -> int:
    """Of `priority weight port target` (RFC 2782); 0 if it is something else."""
    fields = record.split()
    return (number(fields[2], 0xFFFF) or 0) if len(fields) == 4 else 0


def _missing(published: Published, host: Host, book: Book) -> Iterator[Finding]:
    """The records that would let mail programs find us, ready to be copied; `.` for what is off (RFC 6186 §3.4)."""
    if not is_public(host):
        return
    lines = []
    for each in published.services:
        if each.lookup.outcome in (Outcome.NXDOMAIN, Outcome.NODATA):
            ports = _ports(each.service, host)
            value = f"0 1 {ports[0]} {host.hostname}." if ports else "0 0 0 ."
            lines.append(f"{each.lookup.name}. SRV {value}")
    if lines:
        yield book.finding(
            "O17",
            subject=published.domain,
            status=Status.INFO,
            evidence="; ".join(lines),
            domain=published.domain,
            differences=", ".join(line.partition(".")[0] for line in lines),
            records="; ".join(lines),
        )


def _pages(published: Published, host: Host, book: Book) -> Iterator[Finding]:
    """Settings on the web that send people to a door of ours which is not there."""
    for publication in published.discovery.publications if published.discovery else ():
        for target in publication.targets if publication.source in _PAGES else ():
            ports = _ports(target.service.name, host)
            if _is_ours(target.host.lower(), host) and target.port not in ports:
                yield book.finding(
                    "O45",
                    subject=published.domain,
                    evidence=target.where,
                    domain=published.domain,
                    url=publication.where,
                    service=target.service.name,
                    port=str(target.port),
                    ports=", ".join(map(str, ports)),
                )
