"""How a connection ends: its last words, what its session gives back, its line in the log, its socket."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from gatepost.net.api import Insider, Peer, Session
from gatepost.net.entrance import Refused
from gatepost.net.house import House
from gatepost.net.outcome import DONE, Ended, Outcome, record
from gatepost.net.pipe import TlsPipe
from gatepost.net.stream import Stream, nowhere
from gatepost.net.wire import Wire


class Farewell(Stream):
    """The part of a `Connection` with which every stage of it can end."""

    __slots__ = (
        "_gone", "_idle", "_lingers", "_session", "_since", "_source", "_stage", "_started", "_task", "_unsent",
        "counted", "peer",
    )  # fmt: skip

    def __init__(self, hub: House, source: tuple[str, int], peer: Peer) -> None:
        """`source` is the address as `plain_address` has it, and the port."""
        super().__init__(hub)
        self._source = source
        self._started = self._since = hub.clock()
        self._session: Session | None = None
        self._unsent = 0
        self._idle = self._gone = self._lingers = False
        self._stage: Callable[[], None] | None = None
        """What goes on when something arrives, before the dialog."""
        self._task: asyncio.Task[None] | None = None
        self.counted = ""
        """The address that `Tally.connect` has counted for this connection."""
        self.peer = peer

    @property
    def insider(self) -> Insider | None:
        """Who is logged in here; None: nobody, or the session is over."""
        return self._session.insider if self._session is not None and not self._lingers else None

    @property
    def since(self) -> tuple[float, float]:
        """When it began, and when it was last answered; monotonic, the latter as exact as `Hub.now`."""
        return self._started, self._since

    def _go(self, stage: Callable[[], None]) -> None:
        """One step on. A session's bug must not hurt the others; it is logged."""
        try:
            stage()
        except Ended as end:
            self._finish(end)
        except Exception as error:  # noqa: BLE001 -- see above
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, ConnectionError):
            self._finish(self._end or Ended(Outcome.LOST, str(error)))
        elif isinstance(error, Exception):
            self._hub.failed(self, error)
            self._finish(Ended(Outcome.FAILED, repr(error)))
        else:
            self._finish(Ended(Outcome.SHUTDOWN))

    def cut(self) -> None:
        """`abort`, whatever the session does."""
        self.abort()
        self._take()
        self._end = self._end or Ended(Outcome.SHUTDOWN)
        if self._task is not None:
            self._task.cancel()
        else:
            self._finish(self._end)

    def _finish(self, end: Ended) -> None:
        """The last words go out; what the session holds is given back; the record is written; the wire closed.

        Whatever goes wrong on that way, the connection ends.
        """
        if self._lingers:
            return
        self._stage, self._idle, self._lingers, self._deaf = None, False, True, False
        try:
            self._take_leave(self._session.machine.data_to_send() if self._session and end is DONE else b"")
        except Exception as error:  # noqa: BLE001 -- as in `_go`
            self._hub.failed(self, error)
            end = Ended(Outcome.FAILED, repr(error))
        try:
            self._conclude(end)
        except Exception as error:  # noqa: BLE001 -- as in `_go`
            self._hub.failed(self, error)
        end.__traceback__ = None  # its frames hold what ends here
        if self._wire is None:
            self._hub.left(self)
        else:
            self._part(self._wire, end)

    def _take_leave(self, last: bytes) -> None:
        """Says the last words; over TLS its own goodbye goes along with them."""
        if self.tls is None:
            self._put(last)
        elif self._wire is not None and not self._wire.closing:
            pipe: TlsPipe = self._pipe  # type: ignore[assignment]  # there is one whenever there is `tls`
            try:
                self._wire.write((pipe.send(last) if last else b"") + pipe.close())
            except ssl.SSLError:
                self._wire.abort()

    def _conclude(self, end: Ended) -> None:
        """Gives back what the session holds and writes the record, without waiting for the peer."""
        session, fields = self._session, {}
        if isinstance(session, Refused):
            end = Ended(Outcome.REFUSED, session.reason)
        try:
            reason = "" if end is DONE else str(end)
            fields = dict(session.closed(reason)) if session is not None else {}
        except Exception as error:  # noqa: BLE001 -- as in `_go`
            self._hub.failed(self, error)
        seconds = round(self._hub.clock() - self._started, 3)
        self._hub.report(record(self.peer, self.tls, self._source[0], seconds, end, fields))
        self._session, self._send = None, nowhere

    def _part(self, wire: Wire, end: Ended) -> None:
        """Closes; what we still have to send goes out first.

        To close with octets of the peer unread would destroy our last line on its way. A peer that was asked to leave
        may still be talking, so its side is read, and thrown away, until it has closed too; `check` cuts it off when
        it takes its time.
        """
        if wire.closing:
            return
        self._since, self._unsent = self._hub.now, wire.unsent
        if self._gone or (end is DONE and not self._unread):
            wire.close()
        else:
            self._take()
            self._regulate()
            wire.write_eof()
