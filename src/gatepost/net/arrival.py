"""The stages before the dialog: who is there (PROXY header), by which door (TLS or not), the TLS handshake."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import NoReturn, cast

from gatepost.net.doors import Door, door
from gatepost.net.entrance import Entrance, Refused
from gatepost.net.farewell import Farewell
from gatepost.net.handshake import Handshake
from gatepost.net.house import House
from gatepost.net.outcome import Ended, Outcome
from gatepost.net.pipe import TlsPipe
from gatepost.net.proxy import NoProxyError, ProxyError, is_header, parse
from gatepost.net.tls import TlsContexts
from gatepost.net.wire import Driver, Wire
from gatepost.ports import TlsMode


class Arrival(Farewell):
    """The part of a `Connection` that comes before its dialog."""

    __slots__ = ("_due", "_entrance", "_handshake", "_held")

    def __init__(self, hub: House, entrance: Entrance, source: tuple[str, int]) -> None:
        """`source` is the address as `plain_address` has it, and the port."""
        super().__init__(hub, source, entrance.identify(*source, hub.next_id()))
        self._entrance = entrance
        self._due = self._started + hub.timing.first_octets
        self._handshake: Handshake | None = None
        self._held = b""
        """The beginning of a PROXY header."""

    @abstractmethod
    def _welcome(self) -> None:
        """In the clear or over TLS the session begins, or goes on after STARTTLS."""

    def refuse(self, reason: str) -> None:
        """The client shall hear why it is not served, by its own door and in its own protocol, and nothing else."""
        self._session = Refused(self._entrance.words.refusal(reason), reason)

    def begin(self, accepted: int) -> None:
        """Takes over the accepted socket, by its descriptor."""
        try:
            self._wire = wire = Wire(self._hub.loop, self._hub.watch, accepted, cast("Driver", self))
        except OSError as error:
            os.close(accepted)
            self._finish(Ended(Outcome.LOST, str(error)))
        else:
            self._send = wire.write
            self._go(self._arrive)

    def _arrive(self) -> None:
        """Who is it? A balancer says so first."""
        if self._source[0] in self._entrance.proxies:
            self._stage = self._read_proxy_header
        else:
            self._come_to_the_door()

    def _read_proxy_header(self) -> None:
        if not self._unread and not self._held and self._end is not None and self._end.outcome is Outcome.TIMEOUT:
            self._tell_of_no_header("said nothing")
        self._held += self._input()
        try:
            header = parse(self._held)
        except ProxyError as error:
            if isinstance(error, NoProxyError):
                self._tell_of_no_header("began without one")
            raise Ended(Outcome.PROXY, str(error)) from None
        if header is None:
            return
        data, self._held = self._held, b""
        self._give_back(data[header.size :])
        if header.address:
            self.peer = self._entrance.identify(header.address, header.port, self.peer.connection_id)
        if refused := self._hub.admit(self, self.peer.address):
            self._put(self._entrance.turned_away(refused))
            self._gone = True  # as far as we care: it is not waited for
            raise Ended(Outcome.REFUSED, refused)
        self._come_to_the_door()

    def _tell_of_no_header(self, what: str) -> None:
        where, address = self._entrance.listener.where, self._source[0]
        self._hub.seldom.say(
            "no header",
            f"{where} {address}",
            f"{where}: {address} is in `proxy_from`, so it must send a PROXY header first, but it {what}. Switch the "
            "header on in the balancer (HAProxy: send-proxy-v2), or take the address out of `proxy_from`",
        )

    def _come_to_the_door(self) -> None:
        match self._entrance.listener.service.tls:
            case TlsMode.IMPLICIT:
                self._stage = self._first_octets
            case TlsMode.STARTTLS:
                self._stage = self._early_octets
                self._hub.greet_later(self)
            case _:
                self._enter(b"")
                return
        if self._unread or self._end is not None:
            self._stage()

    def _first_octets(self) -> None:
        """After `Timing.first_octets` of silence the client waits for a greeting that TLS does not have."""
        if not self._unread and self._end is not None and self._end.outcome is Outcome.TIMEOUT:
            self._end = None
            self._enter(b"")
        elif first := self._input():
            self._give_back(first)
            self._enter(first)

    def _early_octets(self) -> None:
        """What a client sends before it was greeted."""
        self._enter(b"".join(self._unread))

    def greet(self) -> None:
        """The client had its `Timing.greeting_delay` to speak first."""
        if self._stage == self._early_octets:
            self._go(self._early_octets)

    def _enter(self, first: bytes) -> None:
        """Chooses the door by the client's first octets, if it sent any."""
        self._stage = None
        listener = self._entrance.listener
        if is_header(first):
            self._turn_header_away()
        match door(first, listener.service.tls):
            case Door.TLS:
                self._secure()
            case Door.WRONG:
                self._put(self._entrance.words.wrong_door(listener))
                said = "the client spoke first, without TLS" if first else "the client waited for a greeting"
                raise Ended(Outcome.WRONG_DOOR, f"no TLS on a port that speaks TLS from the first byte: {said}")
            case Door.PLAIN:
                self._welcome()

    def _turn_header_away(self) -> NoReturn:
        """Whoever may not send one does so: a forgery, or a balancer that nobody told us of. Raises Ended."""
        where, address = self._entrance.listener.where, self._source[0]
        self._hub.seldom.say(
            "header",
            f"{where} {address}",
            f"{where}: {address} sends a PROXY header, but is not in `proxy_from`, so it is turned away. If it is your "
            "balancer, put it into `proxy_from` of this service; if not, somebody tried to forge an address",
        )
        self._put(self._entrance.words.refusal("a PROXY header came from an address that may not send one"))
        raise Ended(Outcome.PROXY, "a PROXY header from an address that may not send one (setting `proxy_from`)")

    def _secure(self) -> None:
        """The TLS handshake begins as soon as it is the client's turn."""
        self._due = self._hub.clock() + self._hub.timing.handshake
        self._stage = self._wait_for_turn
        self._hub.pace(self)

    def _wait_for_turn(self) -> None:
        """What arrives is kept. Raises Ended when there is nothing left to wait for."""
        if self._end is not None:
            raise self._end

    def shake_hands(self) -> None:
        """See `Newcomer`."""
        if self._stage == self._wait_for_turn:
            self._go(self._begin_handshake)

    def _begin_handshake(self) -> None:
        self._due = self._hub.clock() + self._hub.timing.handshake
        entrance = self._entrance
        contexts = cast("TlsContexts", entrance.contexts)
        self._handshake = Handshake(contexts, entrance.words.alpn, entrance.listener.client_ca)
        self._stage = self._shake_hands
        self._shake_hands()

    def _shake_hands(self) -> None:
        handshake: Handshake = self._handshake  # type: ignore[assignment]  # made before this stage
        if handshake.pipe and not self._unread and self._end is not None and self._end.outcome is Outcome.CLOSED:
            text = "the client broke the TLS handshake off, as many do that do not trust our certificate"
            raise Ended(Outcome.NO_TLS, text)
        done = False
        try:
            done = handshake.feed(self._input())
        finally:
            if not done:
                self._put(handshake.answer())
        if done:
            self._take_over(cast("TlsPipe", handshake.pipe))

    def _take_over(self, pipe: TlsPipe) -> None:
        """TLS stands. The last octets of its handshake go out with the first words inside it."""
        self._stage = self._handshake = None
        self._pipe, self.tls, self._send = pipe, pipe.info(), self._seal
        if pipe.unread:
            self._give_back(self._decrypt(b""))
        self._welcome()
