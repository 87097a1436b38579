"""The AUTHORIZATION state (RFC 1939 §4): everything up to the moment when a maildrop is open."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from math import ceil
from typing import Any, ClassVar

from gatepost.errors import DomainError, InvalidValueError, NoSuchMailboxError, PeerError
from gatepost.identity.api import Challenge, Dialog, Login, LoginFailedError
from gatepost.model import INBOX, Account, Maildrop, Scope
from gatepost.pop3 import commands, texts
from gatepost.pop3.context import Talk
from gatepost.pop3.drop import Drop
from gatepost.pop3.replies import RefusedError, multi_line
from gatepost.pop3.stage import Handlers, Stage, Waiting
from gatepost.pop3.transaction import Lease, Transaction
from gatepost.sasl.exchange import EXTERNAL


def _denial(failed: LoginFailedError, mechanism: str) -> texts.Text:
    """What a client hears; whatever it must not be able to tell apart is one sentence."""
    if failed.temporary:
        return texts.TOO_MANY_LOGINS
    if failed.reason == "authzid":
        return texts.NOT_FOR_OTHERS
    return texts.CERTIFICATE_UNKNOWN if mechanism == EXTERNAL else texts.LOGIN_FAILED


def _is_inbox(login: Login) -> bool:
    return not login.folder or login.folder.upper() == INBOX


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

    def password(self, command: commands.Pass) -> Waiting | Stage:
        talk = self._talk
        talk.record.mechanism = "USER"
        authenticator = talk.context.authenticator
        said = (self._name, command.password, talk.peer, Scope.POP3, "USER")
        login = authenticator.known(*said)
        return self._attempt(authenticator.password(*said)) if login is None else self._enter(login)

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
        self._break_off("the client gave up")
        raise RefusedError(texts.AUTH_GIVEN_UP)

    def leave(self) -> None:
        """See `Stage`."""
        if self._dialog is not None:
            self._break_off("the client went away during the exchange")

    def _break_off(self, reason: str) -> None:
        """A failure of the client's side, which is counted."""
        if self._dialog is not None:
            self._talk.record.denied(self._dialog.name, reason)
            self._dialog.give_up()
        self._forget()

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
        except LoginFailedError as failed:
            name = failed.login or self._name
            self._forget()
            self._denied(failed, name)
            return None
        except PeerError as error:
            self._break_off(str(error))
            raise
        except DomainError as error:
            self._talk.record.denied(self._dialog.name if self._dialog else self._name, str(error))
            self._forget()
            raise
        if isinstance(answer, Challenge):
            self._talk.machine.challenge(answer.data)
            return None
        step = self._enter(answer)
        return step if isinstance(step, Stage) else await step

    def _denied(self, failed: LoginFailedError, name: str) -> None:
        talk, context = self._talk, self._talk.context
        talk.record.denied(name, failed.reason)
        wait = context.tally.refusal(talk.peer.address, context.clock(), name)
        if wait > 0:
            talk.record.ended("refused")
            talk.machine.close(talk.voice.err(texts.ADDRESS_REFUSED, ceil(wait)))
        else:
            talk.machine.send(talk.voice.err(_denial(failed, talk.record.mechanism)))

    # -- Come in

    def _enter(self, login: Login) -> Coroutine[Any, Any, Stage] | Stage:
        """Opens the maildrop, or returns what does. Both raise RefusedError, DomainError; then nothing is held."""
        self._forget()  # who has shown who they are begins anew, if they are not let in
        talk, account = self._talk, login.account
        talk.record.tried, talk.record.reason = account.login, ""
        left = self._delay_left(account)
        if left > 0 and not account.soft_login_delay:
            raise RefusedError(texts.TOO_SOON, ceil(left))
        within_delay = left > 0
        stage = self._open_at_once(login) if _is_inbox(login) and not within_delay else None
        return stage or self._open(login, within_delay=within_delay)

    def _open_at_once(self, login: Login) -> Stage | None:
        """None, and nothing held, if the INBOX is not at hand."""
        context, account_id = self._talk.context, login.account.account_id
        with Lease(context, account_id) as lease:
            lease.lock(account_id)
            maildrop = context.store.maildrop_at_hand(account_id, INBOX)
            if maildrop is not None:
                return self._inside(login, lease, maildrop, within_delay=False)
        lease.give_back()
        return None

    async def _open(self, login: Login, *, within_delay: bool) -> Stage:
        context, account_id = self._talk.context, login.account.account_id
        with Lease(context, account_id) as lease:
            if _is_inbox(login):
                lease.lock(account_id)
                below = context.tally.last_login(account_id)[1] if within_delay else 0
                maildrop = await context.store.maildrop(account_id, INBOX, below_uid=below)
            else:
                lease.lock(await self._mailbox_id(account_id, login.folder))
                maildrop = await context.store.maildrop(account_id, login.folder)
            return self._inside(login, lease, maildrop, within_delay=within_delay)

    def _inside(self, login: Login, lease: Lease, maildrop: Maildrop, *, within_delay: bool) -> Stage:
        talk = self._talk
        if login.account.login_delay and not within_delay:
            self._note_login(login, maildrop)
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
        return last + account.login_delay - context.clock() if last else 0

    def _note_login(self, login: Login, maildrop: Maildrop) -> None:
        """Another folder does not change what was seen of the INBOX."""
        context, account_id = self._talk.context, login.account.account_id
        seen = maildrop.uidnext if _is_inbox(login) else context.tally.last_login(account_id)[1]
        context.tally.note_login(account_id, context.clock(), seen)

    async def _mailbox_id(self, account_id: int, folder: str) -> int:
        try:
            return (await self._talk.context.store.mailbox(account_id, folder)).mailbox_id
        except (NoSuchMailboxError, InvalidValueError):  # a name that is none is one of no folder
            raise RefusedError(texts.NO_FOLDER) from None

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
