"""How connections end, in the words of the log."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from gatepost.net.api import Peer, TlsInfo

_DISTRUST: Final = ("CERTIFICATE_UNKNOWN", "UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED")
_TOO_OLD: Final = ("UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "NO_SHARED_CIPHER")


class Outcome(StrEnum):
    """How a connection ended, for the log."""

    DONE = "done"
    """The session said that there is nothing more to say."""
    CLOSED = "closed by client"
    LOST = "connection lost"
    TIMEOUT = "timeout"
    STALLED = "client does not read"
    WRONG_DOOR = "wrong door"
    NO_TLS = "no TLS"
    PROXY = "bad PROXY header"
    REFUSED = "refused"
    SHUTDOWN = "server shutdown"
    ENDED = "ended"
    """By the server, because the login does not hold any more or an administrator said so."""
    FAILED = "internal error"


class Ended(Exception):  # noqa: N818 -- not an error: the story is over, for this reason
    """Leaves the dialog from wherever it is."""

    def __init__(self, outcome: Outcome, reason: str = "", by: float = 0.0) -> None:
        """`by`: when it is to be over, come what may; monotonic. 0: whenever it next waits."""
        super().__init__(reason or outcome.value)
        self.outcome = outcome
        self.by = by


DONE: Final = Ended(Outcome.DONE)
"""How most sessions end. Never raised: it would gather what it passes through."""


def record(
    peer: Peer, tls: TlsInfo | None, source: str, seconds: float, end: Ended, fields: Mapping[str, object]
) -> dict[str, object]:
    """The line of the log: who, from where, how protected, what the session tells (`fields`), how it ended."""
    line: dict[str, object] = {
        "connection": peer.connection_id,
        "service": peer.service,
        "address": peer.address,
        "port": peer.port,
        "tls": tls.version if tls else "",
        "cipher": tls.cipher if tls else "",
        "resumed": tls.resumed if tls else False,
        "seconds": seconds,
    }
    if peer.address != source:
        line["proxy"] = source
    line.update(fields)
    if end.outcome is not Outcome.DONE or "outcome" not in fields:  # who ended it knows best
        line["outcome"] = end.outcome.value
        line["reason"] = _reason(end, str(fields.get("reason", "")))
    return line


def _reason(end: Ended, told: str) -> str:
    """How the connection ended, and what the session has to say (why a login failed): neither hides the other."""
    if not told or told == str(end):
        return str(end)
    return told if str(end) == end.outcome.value else f"{told}; {end}"


def tls_reason(error: ssl.SSLError) -> str:
    """OpenSSL's reason; the two that people meet are put in words."""
    reason = getattr(error, "reason", None) or (str(error.args[-1]) if error.args else "unknown")  # ours have none
    if any(name in reason for name in _DISTRUST):
        return f"the client does not trust our certificate ({reason})"
    if any(name in reason for name in _TOO_OLD):
        return f"the client is too old: it offers no TLS version and cipher of ours ({reason})"
    return reason
