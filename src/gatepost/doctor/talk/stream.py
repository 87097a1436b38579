"""The connection of a dialog: reaching the server, TLS, and what there is to tell of it."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from datetime import UTC, datetime
from typing import Final

from gatepost.doctor.facts import Dial, Ending, Handshake
from gatepost.doctor.look.dial import connect
from gatepost.doctor.look.handshake import shake
from gatepost.doctor.look.trust import trusting, verifying
from gatepost.doctor.look.wire import Wire
from gatepost.doctor.model import Target
from gatepost.doctor.talk.effects import Channel
from gatepost.doctor.tongues.words import readable
from gatepost.errors import GatepostError
from gatepost.hostname import ascii_host

_DIAL: Final = 10.0
"""Seconds for one address at most: there may be others."""
_NAMES: Final = 6
"""Names of a certificate that are shown without being asked for."""
_COMMON_NAME: Final = re.compile(r"(?:\A|,)CN=((?:[^,\\]|\\.)+)")
_SAID: Final = 100
_IN_THE_CLEAR: Final = {"pop3s": "pop3", "imaps": "imap", "submissions": "submission"}

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}


class NotReachedError(GatepostError):
    """No dialog came about; the text says why, and below what to do."""


class Stream(Wire):
    """A `Wire` for as long as people like to talk: what passes is shown, not kept."""

    __slots__ = ()

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection, limited=False)

    async def receive(self) -> bytes | Ending:
        """The next octets, or how the connection ended. A cancelled wait loses nothing."""
        return await self._receive()


async def reach(target: Target, families: tuple[int, ...], seconds: float) -> tuple[Dial, Stream]:
    """Connects to the first address that answers. Raises NotReachedError."""
    tried: list[Dial] = []
    for address in await _addresses(target.host, families, seconds):
        dial, connection = await connect(target.host, address, target.port, min(seconds, _DIAL))
        if connection is not None:
            return dial, Stream(connection)
        tried.append(dial)
    found = "; ".join(f"{each.address}: {each.reach}" for each in tried) or "it has no address"
    raise NotReachedError(f"{target.where} cannot be reached ({found})\n{_doctor(target)}")


async def _addresses(host: str, families: tuple[int, ...], seconds: float) -> list[str]:
    family = _FAMILIES[families[0]] if len(families) == 1 else socket.AF_UNSPEC
    try:
        async with asyncio.timeout(seconds):
            found = await asyncio.get_running_loop().getaddrinfo(
                ascii_host(host), None, family=family, type=socket.SOCK_STREAM
            )
    except (OSError, UnicodeError, TimeoutError) as error:
        reason = getattr(error, "strerror", "") or "no answer" if isinstance(error, OSError) else "no valid name"
        fix = f"Check the spelling, or ask the doctor: gatepost doctor {host}"
        raise NotReachedError(f"the name {host} leads nowhere ({reason})\n{fix}") from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def secure(stream: Stream, target: Target, ca_file: str, seconds: float, *, check: bool) -> Handshake:
    """TLS on this connection. With `check` a certificate that is not the server's own ends it. Raises nothing."""
    context = verifying(ca_file) if check else trusting()
    return await shake(stream, context, target.host, seconds)


def no_tls(target: Target, shaken: Handshake, first: bytes) -> NotReachedError:
    """Why there is no TLS, and what to try. `first`: what the server said first."""
    other = _IN_THE_CLEAR.get(target.service.name)
    if shaken.error == "WRONG_VERSION_NUMBER" and other:
        said = f"; it says: {readable(first.rstrip(), _SAID)}" if first.strip() else ""
        problem = f"{target.where} does not speak TLS from the first octet{said}"
        return NotReachedError(f"{problem}\nTry the way that begins in the clear: gatepost talk {_url(target, other)}")
    return NotReachedError(f"TLS with {target.where} failed ({shaken.error})\n{_doctor(target)}")


def silent(target: Target, seconds: float) -> NotReachedError:
    """Why there is no greeting, and what to try."""
    other = next((secure for secure, clear in _IN_THE_CLEAR.items() if clear == target.service.name), None)
    problem = f"{target.where} says nothing for {seconds:g} seconds"
    if other:
        return NotReachedError(f"{problem}\nPerhaps it speaks TLS from the first octet: {_talk(target, other)}")
    return NotReachedError(f"{problem}\n{_doctor(target)}")


def _talk(target: Target, service: str) -> str:
    return f"gatepost talk {_url(target, service)}"


def _url(target: Target, service: str) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{service}://{host}:{target.port}"


def _doctor(target: Target) -> str:
    return f"The doctor finds out why: gatepost doctor {_url(target, target.service.name)}"


def channel(shaken: Handshake, unverified: str, now: float) -> Channel:
    """What is known of an encrypted connection. `unverified`: why a first attempt that checked was refused."""
    verdict = f"the certificate is NOT verified: {unverified}" if unverified else "the certificate is verified"
    facts = [f"{shaken.version} with {shaken.cipher}; {verdict}."]
    if shaken.chain:
        leaf = shaken.chain[0]
        names = leaf.names or (leaf.common_name,)
        more = f", and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        facts += [
            f"Certificate of {', '.join(names[:_NAMES])}{more}.",
            f"Issued by {_short(leaf.issuer)}; {_expiry(leaf.not_after, now)}.",
            f"Key {leaf.key}; SHA-256 fingerprint {leaf.sha256}.",
        ]
    return Channel(encrypted=True, verified=not unverified, why_not=unverified, facts=tuple(facts))


def _short(name: str) -> str:
    """The common name of a distinguished name (RFC 4514), if there is one."""
    found = _COMMON_NAME.search(name)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else name or "nobody"


def _expiry(moment: int, now: float) -> str:
    day = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d") if moment else "an unknown day"
    days = int(abs(moment - now) // 86_400)
    return f"it expires on {day}, in {days} days" if moment >= now else f"it expired on {day}, {days} days ago"


def clock() -> float:
    """Unix seconds."""
    return time.time()
