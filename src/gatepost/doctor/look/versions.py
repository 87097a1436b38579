"""TLS versions one by one, weak ciphers, and the certificate that a client without SNI gets.

A handshake that was done tells most already: the version it chose is the highest that both sides have. So a healthy
server gets three connections from here: TLS 1.0 and 1.1 together, TLS 1.2 alone, weak ciphers.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from gatepost.doctor.facts import Handshake, VersionTried
from gatepost.doctor.look import trust
from gatepost.doctor.look.handshake import RESET, TIMED_OUT
from gatepost.doctor.look.place import NO_CONNECTION, NO_STARTTLS, Place, shake_at
from gatepost.doctor.look.wire import EARLY_END

VERSIONS: Final = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
WEAK: Final = "weak ciphers"
PATIENCE: Final = 1.5
"""All side connections together may take so many times a step's time."""

_NUMBERS: Final = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_OURS: Final = ("NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE", "NO_CIPHER_MATCH")
"""OpenSSL's reasons that are about our side: it cannot even ask."""


class Probes:
    """Side handshakes with one service that share an end."""

    __slots__ = ("_end", "_place")

    def __init__(self, place: Place) -> None:
        self._place = place
        self._end = asyncio.get_running_loop().time() + place.timeout * PATIENCE

    async def without_sni(self) -> Handshake:
        """What a client gets that does not say which name it wants."""
        return await self._shake(trust.trusting, "")

    async def versions(self, known: Handshake) -> tuple[VersionTried, ...]:
        """All versions and the weak ciphers; `known` is a handshake with everything that we have.

        What could not be told is left out: the server did not answer, or would not speak to us once more.
        """
        if known.done:
            legacy, newer, weak = await asyncio.gather(self._legacy(), self._newer(known), self._weak())
            tried = [*legacy, *newer, weak]
        else:
            tried = list(await asyncio.gather(*(self._version(name, name) for name in VERSIONS)))
        return tuple(one for one in tried if one.accepted or not _is_open_question(one))

    async def _legacy(self) -> tuple[VersionTried, ...]:
        """TLS 1.0 and 1.1 with one connection, and a second one only if the server takes the higher."""
        both = await self._version("TLSv1", "TLSv1.1")
        if not both.accepted:
            return both, VersionTried("TLSv1.1", False, both.detail, both.testable)
        if both.what == "TLSv1":
            return both, VersionTried("TLSv1.1", False)
        return await self._version("TLSv1", "TLSv1"), both

    async def _newer(self, known: Handshake) -> tuple[VersionTried, ...]:
        chosen = VersionTried(known.version, True, known.cipher)
        if known.version == "TLSv1.3":
            return await self._version("TLSv1.2", "TLSv1.2"), chosen
        return chosen, VersionTried("TLSv1.3", False)

    async def _weak(self) -> VersionTried:
        tried = await self._shake(trust.weak, self._place.target.host)
        return _as_tried(WEAK, tried)

    async def _version(self, lowest: str, highest: str) -> VersionTried:
        def context() -> ssl.SSLContext:
            return trust.limited(_NUMBERS[lowest], _NUMBERS[highest])

        tried = await self._shake(context, self._place.target.host)
        return _as_tried(tried.version if tried.done else lowest, tried)

    async def _shake(self, make: Callable[[], ssl.SSLContext], name: str) -> Handshake:
        try:
            context = make()
        except (ssl.SSLError, ValueError):
            return Handshake(False, False, error=_OURS[0])
        try:
            async with asyncio.timeout_at(self._end):
                return await shake_at(self._place, context, name)
        except TimeoutError:
            return Handshake(False, False, error=TIMED_OUT)


def _is_open_question(tried: VersionTried) -> bool:
    """Old servers hang up on a version that they do not know; a good one never does so on TLS 1.2 or 1.3."""
    unanswered = (TIMED_OUT, NO_STARTTLS, NO_CONNECTION)
    is_modern = tried.what in ("TLSv1.2", "TLSv1.3")
    return tried.detail in ((*unanswered, EARLY_END, RESET) if is_modern else unanswered)


def _as_tried(what: str, tried: Handshake) -> VersionTried:
    return VersionTried(what, tried.done, tried.cipher if tried.done else tried.error, tried.error not in _OURS)
