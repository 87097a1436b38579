"""The TRANSACTION state (RFC 1939 §5, §7): an open maildrop, read as fast as the client takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Self

from gatepost.errors import DomainError, PeerError
from gatepost.identity.api import Login
from gatepost.model import CHUNK
from gatepost.pop3 import commands, texts
from gatepost.pop3.context import Context, Talk
from gatepost.pop3.drop import SLICE, Drop
from gatepost.pop3.framing import Stuffer, Top, stuffed
from gatepost.pop3.grammar import END
from gatepost.pop3.replies import RefusedError
from gatepost.pop3.source import Source
from gatepost.pop3.stage import Handlers, Stage, Waiting
from gatepost.pop3.update import commit, farewell


class Lease:
    """What a logged-in session holds: its place among the account's sessions, and the maildrop's lock."""

    __slots__ = ("_account_id", "_context", "_held", "_locked")

    def __init__(self, context: Context, account_id: int) -> None:
        """Raises RefusedError if the account has its full number of sessions."""
        if not context.tally.enter(account_id):
            raise RefusedError(texts.TOO_MANY_SESSIONS)
        self._context = context
        self._account_id = account_id
        self._locked = 0
        self._held = True

    def __enter__(self) -> Self:
        """For what may still go wrong before the session is in: only an exception gives back what is held."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.give_back()

    def lock(self, maildrop: int) -> None:
        """Raises RefusedError if another session has the maildrop; see `MaildropLocks`.

        Comes before the maildrop is read: what another session deletes must not be listed.
        """
        if self._context.options.maildrop == "snapshot":
            return
        if not self._context.locks.acquire(maildrop):
            raise RefusedError(texts.IN_USE)
        self._locked = maildrop

    def give_back(self) -> None:
        """Idempotent."""
        if self._locked:
            self._context.locks.release(self._locked)
            self._locked = 0
        if self._held:
            self._context.tally.leave(self._account_id)
            self._held = False


class Transaction(Stage):
    """After login."""

    __slots__ = ("_drop", "_lease", "_login")

    def __init__(self, talk: Talk, login: Login, drop: Drop, lease: Lease) -> None:
        super().__init__(talk)
        self._login = login
        self._drop = drop
        self._lease = lease

    def leave(self) -> None:
        """See `Stage`. Gives back the maildrop; deletes nothing."""
        self._lease.give_back()

    # -- Small commands

    async def capa(self, _: commands.Capa) -> Stage | None:
        await self._send_capabilities(self._login.account)
        return None

    def noop(self, _: commands.Noop) -> bytes:
        return self._talk.voice.ok(texts.STILL_HERE)

    def stat(self, _: commands.Stat) -> bytes:
        return b"+OK %d %d\r\n" % self._drop.stat()

    def dele(self, command: commands.Dele) -> bytes:
        self._drop.mark(self._drop.position(command.number))
        return self._talk.voice.ok(texts.MARKED, command.number)

    def rset(self, _: commands.Rset) -> bytes:
        self._drop.unmark()
        return self._talk.voice.ok(texts.UNMARKED, len(self._drop))

    def bye(self, _: commands.Quit) -> Waiting | None:
        """RFC 1939 §6. Whatever comes of it, the lock is given back and the connection ends."""
        if self._drop.marked:
            return self._update()
        self._say_goodbye()
        self._lease.give_back()
        return None

    async def _update(self) -> None:
        talk = self._talk
        try:
            talk.record.deleted = await commit(talk, self._login, self._drop)
        except (DomainError, PeerError) as error:
            talk.record.ended("error", str(error))
            talk.machine.close(talk.voice.failure(error))
        except Exception as error:
            talk.record.ended("error", repr(error))
            talk.machine.close(talk.voice.err(texts.TROUBLE))
            raise
        else:
            self._say_goodbye()
        finally:
            self._lease.give_back()

    def _say_goodbye(self) -> None:
        talk = self._talk
        talk.record.ended("quit")
        talk.machine.close(farewell(talk.voice, self._login, talk.record.deleted))

    # -- Listings

    def list_sizes(self, command: commands.ListSizes) -> bytes | Waiting:
        drop = self._drop
        if command.number is None:
            return self._listing(self._talk.voice.ok(texts.SIZES, drop.stat()[0]), drop.size_lines)
        size = drop.size(drop.position(command.number))
        return b"+OK %d %d\r\n" % (command.number, size)

    def uidl(self, command: commands.Uidl) -> bytes | Waiting:
        drop = self._drop
        if command.number is None:
            return self._listing(self._talk.voice.ok(texts.UNIQUE_IDS), drop.uidl_lines)
        uidl = drop.uidl(drop.position(command.number))
        return b"+OK %d %b\r\n" % (command.number, uidl.encode())

    def _listing(self, status: bytes, lines: Callable[[int], bytes]) -> bytes | Waiting:
        """A short listing is one piece; a long one goes out slice by slice, and others get their turn."""
        if len(self._drop) > SLICE:
            return self._long_listing(status, lines)
        return status + lines(0) + END

    async def _long_listing(self, status: bytes, lines: Callable[[int], bytes]) -> None:
        talk = self._talk
        talk.machine.send(status)
        for start in range(0, len(self._drop), SLICE):
            talk.machine.send(lines(start))  # pure arithmetic: nothing that could fail half way
            if talk.machine.full or talk.flow.spent:
                await talk.flow.flush()
        talk.machine.send(END)

    # -- Messages

    def retr(self, command: commands.Retr) -> bytes | Waiting:
        talk, drop = self._talk, self._drop
        position = drop.position(command.number)
        reply = None
        if position not in drop.surrogates and talk.machine.shown is None:  # a trace shows no bodies
            context, voice, blob_id = talk.context, talk.machine.voice, drop.blobs[position]
            reply = context.shelf.find(blob_id, voice, context.clock()) or self._made(position, blob_id)
        if reply is None:
            return self._retr_in_pieces(position)
        talk.record.retrieved += 1
        return reply

    def _made(self, position: int, blob_id: int) -> bytes | None:
        """The whole reply, from its status line to its final dot, if the body is short and at hand."""
        context, voice, size = self._talk.context, self._talk.machine.voice, self._drop.size(position)
        body = context.store.at_hand(blob_id) if size <= CHUNK else None
        if body is None:
            return None
        reply = b"%b%b%b" % (voice.ok(texts.OCTETS, size), stuffed(body), END)
        context.shelf.keep(blob_id, voice, reply)
        return reply

    async def _retr_in_pieces(self, position: int) -> None:
        await self._stream(self._talk.voice.ok(texts.OCTETS, self._drop.size(position)), position, None)
        self._talk.record.retrieved += 1

    async def top(self, command: commands.Top) -> None:
        position = self._drop.position(command.number)
        await self._stream(self._talk.voice.ok(texts.BEGINNING), position, Top(command.lines))
        self._talk.record.top += 1

    async def _stream(self, status: bytes, position: int, top: Top | None) -> None:
        talk, drop = self._talk, self._drop
        source = Source(talk, drop.blobs[position], surrogate=position in drop.surrogates)
        piece = await source.read()
        talk.machine.send(status)
        stuffer = Stuffer()
        try:
            while piece:
                talk.machine.send_body(stuffer.feed(top.feed(piece) if top else piece))
                if top and top.done:
                    break
                if talk.machine.full or talk.flow.spent:
                    await talk.flow.flush()
                piece = await source.read()
        except ConnectionError:
            raise
        except Exception as error:
            # Only a connection that ends without the final dot tells the client now.
            talk.record.ended("error", str(error) or type(error).__name__)
            talk.machine.close()
            if not isinstance(error, DomainError):
                raise
            return
        talk.machine.send_body(stuffer.end())

    handlers: ClassVar[Handlers] = {
        commands.Quit: bye,
        commands.Capa: capa,
        commands.Lang: Stage.lang,
        commands.Noop: noop,
        commands.Stat: stat,
        commands.Dele: dele,
        commands.Rset: rset,
        commands.ListSizes: list_sizes,
        commands.Uidl: uidl,
        commands.Retr: retr,
        commands.Top: top,
    }
