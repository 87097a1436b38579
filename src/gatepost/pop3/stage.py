"""What may be said both before and after login: CAPA and LANG."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar

from gatepost.model import Account
from gatepost.pop3 import texts
from gatepost.pop3.commands import Capa, Lang
from gatepost.pop3.context import Talk
from gatepost.pop3.replies import Capabilities, RefusedError, matching_language, multi_line

Waiting = Coroutine[Any, Any, "Stage | None"]
"""What a command that has to wait for something still has to do. It gives the next stage, or None to stay."""
Handlers = Mapping[type[Any], "Callable[[Any, Any], bytes | Stage | Waiting | None]"]
"""Event type -> method. Most give the reply. Others have sent it themselves, and give the next stage, or None to stay;
or what has to wait, with nothing done so far. All raise DomainError and PeerError for a -ERR."""


class Stage:
    """One of the states of RFC 1939 §3, as far as it talks to the store."""

    __slots__ = ("_talk",)

    handlers: ClassVar[Handlers]

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def leave(self) -> None:
        """The connection is gone, at whatever point: gives back what is held. Idempotent."""

    async def _send_capabilities(self, account: Account | None) -> None:
        talk, context = self._talk, self._talk.context
        known = await context.policies.strictest()
        mine = account or known
        capabilities = Capabilities(
            user=talk.may_log_in,
            mechanisms=context.authenticator.mechanisms(talk.flow.tls),
            stls=talk.may_secure and account is None,
            login_delay=mine.login_delay if mine.login_delay or known.login_delay else None,
            expire_days=mine.expire_days,
            logged_in=account is not None,
            implementation=context.implementation,
        )
        talk.machine.send(multi_line(talk.voice.ok(texts.CAPABILITIES), capabilities.lines()))

    async def capa(self, _: Capa) -> Stage | None:
        await self._send_capabilities(None)
        return None

    def lang(self, command: Lang) -> None:
        """RFC 6856 §3: the new language begins with the answer to LANG itself."""
        talk = self._talk
        if command.language is None:
            listing = [f"{tag} {name}" for tag, name in texts.LANGUAGES.items()]
            talk.machine.send(multi_line(talk.voice.ok(texts.LANGUAGE_LIST), listing))
            return
        tag = matching_language(command.language, talk.context.options.language)
        if tag is None:
            raise RefusedError(texts.LANGUAGE_UNKNOWN)
        talk.choose(language=tag)
        talk.machine.send(talk.voice.tagged_ok(texts.LANGUAGE_CHANGED))
