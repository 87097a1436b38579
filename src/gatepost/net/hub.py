"""All connections of one worker: who is let in, whose time is up, and how they all end."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Final, Protocol

from gatepost.config.settings import Limits
from gatepost.net import sessions
from gatepost.net.addresses import Networks, counted_as, network_of, plain_address
from gatepost.net.api import Insider
from gatepost.net.connection import Connection
from gatepost.net.entrance import Entrance
from gatepost.net.house import Guest, Newcomer
from gatepost.net.loop import watch_of
from gatepost.net.outcome import Ended, Outcome
from gatepost.net.pace import Pace
from gatepost.net.seldom import Seldom
from gatepost.net.tally import Tally
from gatepost.net.timing import Timing
from gatepost.net.turns import Turns

TICK: Final = 1.0
"""Seconds between two looks at all connections: 20,000 of them cost 10 ms."""
AT_ONCE: Final = 500
"""Connections that are looked at in one go."""
COURTESY: Final = 10
"""Refused clients for each second that get a full connection, TLS included, to be told why in their own protocol.
A handshake costs 0.6 ms; whoever floods us does not get to choose that we spend it."""
BURST_SECONDS: Final = 10
"""Seconds' worth of handshakes that nobody has to wait for: after a restart all of an office come back at once."""
_LAST_RITES: Final = 5.0
"""Seconds for sessions to give back what they hold after they were cut off."""


class Gate(Protocol):
    """What the hub does with an `Acceptor`."""

    def resume(self) -> None:
        """There may be room again."""

    def drain(self) -> None:
        """Lets nobody in any more."""

    def stop(self) -> None:
        """`drain`, and closes."""


class Hub:
    """Make it inside the running loop of a worker, then `start`."""

    def __init__(
        self,
        *,
        tally: Tally,
        limits: Limits,
        report: Callable[[Mapping[str, object]], None],
        notice: Callable[[str], None],
        opened: Callable[[str], None],
        closed: Callable[[str], None],
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`report` gets one record for each connection at its end, `notice` a sentence for the administrator,
        `opened` and `closed` the service's name when a connection begins and when it is gone.
        """
        self.loop = asyncio.get_running_loop()
        self.watch = watch_of(self.loop)
        self.timing = timing or Timing()
        self.report = report
        self.notice = notice
        self.clock = clock
        self.turns = Turns(self.loop.call_soon, clock)
        self.now = clock()
        """Monotonic time of the last tick: exact enough for idle time, and free."""
        self.seldom = Seldom(notice, clock)
        self.acceptors: list[Gate] = []
        self._tally = tally
        self._limits = limits
        self._allow = Networks(limits.allow)
        self._by_address = Pace(limits.handshakes_per_address, BURST_SECONDS * limits.handshakes_per_address)
        self._by_network = Pace(limits.handshakes_per_network, BURST_SECONDS * limits.handshakes_per_network)
        self._opened = opened
        self._closed = closed
        self._live: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._ungreeted: deque[tuple[float, Newcomer]] = deque()
        self._greeter: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None
        self._prefix = secrets.token_hex(3)
        self._count = 0
        self._courtesy = COURTESY

    def __len__(self) -> int:
        return len(self._live)

    @property
    def full(self) -> bool:
        """No room for another connection."""
        return len(self._live) >= self._limits.connections

    def next_id(self) -> str:
        """A connection id that no other worker gives."""
        self._count += 1
        return f"{self._prefix}-{self._count:x}"

    def start(self) -> None:
        """Begins to look at connections every `TICK`."""
        self._timer = self.loop.call_later(TICK, self._run_tick)

    def _run_tick(self) -> None:
        self.start()
        self.now = self.clock()
        self._courtesy = COURTESY
        self._look_on(iter(tuple(self._live)))

    def _look_on(self, connections: Iterator[Connection]) -> None:
        """A look at some connections, and at the rest in turns."""
        some = tuple(islice(connections, AT_ONCE))
        self._look_at(some)
        if len(some) == AT_ONCE:
            self.turns.queue(lambda: self._look_on(connections))
        else:
            self._make_room()

    def tick(self, now: float) -> None:
        """One look at everything, at monotonic time `now`."""
        self.now = now
        self._courtesy = COURTESY
        self._look_at(tuple(self._live))
        self._make_room()

    def _look_at(self, connections: Iterable[Connection]) -> None:
        for connection in connections:
            try:
                connection.check(self.now)
            except Exception as error:  # noqa: BLE001 -- the others are looked at all the same
                self.failed(connection, error)
                connection.abort()

    def take(self, accepted: int, source: tuple[str, int], entrance: Entrance) -> None:
        """A client was accepted from `source`, under this descriptor: welcomes or refuses it."""
        address = plain_address(source[0])
        refused, counted = ("", "") if address in entrance.proxies else self._admit(address)
        if refused and not self._courteous():
            _turn_away(accepted, entrance.turned_away(refused))
            return
        connection = Connection(self, entrance, (address, source[1]))
        connection.counted = counted
        if refused:
            connection.refuse(refused)
        self._opened(entrance.listener.service.name)
        self._live.add(connection)
        connection.begin(accepted)

    def admit(self, guest: Newcomer, address: str) -> str:
        """The same for a client whose address became known behind a proxy."""
        refused, guest.counted = self._admit(address)
        if refused and not self._courteous():
            return refused
        if refused:
            guest.refuse(refused)
        return ""

    def pace(self, guest: Newcomer) -> None:
        """Calls `shake_hands` when it is the client's turn. A handshake costs as much as a session without TLS, and
        anybody may begin one.
        """
        address = guest.peer.address
        if address not in self._allow and (seconds := self._wait(address)):
            self.loop.call_later(seconds, self.turns.heavy, guest.shake_hands)
        else:
            self.turns.heavy(guest.shake_hands)

    def _wait(self, address: str) -> float:
        """Seconds until the address's next handshake."""
        now, limits = self.clock(), self._limits
        alone = self._by_address.wait(counted_as(address), now)
        together = self._by_network.wait(network_of(address), now)
        if alone or together:
            who, most, name = (
                (address, limits.handshakes_per_address, "handshakes_per_address")
                if alone >= together
                else (f"the network of {address}", limits.handshakes_per_network, "handshakes_per_network")
            )
            self.seldom.say(
                name,
                counted_as(address) if alone >= together else network_of(address),
                f"{who} begins TLS more than {most} times a second: its connections wait for their turn. If it is an "
                f"office or a proxy of yours, raise `{name}` in [limits] or put it into `allow`",
            )
        return max(alone, together)

    def _admit(self, address: str) -> tuple[str, str]:
        """Why it is refused, and the address if it was counted."""
        if seconds := self._tally.refusal(address, self.clock()):
            return f"too many failed logins from your IP address, try again in {_duration(seconds)}", ""
        if not self._tally.connect(address):
            most = self._limits.connections_per_address
            return f"your IP address has {most} connections open, which is the limit; close some and try again", ""
        return "", address

    def _courteous(self) -> bool:
        self._courtesy -= 1
        return self._courtesy >= 0 and not self.full

    def left(self, guest: Guest) -> None:
        """To be called by every connection, once, when it is over."""
        if guest.counted:
            self._tally.disconnect(guest.counted)
        self._live.discard(guest)
        if not self._live and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)
        self._closed(guest.peer.service)
        self._make_room()

    def _make_room(self) -> None:
        for acceptor in self.acceptors:
            acceptor.resume()

    def greet_later(self, guest: Newcomer) -> None:
        """Calls `greet` after `Timing.greeting_delay`. One timer serves all: the delay is the same for everybody."""
        due = self.loop.time() + self.timing.greeting_delay
        self._ungreeted.append((due, guest))
        if self._greeter is None:
            self._greeter = self.loop.call_at(due, self._greet)

    def _greet(self) -> None:
        self._greeter = None
        waiting, now = self._ungreeted, self.loop.time()
        while waiting and waiting[0][0] <= now:
            waiting.popleft()[1].greet()
        if waiting and self._greeter is None:
            self._greeter = self.loop.call_at(waiting[0][0], self._greet)

    def failed(self, guest: Guest, error: Exception) -> None:
        """A bug in a session: for the loop's exception handler, with its traceback."""
        text = f"connection {guest.peer.connection_id} ({guest.peer.service}) failed"
        self.loop.call_exception_handler({"message": text, "exception": error})

    def insiders(self) -> list[tuple[sessions.Guest, Insider]]:
        """All connections on which somebody is logged in."""
        return [(each, insider) for each in self._live if (insider := each.insider) is not None]

    async def retire(self) -> None:
        """Lets nobody in any more, and waits until the last connection has ended by itself."""
        for acceptor in self.acceptors:
            acceptor.stop()
        await self._empty()

    async def _empty(self, patience: float | None = None) -> bool:
        """Waits, for so many seconds, until the last connection is over; whether it is."""
        if not self._live:
            return True
        if self._emptied is None or self._emptied.done():
            self._emptied = self.loop.create_future()
        await asyncio.wait((self._emptied,), timeout=patience)
        return not self._live

    async def drain(self, seconds: float) -> None:
        """Stops accepting, says goodbye to sessions between commands, gives the others `seconds`, then cuts them."""
        for acceptor in self.acceptors:
            acceptor.drain()
        for connection in tuple(self._live):
            connection.end(Ended(Outcome.SHUTDOWN))
        if await self._empty(seconds):
            return
        for connection in tuple(self._live):
            connection.cut()
        await self._empty(_LAST_RITES)

    def close(self) -> None:
        """Stops accepting and looking; connections are left as they are (see `drain`)."""
        for acceptor in self.acceptors:
            acceptor.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._greeter is not None:
            self._greeter.cancel()
            self._greeter = None


def _turn_away(accepted: int, octets: bytes) -> None:
    os.set_blocking(accepted, False)
    with suppress(OSError):
        os.write(accepted, octets)
    os.close(accepted)


def _duration(seconds: float) -> str:
    return f"{max(int(seconds), 1)} seconds" if seconds < 120 else f"{round(seconds / 60)} minutes"
