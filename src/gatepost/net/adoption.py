"""Which listeners the sockets serve that a service manager hands over: those of their family, address and number.

A socket on all addresses never serves a listener for one address: it would let in whom the configuration keeps out.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Final

from gatepost.ports import Listener

ANY_IPV4: Final = "0.0.0.0"
_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)


def describe(opened: socket.socket) -> str:
    """What a socket is, for people: `127.0.0.1:995`, `[::]:995 (IPv4 too)`, `Unix socket /run/x`."""
    if opened.family == socket.AF_UNIX:
        name = opened.getsockname()
        text = os.fsdecode(name) if isinstance(name, bytes) else str(name)
        return "Unix socket " + (ascii(text)[1:-1].replace("\\x00", "@", 1) or "without a name")
    if opened.family not in _INTERNET:
        return f"socket of family {int(opened.family)}"
    kind = "" if opened.type == socket.SOCK_STREAM else "UDP "
    address, port = _place(opened)
    host = f"[{address}]" if ":" in address else address
    return f"{kind}{host}:{port}" + (" (IPv4 too)" if _takes_both(opened) else "")


def adopt(row: Listener, inherited: Iterable[socket.socket]) -> tuple[socket.socket, ...]:
    """All that have the row's very address; else one for IPv4 and IPv6 together, where the row is for all IPv4."""
    usable = [each for each in inherited if not _useless(each)]
    exact = tuple(each for each in usable if _place(each) == (str(ip_address(row.address)), row.port))
    if exact or row.address != ANY_IPV4:
        return exact
    return tuple(each for each in usable if _takes_both(each) and _place(each)[1] == row.port)[:1]


def report(rows: Sequence[Listener], inherited: Sequence[socket.socket]) -> Iterator[str]:
    """Sentences about the sockets that nobody can use, and the listeners that got none though others did."""
    used = {each for row in rows for each in adopt(row, inherited)}
    for each in inherited:
        if each not in used:
            why = _useless(each) or "no listener of the configuration has this address and number"
            yield f"{describe(each)}, handed over by the service manager, is not served: {why} (`gatepost ports`)"
    for row in rows if inherited else ():
        if not adopt(row, inherited):
            yield f"{row.service.name}: the service manager handed over no socket for {row.where}; it is bound here"


def _useless(opened: socket.socket) -> str:
    """Why no listener can use it; empty: one could."""
    if opened.family not in _INTERNET or opened.type != socket.SOCK_STREAM:
        return "Gatepost listens on TCP only"
    if not opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "it does not listen (`Accept=no` is needed, and `ListenStream=`)"
    return ""


def _place(opened: socket.socket) -> tuple[str, int]:
    """Address and number; one for IPv4 that is written as IPv6 is what it is, IPv4."""
    address, port = opened.getsockname()[:2]
    parsed = ip_address(str(address).partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed), int(port)


def _takes_both(opened: socket.socket) -> bool:
    """Whether it accepts IPv4 and IPv6: what `ListenStream=995` in a unit of systemd makes."""
    return (
        opened.family == socket.AF_INET6
        and opened.getsockname()[0] == "::"
        and not opened.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    )
