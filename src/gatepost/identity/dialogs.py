"""Drives one SASL exchange: gives it what it asks for, and turns its end into a login or a refusal."""

from __future__ import annotations

from typing import Protocol, assert_never

from gatepost.identity.api import Challenge, Login, LoginFailedError
from gatepost.identity.names import shown
from gatepost.model import Scope
from gatepost.net.api import Peer
from gatepost.sasl.steps import Finished, NeedIdentity, NeedKeys, NeedPassword, NeedSalt, Say, Server


class Door(Protocol):
    """What a dialog needs of the authenticator. All raise LoginFailedError, StoreUnavailableError."""

    async def same(self, authzid: str, username: str) -> None:
        """Raises LoginFailedError if somebody wants to act as somebody else."""

    async def password(self, name: str, password: str, peer: Peer, scope: Scope, mechanism: str) -> Login:
        """See `api.Authenticator`."""

    async def certificate(self, authzid: str, identity: str) -> Login:
        """The login of whom a verified certificate names."""

    async def salt(self, username: str, peer: Peer) -> tuple[str, bytes]:
        """Their login, and their SCRAM salt; a stranger has one too."""

    def given_up(self, login: str, peer: Peer) -> None:
        """Whoever asked for this login's salt sent no proof: that is a try, too."""

    async def proof(self, need: NeedKeys, peer: Peer, scope: Scope, mechanism: str) -> tuple[Login, Say]:
        """The login that a SCRAM proof opens, and the server's signature for them."""


class SaslDialog:
    """See `api.Dialog`."""

    def __init__(
        self, door: Door, exchange: Server, mechanism: str, peer: Peer, scope: Scope, *, identity: str = ""
    ) -> None:
        """`identity`: of the client's certificate."""
        self._door = door
        self._exchange = exchange
        self._mechanism = mechanism
        self._peer = peer
        self._scope = scope
        self._identity = identity
        self._login: Login
        self._asked = ""
        """The login whose salt was told, until a proof came."""

    @property
    def name(self) -> str:
        """See `api.Dialog`."""
        return self._asked or shown(self._exchange.username or self._identity)

    def give_up(self) -> None:
        """See `api.Dialog`."""
        login, self._asked = self._asked, ""
        if login:
            self._door.given_up(login, self._peer)

    async def respond(self, data: bytes | None) -> Challenge | Login:
        """See `api.Dialog`; the PeerError is a `sasl.steps.SaslError`."""
        step = self._exchange.step(data)
        match step:
            case Say(challenge):
                return Challenge(challenge)
            case NeedPassword(authzid, username, password):
                await self._door.same(authzid, username)
                return await self._door.password(username, password, self._peer, self._scope, self._mechanism)
            case NeedIdentity(authzid):
                return await self._door.certificate(authzid, self._identity)
            case NeedSalt(authzid, username, answer):
                await self._door.same(authzid, username)
                self._asked, salt = await self._door.salt(username, self._peer)
                return Challenge(answer(salt).data)
            case NeedKeys():
                return await self._prove(step)
            case Finished():
                return self._login
            case _:
                assert_never(step)

    async def _prove(self, need: NeedKeys) -> Challenge:
        """Who goes away meanwhile has sent no proof."""
        try:
            self._login, say = await self._door.proof(need, self._peer, self._scope, self._mechanism)
        except LoginFailedError:
            self._asked = ""
            raise
        self._asked = ""
        return Challenge(say.data)
