"""Opens the listening sockets of the port table, before privileges are dropped and workers forked."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from gatepost.errors import ConfigError, GatepostError, PortInUseError
from gatepost.net.adoption import adopt, describe
from gatepost.net.portholder import port_holders
from gatepost.ports import UNPRIVILEGED_OFFSET, Listener

BACKLOG: Final = 1024
"""Connections that the kernel holds for one socket while a worker is busy; Linux cuts it to net.core.somaxconn."""
PRIVILEGED: Final = 1024
"""Ports below need a privilege on most systems."""

NOT_SENT: Final = 128 * 1024
"""Octets that the kernel takes from us ahead of what it can send. More would hide from us whether a slow client
still reads, and cost megabytes for each that does not."""


_UNNAMED: Final = {"TCP_RTO_MAX_MS": 44} if sys.platform == "linux" else {}
"""Options that Python has no name for yet. Linux before 6.15 does not know this one, and says so."""


@dataclass(frozen=True, slots=True)
class OpenListener:
    """A row of the live table with its sockets: one for each worker on Linux, one for all elsewhere."""

    listener: Listener
    sockets: tuple[socket.socket, ...]
    where: str = field(init=False)
    """What it really listens on, as the sockets say while they are open."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", describe(self.sockets[0]))

    def close(self) -> None:
        """Closes this process's copies; other processes keep theirs."""
        for opened in self.sockets:
            opened.close()


def open_listeners(
    rows: Sequence[Listener], *, copies: int, lease: float, adopted: Iterable[socket.socket] = ()
) -> list[OpenListener]:
    """Binds every row, or none. `copies` is the number of workers, `lease` as in `keep_alive`.

    An adopted socket (from systemd) serves the rows that it fits (`adopt`). Raises PortInUseError, ConfigError.
    """
    inherited = list(adopted)
    done: list[OpenListener] = []
    bound: list[socket.socket] = []
    try:
        for row in rows:
            taken = adopt(row, inherited)
            sockets = taken or bind(row, copies)
            done.append(OpenListener(row, sockets))
            bound += () if taken else sockets
            for opened in sockets:
                opened.setblocking(False)
                keep_alive(opened, lease)
    except GatepostError:
        for opened in bound:
            opened.close()
        raise
    return done


def bind(row: Listener, copies: int) -> tuple[socket.socket, ...]:
    """Opens one row. With SO_REUSEPORT the kernel spreads connections over the copies without waking all workers.

    The first copy is tried without SO_REUSEPORT, so that another server of the same user is noticed instead of
    silently sharing its clients with us. Raises PortInUseError, ConfigError.
    """
    reuse = sys.platform == "linux" and copies > 1
    opened: list[socket.socket] = []
    try:
        _bind_one(row, row.port, reuse=False).close()
        port = row.port
        for _ in range(copies if reuse else 1):
            opened.append(_bind_one(row, port, reuse=reuse))
            port = opened[0].getsockname()[1]
        for each in opened:
            each.listen(BACKLOG)
    except OSError as error:
        for each in opened:
            each.close()
        raise _explained(row, error) from error
    return tuple(opened)


def _bind_one(row: Listener, port: int, *, reuse: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in row.address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # 0.0.0.0 and :: stand side by side
        opened.bind((row.address, port))
        if not reuse:
            opened.listen(BACKLOG)  # only listening finds out about another listener with SO_REUSEADDR
    except BaseException:
        opened.close()
        raise
    return opened


def _explained(row: Listener, error: OSError) -> GatepostError:
    name, where = row.service.name, row.where
    match error.errno:
        case errno.EADDRINUSE:
            holders = port_holders(row.port)
            who = " and ".join(map(str, holders)) or (
                f"another process; `sudo ss -ltnp sport = :{row.port}` (macOS: `sudo lsof -i :{row.port}`) names it"
            )
            return PortInUseError(
                f"{name}: {where} is taken by {who}. Stop it, or give the service another `port` in gatepost.toml."
            )
        case errno.EACCES | errno.EPERM if row.port < PRIVILEGED:
            return ConfigError(
                f"{name}: {where} needs a privilege, because the number is below {PRIVILEGED}. Start as root (Gatepost "
                "drops root after binding), or give CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=), "
                f"or set `port = {row.port + UNPRIVILEGED_OFFSET}`."
            )
        case errno.EADDRNOTAVAIL:
            return ConfigError(f"{name}: {row.address} is not an address of this machine. Correct `addresses`.")
        case errno.EAFNOSUPPORT:
            family = "IPv6" if ":" in row.address else "IPv4"
            return ConfigError(f"{name}: this system has no {family}. Take {row.address} out of `addresses`.")
        case _:
            return ConfigError(f"{name}: cannot listen on {where}: {error.strerror or error}.")


def share(sockets: Sequence[socket.socket], number: int, workers: int) -> Sequence[socket.socket]:
    """The sockets that worker `number` accepts on: together the workers serve all, however many there were before."""
    return sockets[number::workers] or (sockets[number % len(sockets)],)


def keep_alive(opened: socket.socket, lease: float) -> None:
    """A peer that vanished without a word is given up after about `lease` seconds.

    Set on the listening socket: accepted ones inherit it (tcp(7)), so that it costs nothing for each connection.
    The kernel probes after half the lease, then four times. Where something was sent and not answered, `Pulse` looks:
    TCP_USER_TIMEOUT (RFC 5482) would also end a client that just reads nothing for a while.
    """
    seconds = max(int(lease), 8)
    options = {
        "TCP_NODELAY": 1,
        "TCP_KEEPIDLE": seconds // 2,
        "TCP_KEEPALIVE": seconds // 2,  # its name on macOS
        "TCP_KEEPINTVL": seconds // 8,
        "TCP_KEEPCNT": 4,
        "TCP_NOTSENT_LOWAT": NOT_SENT,
        "TCP_RTO_MAX_MS": seconds * 500,  # a closed window is probed so often, in place of every two minutes
    }
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in options.items():
        if (number := getattr(socket, name, _UNNAMED.get(name))) is not None:
            with suppress(OSError):
                opened.setsockopt(socket.IPPROTO_TCP, number, value)
