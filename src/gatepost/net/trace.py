"""`serve --trace WHO`: shows the dialog of one address, network or account, for whoever looks for a fault.

Secrets never get here: a session hands over its lines with passwords and SASL data hidden already. Before a client
has logged in nobody knows whose connection it is, so its first lines are kept until it tells, within limits.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from gatepost.errors import ConfigError
from gatepost.net.addresses import Networks
from gatepost.net.api import Peer
from gatepost.text import printable

KEPT_CONNECTIONS: Final = 1000
"""Connections whose lines are kept before a login; the oldest go first."""
KEPT_LINES: Final = 40
LONGEST: Final = 1000
"""Characters of one line that are shown."""


class Trace:
    """Takes the lines of all connections, and writes those that were asked for."""

    __slots__ = ("_kept", "_networks", "_user", "_write")

    def __init__(self, who: str, write: Callable[[bytes], None]) -> None:
        """`who`: an IP address, a network, or an account's address. Raises ConfigError."""
        self._write = write
        self._kept: OrderedDict[str, list[str]] = OrderedDict()
        self._user = who.casefold() if "@" in who else ""
        try:
            self._networks = Networks(() if self._user else (who,))
        except ValueError:
            raise ConfigError(
                f"`{who}` is neither an IP address (192.0.2.7), a network (2001:db8::/64) nor an account "
                "(alice@example.com), so there is nothing to trace."
            ) from None

    def __call__(self, peer: Peer, login: str, line: str) -> None:
        """See `gatepost.pop3.context.TraceSink`."""
        if self._networks:
            if peer.address in self._networks:
                self._show(peer, line)
        elif login:
            kept = self._kept.pop(peer.connection_id, ())
            if login.casefold() == self._user:
                for each in (*kept, line):
                    self._show(peer, each)
        else:
            self._keep(peer.connection_id, line)

    def _keep(self, connection_id: str, line: str) -> None:
        lines = self._kept.setdefault(connection_id, [])
        self._kept.move_to_end(connection_id)
        if len(lines) < KEPT_LINES:
            lines.append(line[:LONGEST])
        if len(self._kept) > KEPT_CONNECTIONS:
            self._kept.popitem(last=False)

    def _show(self, peer: Peer, line: str) -> None:
        text = printable(line[:LONGEST])
        self._write(f"trace {peer.service} ip={peer.address} id={peer.connection_id} {text}\n".encode(errors="replace"))
