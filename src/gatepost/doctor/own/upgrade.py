"""How each protocol gets from the clear to TLS, for `gatepost.net.probe`, which knows no protocol's words."""

from __future__ import annotations

import socket
from typing import Final

from gatepost.net.probe import ProbeError, Upgrade
from gatepost.pop3.client import Answer, Client, Greeting
from gatepost.pop3.commands import Stls

_LINE: Final = 512


def _upgrade_pop3(connected: socket.socket) -> None:
    """RFC 2595 §4. Raises ProbeError, OSError."""
    client = Client()
    while True:
        match client.next_event():
            case Greeting():
                client.send(Stls())
                connected.sendall(client.data_to_send())
            case Answer(status=status) if status.ok:
                return
            case Answer():
                raise ProbeError("the server refused STLS")
            case _:
                data = connected.recv(_LINE)
                if not data:
                    raise ProbeError("the server closed the connection before TLS")
                client.receive_data(data)


UPGRADES: Final[dict[str, Upgrade]] = {"pop3": _upgrade_pop3}
"""By `Service.protocol`."""
