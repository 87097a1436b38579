"""A listener with all that its connections need, and what is said there to those who are not let in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gatepost.errors import MisuseError
from gatepost.net.addresses import Networks
from gatepost.net.api import Flow, Machine, Peer, Session
from gatepost.net.doors import ACCESS_DENIED, Words
from gatepost.net.tls import TlsContexts
from gatepost.ports import Listener, TlsMode


@dataclass(slots=True)
class Entrance:
    """One row of the live table, open for business."""

    listener: Listener
    words: Words
    open_session: Callable[[Peer], Session]
    contexts: TlsContexts | None = None
    """None only where the TLS mode is NONE."""
    proxies: Networks = field(init=False)
    """Who must send a PROXY header."""
    cleartext: Networks = field(init=False)
    """Who may log in without TLS."""

    def __post_init__(self) -> None:
        if self.contexts is None and self.listener.service.tls is not TlsMode.NONE:
            raise MisuseError(f"{self.listener.service.name} needs TLS contexts")
        self.proxies = Networks(self.listener.proxy_from)
        self.cleartext = Networks(self.listener.cleartext_login_from)

    def turned_away(self, refused: str) -> bytes:
        """The cheap refusal: one line in the clear, or on a TLS port an alert, which clients show as "access denied".

        A line in the clear would look like a broken TLS set-up there ("wrong version number").
        """
        implicit = self.listener.service.tls is TlsMode.IMPLICIT
        return ACCESS_DENIED if implicit else self.words.refusal(refused)

    def identify(self, address: str, port: int, connection_id: str) -> Peer:
        """The peer as its session will see it."""
        service = self.listener.service
        return Peer(address, port, service.name, service.tls, connection_id, address in self.cleartext)


class Refused:
    """The session (and machine) of a client that is told why it is not served, and nothing else."""

    __slots__ = ("_line", "machine", "reason")

    idle_seconds = 0.0
    reads = False
    finished = True
    wants_tls = False

    def __init__(self, line: bytes, reason: str) -> None:
        self._line = line
        self.reason = reason
        self.machine: Machine = self

    def receive_data(self, data: bytes) -> None:
        """Nothing that it says matters."""

    def data_to_send(self) -> bytes:
        """The line, once."""
        line, self._line = self._line, b""
        return line

    def opened(self, flow: Flow) -> None:
        """The line is there already."""

    def answer(self, data: bytes) -> None:
        """Nothing that it says matters."""

    def advance(self) -> None:
        """Finished from the start, so there is nothing to advance."""

    def secured(self) -> None:
        """Nothing changes."""

    insider = None

    def timed_out(self) -> None:
        """Nothing to add."""

    def ended(self) -> None:
        """Nothing to add."""

    def shutting_down(self) -> None:
        """Nothing to add."""

    def closed(self, reason: str) -> Mapping[str, object]:
        """It held nothing."""
        del reason
        return {}
