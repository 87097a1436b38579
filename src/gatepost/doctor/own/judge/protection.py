"""What blocks whom: our own limits and the packet filter (rows O65-O72); and the way out for mail (O60, O61, O97)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from gatepost.doctor.facts import Reach
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Status
from gatepost.doctor.own.facts import Host
from gatepost.net.tally import Limited
from gatepost.ports import BY_NAME

MOST_TOLD: Final = 8
_STOPS: Final = re.compile(r"\b(?:drop|reject)\b")
_CONDITION: Final = re.compile(r"\b(?:saddr|limit|count|meter|update|add|set|iif|iifname|state|mark|fib)\b|@")
"""A rule with one of these stops some clients, not all."""
_LETS: Final = re.compile(r"\b(?:accept|jump|goto|queue|dnat|redirect)\b")


def protection(host: Host, book: Book) -> list[Finding]:
    """Who is kept out, and by what."""
    return [*_limits(host, book), *_firewall(host, book)]


def _limits(host: Host, book: Book) -> Iterator[Finding]:
    limited = host.status.limited if host.status else ()
    groups = (
        ("O13", [each for each in limited if each.refused]),
        ("O66", [each for each in limited if each.failures and not each.refused]),
        ("O67", [each for each in limited if each.full]),
    )
    for row, group in groups:
        if group:
            names = "; ".join(_told(each, host, book) for each in group[:MOST_TOLD])
            yield book.finding(row, subject=_who(group[0], host), count=str(len(group)), text=names)


def _told(limited: Limited, host: Host, book: Book) -> str:
    return book.phrase(
        "own.full" if limited.full else "own.limited",
        kind=book.phrase(f"own.kind.{limited.kind}"),
        who=_who(limited, host),
        count=str(limited.connections if limited.full else limited.failures),
        seconds=f"{limited.delay:g}",
        clock=datetime.fromtimestamp(limited.until, UTC).strftime("%H:%M UTC"),
    )


def _who(limited: Limited, host: Host) -> str:
    """An account by its login, if that is known."""
    logins = dict(host.store.logins) if host.store else {}
    number = int(limited.who) if limited.kind == "account" else 0
    return logins.get(number, limited.who)


def _firewall(host: Host, book: Book) -> Iterator[Finding]:
    mentioned = []
    for rule in host.firewall.rules:
        ports = _ports(rule.ports)
        if _STOPS.search(rule.text) and not _CONDITION.search(rule.text):
            yield book.finding("O68", subject=rule.chain, evidence=rule.text, ports=ports, name=rule.chain)
        else:
            mentioned.append(f"{rule.chain}: {rule.text}")
    let_in = {port for rule in host.firewall.rules if _LETS.search(rule.text) for port in rule.ports}
    closed = sorted({listener.port for listener in host.listeners} - let_in)
    if host.firewall.drops and closed:
        chains = ", ".join(host.firewall.drops)
        yield book.finding("O71", subject=chains, ports=_ports(closed), name=chains)
    if mentioned:
        yield book.finding("O70", evidence="; ".join(mentioned), count=str(len(mentioned)))
    if host.firewall.fail2ban:
        yield book.finding("O72")


def _ports(ports: Sequence[int]) -> str:
    return ", ".join(map(str, ports))


def mail_out(host: Host, book: Book) -> list[Finding]:
    """What goes out: the queue of this release, and whether the network lets server-to-server mail through."""
    smtp = BY_NAME["smtp"]
    sends = smtp.ready or BY_NAME["submissions"].ready
    found = [] if sends else [book.finding("O60", version=host.version)]
    if host.outward is not None:
        out = host.outward
        where = f"{out.host}:{out.port}"
        if out.reach is Reach.OPEN:
            found.append(book.finding("O97", subject=where, port=str(out.port), host=out.host))
        else:
            status = Status.WARN if sends else Status.INFO
            evidence = out.error or out.reach.value
            found.append(
                book.finding("O12", subject=where, status=status, evidence=evidence, port=str(out.port), host=out.host)
            )
    return found
