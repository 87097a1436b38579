"""Configuration, the running server, and its listeners: rows O1-O3 and others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from itertools import groupby
from typing import Any

from gatepost.config.findings import Severity
from gatepost.doctor.facts import Reach
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Status
from gatepost.doctor.own.facts import Door, Host
from gatepost.ports import TlsMode


def configuration(host: Host, book: Book) -> list[Finding]:
    """Everything that `gatepost config check` finds, and what may not be looked at."""
    found = [
        book.finding(
            "O1" if each.severity is Severity.ERROR else "O19", subject=each.where, text=each.problem, remedy=each.fix
        )
        for each in host.configuration
    ]
    if not host.config_file:
        found.append(book.finding("O29"))
    if not host.data.exists:
        found.append(book.finding("O49", subject=host.data.path, file=host.data.path))
    if not host.data.readable:
        found.append(book.finding("O54", subject=host.data.path, user=host.user, file=host.data.path))
    return found


def server(host: Host, book: Book) -> list[Finding]:
    """Whether it runs, as whom, as which release, and whether it really listens where it should."""
    found = list(_process(host, book))
    for door in host.doors:
        found += _door(door, host, book)
    for _, doors in groupby(host.doors, key=lambda door: door.listener.service.name):
        found += _reachable(list(doors), host, book)
    return found


def _process(host: Host, book: Book) -> Iterator[Finding]:
    status = host.status
    if status is None:
        if host.data.exists and host.data.readable:
            yield book.finding("O2", subject=host.data.path)
        return
    if status.state != "running":
        yield book.finding("O57", found=status.state)
    if status.version != host.version:
        yield book.finding("O63", found=status.version, version=host.version)
    running = {(each.service, each.where) for each in status.listeners}
    wanted = {(each.service.name, each.where) for each in host.listeners}
    if status.state == "running" and running != wanted:
        extra = ", ".join(f"{service} {where}" for service, where in sorted(running))
        yield book.finding("O64", found=extra, expected=", ".join(f"{a} {b}" for a, b in sorted(wanted)))
    if host.supervisor_user == "root" and status.user in ("", "root"):
        yield book.finding("O69", subject=f"{status.pid}")


def _door(door: Door, host: Host, book: Book) -> Iterator[Finding]:
    listener = door.listener
    parameters: dict[str, Any] = {"service": listener.service.name, "where": listener.where, "port": str(listener.port)}
    subject = f"{listener.service.name} {listener.where}"
    others = host.others_at(door)
    if others:
        parameters["process"] = ", ".join(map(str, others))
        yield book.finding("O73", subject=subject, evidence=parameters["process"], **parameters)
    elif door.reach is not Reach.OPEN and host.status is not None:
        yield book.finding("O3", subject=subject, evidence=door.error, **parameters)
    if not listener.standard_port:
        yield book.finding("O82", subject=subject, expected=str(listener.service.port), **parameters)


def _reachable(doors: list[Door], host: Host, book: Book) -> Iterator[Finding]:
    """Whether other machines get to a service at all, over every family that its name promises."""
    service = doors[0].listener.service
    if service.tls is TlsMode.NONE:  # meant for this machine
        return
    where = ", ".join(door.listener.where for door in doors)
    parameters: dict[str, Any] = {"service": service.name, "where": where, "host": host.hostname}
    if all(ip_address(door.listener.address).is_loopback for door in doors):
        status = Status.WARN if is_public(host) else Status.INFO
        yield book.finding("O80", subject=f"{service.name} {where}", status=status, **parameters)
        return
    name = host.name(host.hostname)
    for address in name.ours if name else ():
        if not _serves(address, doors):
            yield book.finding("O86", subject=f"{service.name} {address}", address=address, **parameters)


def _serves(address: str, doors: Iterable[Door]) -> bool:
    everywhere = "::" if ":" in address else "0.0.0.0"
    return any(door.listener.address in (address, everywhere) for door in doors)


def is_public(host: Host) -> bool:
    """Whether the host's name is one that other machines can look up: no address, not `localhost`, with a dot."""
    name = host.hostname.rstrip(".")
    try:
        return not ip_address(name).is_loopback
    except ValueError:
        return "." in name and not name.endswith((".localhost", ".localdomain", ".local"))
