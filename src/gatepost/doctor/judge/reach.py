"""Whether a port can be reached, and if not, who stands in the way: rows T and H1, D5 where one family is dead.

What happens around the target decides: other mail ports of the same address, the host's other addresses, and whether
this network works at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final, assert_never

from msgspec.structs import replace

from gatepost.doctor.facts import Contact, Dial, Ending, Reach, Surroundings
from gatepost.doctor.judge.pen import Pen, ended, implicit, readable, speaks_tls
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Status
from gatepost.ports import BY_NAME, SERVICES

SLOW_GREETING: Final = 5.0
"""Seconds: some programs give up then. Less may be meant: servers let spammers betray themselves by impatience."""

_SENDING: Final = frozenset(BY_NAME[name].port for name in ("smtp", "submissions", "submission"))
_RETRIEVING: Final = frozenset(service.port for service in SERVICES if service.protocol in {"pop3", "imap"})
_WEB: Final = frozenset(BY_NAME[name].port for name in ("https", "http"))
_HELPERS: Final = frozenset({1143, 1025})
"""Where Proton Mail Bridge listens for IMAP and SMTP, on the person's own machine."""
_SERVERS_ONLY: Final = BY_NAME["smtp"].port


def judge(contact: Contact, surroundings: Surroundings, book: Book) -> tuple[Finding, ...]:
    """At least one finding. `surroundings` may be empty where nothing failed."""
    write = Pen(contact, book)
    dial = contact.dial
    match dial.reach:
        case Reach.OPEN:
            return _open(contact, write)
        case Reach.REFUSED:
            return (_refused(dial, surroundings, write),)
        case Reach.TIMED_OUT:
            return (_silent(dial, surroundings, write),)
        case Reach.NO_ROUTE:
            return (_no_route(dial, surroundings, write),)
        case Reach.FORBIDDEN:
            return (write("T6", dial.error),)
        case Reach.RESET:
            return (write("T7", dial.error),)
        case Reach.FAILED:
            return (write("T18", dial.error),)
        case _:
            assert_never(dial.reach)


def _open(contact: Contact, write: Pen) -> tuple[Finding, ...]:
    """The connection came about; what follows may still be a hanging up without a word."""
    if wants_header(contact):
        return (write("T26", "nothing came but behind PROXY UNKNOWN"),)
    if end := hung_up(contact):
        return (write(*end),)
    if is_mute(contact):
        return (write("T9", "nothing came", seconds=_seconds(contact)),)
    found = [write("T0", f"{contact.dial.seconds * 1000:.0f} ms")]
    if contact.greeting and contact.greeting.octets and contact.greeting.seconds >= SLOW_GREETING:
        seconds = f"{contact.greeting.seconds:.1f}"
        found.append(write("T10", readable(contact.greeting.octets), seconds=seconds))
    return tuple(found)


def wants_header(contact: Contact) -> bool:
    """Whether the port says nothing to clients, and what belongs there to a balancer."""
    said = any(each and each.octets for each in (contact.greeting, contact.plain, contact.poked))
    return contact.behind_header and not said and not speaks_tls(contact.handshake)


def hung_up(contact: Contact) -> tuple[str, str] | None:
    """Cut off before anybody said anything: the row, and what was seen."""
    if speaks_tls(contact.handshake):
        return None
    if ended(contact.plain, Ending.RESET):
        return "T7", "connection reset before any octet"
    if ended(contact.plain, Ending.CLOSED):
        return "T8", "end of stream before any octet"
    return None


def is_mute(contact: Contact) -> bool:
    """Open, but without an answer to anything, in the clear or in TLS."""
    heard = contact.plain
    if not ended(heard, Ending.SILENT) or speaks_tls(contact.handshake):
        return False
    if implicit(contact.target):
        # Who hangs up on TLS has heard it.
        waited = contact.handshake is None or "timed out" in contact.handshake.error.lower()
        return waited and ended(contact.poked, Ending.SILENT)
    return contact.poked is None or not contact.poked.octets


def _seconds(contact: Contact) -> str:
    """How long was listened."""
    return f"{contact.plain.seconds:.0f}" if contact.plain else ""


def _refused(dial: Dial, around: Surroundings, write: Pen) -> Finding:
    """Somebody answered, with a no."""
    if _is_loopback(dial.address) and dial.port in _HELPERS:
        return write("H1", dial.error)
    if _all_mail_refused(around):
        return write("T21", dial.error, ports=_open_ports(around))
    status = Status.WARN if _is_open(around.other_family) else None
    found = write("T1", dial.error, status=status, ports=_open_ports(around))
    return _on_this_machine(found, around, write) if _is_loopback(dial.address) else found


def _on_this_machine(found: Finding, around: Surroundings, write: Pen) -> Finding:
    """No firewall and no public address has to do with it."""
    fix = write.book.phrase("refused_here.fix", ports=_open_ports(around))
    return replace(found, cause=write.book.phrase("refused_here.cause"), fix=fix)


def _silent(dial: Dial, around: Surroundings, write: Pen) -> Finding:
    """Nobody answered: find out how far the silence reaches, from everywhere down to this one port."""
    if _is_cut_off(around):
        return write("T30", dial.error)
    if not _is_private(dial.address) and any(_is_private(each.address) for each in _opened(around.other_family)):
        return write("T12", dial.error)
    if any(each.family != dial.family for each in _opened(around.other_family)):
        return write("D5" if dial.family == 6 else "T17", dial.error, seconds=f"{dial.seconds:.0f}")
    if row := _blocked_sending(dial, around):
        return write(row, dial.error)
    ports = _open_ports(around)
    # One of several addresses: mail programs get through with the others, sooner or later.
    status = Status.WARN if _is_open(around.other_family) else None
    if around.other_ports and not any(map(_answers, around.other_ports)):
        return write("T15", dial.error, status=status)
    return write("T19" if ports else "T2", dial.error, status=status, ports=ports)


def _no_route(dial: Dial, around: Surroundings, write: Pen) -> Finding:
    """A machine without IPv6 is no fault of the server while IPv4 works."""
    if _is_open(around.other_family):
        return write("T5", dial.error, status=Status.INFO)
    return write("T30" if _is_cut_off(around) else "T5", dial.error)


def _blocked_sending(dial: Dial, around: Surroundings) -> str:
    """T3: port 25 is dropped, other ports for sending are not. T4: all are, and none for retrieving."""
    dropped = {each.port for each in around.other_ports if each.reach is Reach.TIMED_OUT} | {dial.port}
    opened = {each.port for each in _opened(around.other_ports)}
    answering = {each.port for each in around.other_ports if _answers(each)}
    if dial.port == _SERVERS_ONLY and opened & _SENDING:
        return "T3"
    all_sending = dial.port in _SENDING and len(dropped & _SENDING) > 1 and not answering & _SENDING
    return "T4" if all_sending and opened & _RETRIEVING and not dropped & _RETRIEVING else ""


def _all_mail_refused(around: Surroundings) -> bool:
    """The web port answers, but none of mail: a ban that rejects, or no mail server at all."""
    mail = [each for each in around.other_ports if each.port not in _WEB]
    rest = [each for each in around.other_ports if each.port in _WEB]
    return bool(mail) and all(each.reach is Reach.REFUSED for each in mail) and _is_open(rest)


def _is_cut_off(around: Surroundings) -> bool:
    """Not even a port that must be open elsewhere answers."""
    return bool(around.elsewhere) and not any(_answers(each) for each in _everything(around))


def _everything(around: Surroundings) -> tuple[Dial, ...]:
    return (*around.other_ports, *around.other_family, *around.elsewhere)


def _answers(dial: Dial) -> bool:
    """Whether somebody is there."""
    return dial.reach in {Reach.OPEN, Reach.REFUSED, Reach.RESET}


def _opened(dials: Iterable[Dial]) -> list[Dial]:
    return [each for each in dials if each.reach is Reach.OPEN]


def _is_open(dials: Iterable[Dial]) -> bool:
    return bool(_opened(dials))


def _open_ports(around: Surroundings) -> str:
    """`993, 995`; empty if none."""
    return ", ".join(str(port) for port in sorted({each.port for each in _opened(around.other_ports)}))


def _is_loopback(address: str) -> bool:
    return ip_address(address).is_loopback


def _is_private(address: str) -> bool:
    return ip_address(address).is_private
