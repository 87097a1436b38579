"""Command injection behind STARTTLS (the class of CVE-2011-0411): does a command sent in the clear count inside TLS?

The command is harmless (CAPA or NOOP) and rides in the same segment as STARTTLS. Inside TLS nothing is said but
goodbye, so that one answer more than expected tells, whatever the server's speed.
"""

from __future__ import annotations

import asyncio
import ssl

from gatepost.doctor.look import trust
from gatepost.doctor.look.handshake import TIMED_OUT, shake
from gatepost.doctor.look.place import Place, approach
from gatepost.doctor.look.versions import PATIENCE
from gatepost.doctor.tongues import Tongue
from gatepost.doctor.tongues.words import REPLY_LIMIT


async def command_injected(place: Place, tongue: Tongue) -> bool | None:
    """True: it was answered inside TLS. None: the server did not come so far. For servers whose TLS works."""
    try:
        async with asyncio.timeout(place.timeout * PATIENCE):
            return await _try(place, tongue)
    except (TimeoutError, ssl.SSLError, OSError):
        return None


async def _try(place: Place, tongue: Tongue) -> bool | None:
    async with place.wire() as (_, wire):
        if wire is None or not await approach(place, wire, tongue.starttls.octets + tongue.injected.octets):
            return None
        done = await shake(wire, trust.trusting(), place.target.host, place.timeout)
        if not done.done:
            # Most servers take the command for the beginning of the handshake, and refuse it: nothing is injected.
            return None if done.error == TIMED_OUT else False
        await wire.send(tongue.goodbye.octets, place.timeout)
        heard = await wire.listen(lambda _: 0, place.timeout / 2, REPLY_LIMIT)
        return tongue.was_injected(heard.octets)
