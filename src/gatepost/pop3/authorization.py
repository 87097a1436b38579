"""The AUTHORIZATION state (RFC 1939 §4): everything up to the moment when a maildrop is open."""

from __future__ import annotations

from collections.abc import Awaitable
from math import ceil
from typing import ClassVar

from gatepost.errors import DomainError, InvalidValueError, NoSuchMailboxError, PeerError
from gatepost.identity.api import Challenge, Dialog, Login, LoginFailedError
from gatepost.model import INBOX, Account, Maildrop, Scope
from gatepost.pop3 import commands, texts
from gatepost.pop3.context import Talk
from gatepost.pop3.drop import Drop
from gatepost.pop3.replies import RefusedError, multi_line
from gatepost.pop3.stage import Handlers, Stage
from gatepost.pop3.transaction import Lease, Transaction
from gatepost.sasl.exchange import EXTERNAL


def _denial(failed: LoginFailedError, mechanism: str) -> texts.Text:
    """What a client hears; whatever it must not be able to tell apart is one sentence."""
    if failed.temporary:
        return texts.TOO_MANY_LOGINS
    if failed.reason == "authzid":
        return texts.NOT_FOR_OTHERS
    return texts.CERTIFICATE_UNKNOWN if mechanism == EXTERNAL else texts.LOGIN_FAILED


class Authorization(Stage):
    """Before login."""

    __slots__ = ("_dialog", "_name")

    def __init__(self, talk: Talk) -> None:
        super().__init__(talk)
        self._name = ""
        self._dialog: Dialog | None = None

    # -- Small commands

    def bye(self, _: commands.Quit) -> None:
        self._talk.record.ended("quit")
        self._talk.machine.close(self._talk.voice.ok(texts.GOODBYE))

    def stls(self, _: commands.Stls) -> None:
        """RFC 2595 §4. UTF8 before it is forgiven (RFC 6856 §2.1 leaves that to us): TLS forgets it anyway."""
        talk = self._talk
        if talk.encrypted:
            raise RefusedError(texts.TLS_ALREADY)
        if not talk.may_secure:
            raise RefusedError(texts.TLS_NOT_HERE, talk.context.secure_port)
        talk.machine.send(talk.voice.ok(texts.BEGIN_TLS))
        talk.machine.securing()

    def utf8(self, _: commands.Utf8) -> None:
        self._talk.choose(utf8=True)
        self._talk.machine.send(self._talk.voice.ok(texts.UTF8_ON))

    def apop(self, _: commands.Apop) -> None:
        raise RefusedError(texts.APOP_REFUSED)

    def list_mechanisms(self, _: commands.ListMechanisms) -> None:
        talk = self._talk
        self._must_be_private()
        mechanisms = talk.context.authenticator.mechanisms(talk.flow.tls)
        talk.machine.send(multi_line(talk.voice.ok(texts.MECHANISM_LIST), mechanisms))

    # -- Who are you?

    def user(self, command: commands.User) -> None:
        self._must_be_private()
        self._name = command.name
        self._talk.machine.named()
        self._talk.machine.send(self._talk.voice.ok(texts.SEND_PASSWORD))

    async def password(self, command: commands.Pass) -> Stage | None:
        talk = self._talk
        talk.record.mechanism = "USER"
        authenticator = talk.context.authenticator
        return await self._attempt(authenticator.password(self._name, command.password, talk.peer, Scope.POP3, "USER"))

    async def auth(self, command: commands.Auth) -> Stage | None:
        talk = self._talk
        self._must_be_private()
        if command.mechanism not in talk.context.authenticator.mechanisms(talk.flow.tls):
            raise RefusedError(texts.MECHANISM_UNKNOWN)
        talk.record.mechanism = command.mechanism
        self._dialog = talk.context.authenticator.start(command.mechanism, talk.peer, talk.flow.tls, Scope.POP3)
        return await self._attempt(self._dialog.respond(command.initial))

    async def response(self, event: commands.Response) -> Stage | None:
        if self._dialog is None:  # the machine asks for a response only while there is an exchange
            raise RefusedError(texts.AUTH_GIVEN_UP)
        return await self._attempt(self._dialog.respond(event.data))

    def abort(self, _: commands.Abort) -> None:
        self._forget()
        raise RefusedError(texts.AUTH_GIVEN_UP)

    def _must_be_private(self) -> None:
        if not self._talk.may_log_in:
            raise RefusedError(texts.NOT_ENCRYPTED, self._talk.context.secure_port)

    def _forget(self) -> None:
        self._name = ""
        self._dialog = None
        self._talk.machine.unnamed()

    async def _attempt(self, work: Awaitable[Challenge | Login]) -> Stage | None:
        try:
            answer = await work
            if isinstance(answer, Challenge):
                self._talk.machine.challenge(answer.data)
                return None
            return await self._enter(answer)
        except LoginFailedError as failed:
            name = failed.login or self._name
            self._forget()
            self._denied(failed, name)
            return None
        except (DomainError, PeerError):
            self._forget()
            raise

    def _denied(self, failed: LoginFailedError, name: str) -> None:
        talk, context = self._talk, self._talk.context
        talk.record.tried, talk.record.reason = name, failed.reason
        wait = context.tally.refusal(talk.peer.address, context.clock())
        if wait > 0:
            talk.record.ended("refused")
            talk.machine.close(talk.voice.err(texts.ADDRESS_REFUSED, ceil(wait)))
        else:
            talk.machine.send(talk.voice.err(_denial(failed, talk.record.mechanism)))

    # -- Come in

    async def _enter(self, login: Login) -> Stage:
        """Opens the maildrop. Raises RefusedError, DomainError; then nothing is held."""
        talk, account = self._talk, login.account
        talk.record.tried, talk.record.reason = account.login, ""
        left = self._delay_left(account)
        if left > 0 and not account.soft_login_delay:
            raise RefusedError(texts.TOO_SOON, ceil(left))
        lease = Lease(talk.context, account.account_id)
        try:
            maildrop = await self._open(login, lease, within_delay=left > 0)
        except BaseException:
            lease.give_back()
            raise
        drop = Drop(maildrop, utf8=talk.utf8)
        talk.record.login = login
        talk.machine.logged_in()
        talk.machine.send(talk.voice.ok(texts.WELCOME, len(drop)))
        return Transaction(talk, login, drop, lease)

    def _delay_left(self, account: Account) -> float:
        """Seconds until the next login is welcome (RFC 2449 §6.5); 0 or less: now."""
        if not account.login_delay:
            return 0
        context = self._talk.context
        last, _ = context.tally.last_login(account.account_id)
        left = last + account.login_delay - context.clock()
        return left if left <= account.login_delay else 0  # a clock that was set back must lock nobody out

    async def _open(self, login: Login, lease: Lease, *, within_delay: bool) -> Maildrop:
        context, account = self._talk.context, login.account
        folder = login.folder or INBOX
        last_seen = context.tally.last_login(account.account_id)[1] if account.login_delay else 0
        is_inbox = folder.upper() == INBOX
        try:
            if context.options.maildrop == "exclusive":  # locked first: what another session deletes must not be listed
                lease.lock(account.account_id if is_inbox else await self._mailbox_id(account.account_id, folder))
            below = last_seen if within_delay and is_inbox else 0
            maildrop = await context.store.maildrop(account.account_id, folder, below_uid=below)
        except (NoSuchMailboxError, InvalidValueError):  # a name that is none is one of no folder
            raise RefusedError(texts.NO_FOLDER) from None
        if account.login_delay and not within_delay:
            seen = maildrop.uidnext if is_inbox else last_seen
            context.tally.note_login(account.account_id, context.clock(), seen)
        return maildrop

    async def _mailbox_id(self, account_id: int, folder: str) -> int:
        return (await self._talk.context.store.mailbox(account_id, folder)).mailbox_id

    handlers: ClassVar[Handlers] = {
        commands.Quit: bye,
        commands.Capa: Stage.capa,
        commands.Lang: Stage.lang,
        commands.Stls: stls,
        commands.Utf8: utf8,
        commands.Apop: apop,
        commands.ListMechanisms: list_mechanisms,
        commands.User: user,
        commands.Pass: password,
        commands.Auth: auth,
        commands.Response: response,
        commands.Abort: abort,
    }
