"""What a protocol session and the driver know of each other. No socket, no event loop, no clock in here."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from msgspec import Struct

from gatepost.ports import TlsMode


class TlsInfo(Struct, frozen=True):
    """The encryption of a connection, as far as a session cares."""

    version: str
    """`TLSv1.3` or `TLSv1.2`."""
    cipher: str
    sni: str
    resumed: bool
    server_end_point: bytes
    """Channel binding `tls-server-end-point` (RFC 5929 §4)."""
    exporter: bytes
    """Channel binding `tls-exporter` (RFC 9266); empty where the platform cannot give it."""
    client_identity: str = ""
    """The address in the client's verified certificate (SAN rfc822Name), if it showed one."""


class Peer(Struct, frozen=True):
    """Who is at the other end, and by which door they came."""

    address: str
    """IP address without brackets or zone; behind a trusted proxy, the client's own."""
    port: int
    service: str
    """The row of the port table, e.g. `pop3s`."""
    tls_mode: TlsMode
    connection_id: str
    """Short, unique, in every log line about this connection."""
    cleartext_login: bool = False
    """The administrator allows this network to log in without TLS."""


class Insider(Struct, frozen=True):
    """Who is logged in on a connection, and by what."""

    account_id: int
    login: str
    credential_id: int
    """0 for a client certificate."""
    credential: str
    mechanism: str


class Machine(Protocol):
    """A pure protocol core: bytes in, events out; replies in, bytes out."""

    reads: bool
    """Whether it takes further octets: not once the conversation is over, or while TLS must come first."""

    def receive_data(self, data: bytes) -> None:
        """Takes octets from the peer; empty means that the peer closed its side."""

    def data_to_send(self) -> bytes:
        """Gives what is to be written, once."""


class Flow(Protocol):
    """The session's hands on its connection, given to it by the driver."""

    @property
    def tls(self) -> TlsInfo | None:
        """None while the connection is in the clear."""

    @property
    def spent(self) -> bool:
        """The session has worked so long without a pause that others should have their turn: `flush` gives it to them.
        To be asked between any two pieces of work of which a client can have many.
        """

    async def flush(self) -> None:
        """Writes `machine.data_to_send()`; waits while the peer does not read (back-pressure), and, if the present
        turn is `spent`, for the next one.

        Raises ConnectionError when the connection is gone.
        """


class Session(Protocol):
    """The async half of a protocol: takes the machine's events to the store and back."""

    machine: Machine

    def opened(self, flow: Flow) -> None:
        """The connection stands (TLS done, if implicit): greet."""

    def answer(self, data: bytes) -> bytes | None:
        """Takes octets as `machine.receive_data` does, and gives the answer if they are a command with a ready one.

        None: go on with `advance`. Called only while there is nothing else to be done.
        """

    def advance(self) -> Coroutine[Any, Any, None] | None:
        """Handles every event the machine has. Called after octets came; output is flushed by the driver. Once the peer
        has closed its side (`receive_data` of nothing) there is nothing to wait for.

        Most commands are answered here and now, and None comes back; what has to wait for something is returned,
        to be awaited.
        """

    @property
    def idle_seconds(self) -> float:
        """How long the peer may stay without completing a command, in the present state."""

    @property
    def wants_tls(self) -> bool:
        """The positive reply to STARTTLS is in `data_to_send`: after flushing it the driver upgrades."""

    def secured(self) -> None:
        """TLS stands after STARTTLS; plaintext buffered before was thrown away."""

    @property
    def finished(self) -> bool:
        """Nothing more to say: the driver flushes and closes."""

    def timed_out(self) -> None:
        """`idle_seconds` ran out: may put a last line into the machine. The driver then flushes and closes."""

    def shutting_down(self) -> None:
        """The server drains and this session is between commands: say goodbye, become `finished`."""

    def ended(self) -> None:
        """Somebody ended this session, which is between commands: say so, become `finished`. See `Hub.expel`."""

    @property
    def insider(self) -> Insider | None:
        """Who is logged in; None before that."""

    def closed(self, reason: str) -> Mapping[str, object]:
        """The connection is gone: give back locks; returns the fields of the log line, in order."""
