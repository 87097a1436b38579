"""The one door: every login of every protocol comes through `StoreAuthenticator`."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

from gatepost import sasl
from gatepost.config.settings import Settings
from gatepost.errors import InvalidValueError
from gatepost.identity import passwords
from gatepost.identity.api import Login, LoginFailedError
from gatepost.identity.cache import LIFETIME, Entry, LoginCache
from gatepost.identity.dialogs import SaslDialog
from gatepost.identity.directory import MOST_KEYS, Directory, Entrant
from gatepost.identity.hasher import Hasher, HasherBusyError
from gatepost.identity.last_use import LastUse
from gatepost.identity.names import shown
from gatepost.identity.throttle import BUSY, Throttle
from gatepost.model import Credential, Scope, Verifier
from gatepost.net.api import Peer, TlsInfo
from gatepost.net.tally import Tally
from gatepost.sasl.exchange import EXTERNAL, LOGIN, PLAIN, STRENGTH
from gatepost.sasl.prepare import opaque_string
from gatepost.sasl.scram import SCRAM, SCRAM_PLUS, TLS_EXPORTER, TLS_SERVER_END_POINT
from gatepost.sasl.steps import NeedKeys, SaslError, Say, ScramKeys
from gatepost.store.api import Store
from gatepost.text import hidden

WRONG: Final = "Wrong name or password."
"""Said to strangers, to wrong passwords, to disabled accounts and to app passwords outside their scope alike."""

CERTIFICATE: Final = "client certificate"
"""The name that logs give to a credential that is none of the store's."""

_NOBODYS: Final = [Verifier("", bytes(32), bytes(32))] * MOST_KEYS
"""What an account has fewer, and all that a stranger has: no proof has a StoredKey of zeros, and finding that out takes
as long as with a real one."""


class StoreAuthenticator:
    """Implements `identity.api.Authenticator` on a store. One for each worker, made after the fork.

    A password that is not in the cache costs exactly one argon2, whether or not the user exists, is disabled, or
    has only app passwords; the exception is an app password that lets its owner in.
    """

    def __init__(
        self,
        store: Store,
        tally: Tally,
        settings: Settings,
        secret: bytes,
        hasher: Hasher,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`secret`: the installation's, the same in all workers. `clock` measures durations, `wall` tells the time of
        day. Raises InvalidValueError for a default domain that is no domain.
        """
        self._directory = Directory(store, settings.server.default_domain, secret)
        self._throttle = Throttle(tally, secret, clock, sleep)
        self._cache = LoginCache()
        self._hasher = hasher
        self._clock = clock
        self._wall = wall
        self._last_use = LastUse(store)

    # -- What is offered ------------------------------------------------------------------------------------

    def mechanisms(self, tls: TlsInfo | None) -> tuple[str, ...]:
        """See `api.Authenticator`. Without TLS: what a session may offer where `Peer.cleartext_login` is True."""
        offered = {SCRAM, PLAIN, LOGIN}
        if _bindings(tls):
            offered.add(SCRAM_PLUS)
        if tls and tls.client_identity:
            offered.add(EXTERNAL)
        return tuple(name for name in STRENGTH if name in offered)

    def start(self, mechanism: str, peer: Peer, tls: TlsInfo | None, scope: Scope) -> SaslDialog:
        """See `api.Authenticator`."""
        if tls is None and not peer.cleartext_login:
            raise SaslError("logging in needs encryption: start TLS first")
        if mechanism not in self.mechanisms(tls):
            raise SaslError("this SASL mechanism is not offered here; ask for the list")
        exchange = sasl.server(mechanism, secrets.token_urlsafe(18), _bindings(tls))
        return SaslDialog(self, exchange, mechanism, peer, scope, identity=tls.client_identity if tls else "")

    # -- Passwords ------------------------------------------------------------------------------------------

    def known(self, name: str, password: str, peer: Peer, scope: Scope, mechanism: str) -> Login | None:
        """See `api.Authenticator`. A repeated login, the common case, takes microseconds and reads nothing."""
        who = self._directory.name_at_hand(name)
        if who is None:
            return None
        return self._repeated(self._cache.key(name, password, scope, mechanism), peer.address, who.login)

    async def password(self, name: str, password: str, peer: Peer, scope: Scope, mechanism: str) -> Login:
        """See `api.Authenticator`."""
        who = await self._directory.name(name)
        login = who.login if who else shown(name)
        key = self._cache.key(name, password, scope, mechanism)
        repeated = self._repeated(key, peer.address, login)
        if repeated is not None:
            return repeated
        entry = await self._by_app_password(name, password, peer.address, login, scope, mechanism)
        if entry is not None:
            return self._welcome(entry.login, peer.address, login, self._clock())
        async with self._throttle.turn(peer.address, login):
            try:
                entry = await self._look(name, password, peer, scope, mechanism, self._cache.get(key, self._clock()))
            except asyncio.CancelledError:
                self._throttle.failure(peer.address, login, _octets(password))  # gone meanwhile: a guess is a guess
                raise
            self._cache.put(key, entry)
            return self._welcome(entry.login, peer.address, login, self._clock())

    def _repeated(self, key: bytes, address: str, login: str) -> Login | None:
        now = self._clock()
        if not self._throttle.clear(address, login, now):
            return None
        entry = self._cache.get(key, now)
        if entry is None or entry.generation != self._directory.generation:
            return None
        return self._welcome(entry.login, address, login, now)

    async def _by_app_password(
        self, name: str, password: str, address: str, login: str, scope: Scope, mechanism: str
    ) -> Entry | None:
        """An app password opens the door also where others have to wait or are refused: nobody guesses 120 bits.

        None: it opens nothing, or there is nothing to wait for.
        """
        if not passwords.canonical_app_password(password) or self._throttle.clear(address, login, self._clock()):
            return None
        entrant = await self._directory.look_up_some(name)
        credential = passwords.find_app(password, entrant.credentials)
        outcome = entrant.enter(credential, scope, mechanism, self._clock() + LIFETIME)
        return outcome if isinstance(outcome, Entry) else None

    async def _look(
        self, name: str, password: str, peer: Peer, scope: Scope, mechanism: str, before: Entry | None
    ) -> Entry:
        """A login whose turn it is. `before`: what the cache has of it, of another generation of the directory."""
        entrant = await self._directory.look_up(name)
        if before:
            again = entrant.enter(entrant.still(before.verifier), scope, mechanism, before.until)
            if isinstance(again, Entry):
                return again
        credential = await self._fitting(entrant, password, peer, scope)
        outcome = entrant.enter(credential, scope, mechanism, self._clock() + LIFETIME)
        return self._admitted(outcome, name, entrant.name.login, peer, _octets(password))

    async def _fitting(self, entrant: Entrant, password: str, peer: Peer, scope: Scope) -> Credential | None:
        """The credential whose password this is. Only an app password that lets them in saves the argon2."""
        app = passwords.find_app(password, entrant.credentials)
        if app and not entrant.obstacle(app, scope):
            return app
        try:
            prepared = opaque_string(password)
        except InvalidValueError:
            prepared = ""
        login = entrant.name.login
        try:
            known = self._throttle.known(peer.address, login)
            fits = await self._hasher.verify(entrant.argon2_hash, prepared, known=known)
        except HasherBusyError as error:
            self._throttle.failure(peer.address, login, _octets(password))  # who fills the queue is to be slowed down
            raise LoginFailedError(BUSY, "busy", login, temporary=True) from error
        return entrant.main if fits else app

    def _admitted(self, outcome: Entry | str, typed: str, login: str, peer: Peer, wrong: bytes) -> Entry:
        """`typed`: the name as it came."""
        if isinstance(outcome, str):
            self._throttle.failure(peer.address, login, wrong)
            raise LoginFailedError(WRONG, ": ".join((outcome, *hidden(typed)[:1])), login)
        return outcome

    def _welcome(self, login: Login, address: str, name: str, now: float) -> Login:
        self._throttle.success(address, name, now)
        self._last_use.note(login.account.account_id, login.credential_id, self._wall())
        return login

    # -- What dialogs need: see `dialogs.Door` --------------------------------------------------------------

    async def same(self, authzid: str, username: str) -> None:
        """See `Door`."""
        if not authzid or authzid == username:
            return
        one, other = await self._directory.name(authzid), await self._directory.name(username)
        if one is None or other is None or one.login != other.login:
            text = "No account may act for another here: leave the authorization identity empty."
            raise LoginFailedError(text, "authzid", shown(username))

    async def salt(self, username: str, peer: Peer) -> tuple[str, bytes]:
        """See `Door`."""
        name = await self._directory.name(username)
        login = name.login if name else shown(username)
        self._throttle.check(peer.address, login)
        return login, await self._directory.salt(username)

    def given_up(self, login: str, peer: Peer) -> None:
        """See `Door`."""
        self._throttle.failure(peer.address, login, b"")

    async def proof(self, need: NeedKeys, peer: Peer, scope: Scope, mechanism: str) -> tuple[Login, Say]:
        """See `Door`. Everything is read anew: the credential may have gone since the salt was told."""
        known = await self._directory.name(need.username)
        async with self._throttle.turn(peer.address, known.login if known else shown(need.username)):
            entrant = await self._directory.look_up_some(need.username)
            verifiers = ([each.verifier for each in entrant.credentials] + _NOBODYS)[:MOST_KEYS]
            verified = need.answer([ScramKeys(each.stored_key, each.server_key) for each in verifiers])
            credential = entrant.credentials[verified.index] if verified else None
            outcome = entrant.enter(credential, scope, mechanism, until=0)
            # A proof is another one each time: nothing of it could be compared.
            entry = self._admitted(outcome, need.username, entrant.name.login, peer, b"")
            say = verified.say if verified else Say(b"")
            return self._welcome(entry.login, peer.address, entrant.name.login, self._clock()), say

    async def certificate(self, authzid: str, identity: str) -> Login:
        """See `Door`. Nothing to guess here, so nothing to throttle; a certificate opens every service."""
        await self.same(authzid, identity)
        entrant = await self._directory.look_up(identity)
        if entrant.account is None or not entrant.account.enabled:
            reason = "disabled" if entrant.account else "unknown user"
            raise LoginFailedError("This client certificate opens no account here.", reason, entrant.name.login)
        wanted = await self._directory.name(authzid)
        return Login(entrant.account, 0, CERTIFICATE, EXTERNAL, wanted.folder if wanted else "")

    # -- For its owner --------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Writes when credentials were last used; call it about once a minute, and at the end. Never fails."""
        await self._last_use.flush()


def _bindings(tls: TlsInfo | None) -> dict[str, bytes]:
    """The connection's channel binding data, where it has any."""
    if tls is None:
        return {}
    data = {TLS_EXPORTER: tls.exporter, TLS_SERVER_END_POINT: tls.server_end_point}
    return {name: value for name, value in data.items() if value}


def _octets(password: str) -> bytes:
    """Of a password that may not be text at all."""
    return password.encode("utf-8", "surrogatepass")
