"""The default idempotency key of a delivery: a mail server that tries again must not make a second copy.

A message that a mail server has queued carries `Received:` lines with the time and the queue's number (RFC 5321 §4.4):
the same at each attempt, others at each arrival. One without them that has a Message-ID may be a script's second
attempt, or the same notice again: within minutes it is taken for the one, later for the other. Where there is neither,
two equal messages are two messages.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

from msgspec import Struct

from gatepost.mime.headers import HEADER_OCTETS

QUEUED_SECONDS: Final = 7 * 86_400
"""Longer than mail servers try: five days is Postfix's default, four days Exim's."""
REPEATED_SECONDS: Final = 900
"""In which a script tries again what it did not see succeed."""

_OF_THE_ATTEMPT: Final = frozenset(
    (b"return-path", b"delivered-to", b"x-original-to", b"envelope-to", b"delivery-date")
)
"""Fields that the last mail server adds when it hands over; Exim's Delivery-date and Envelope-to differ each time."""


class Once(Struct, frozen=True):
    """An idempotency key, and how long it is remembered; see `Target`."""

    key: str = ""
    seconds: int = 0


def once_for(message: bytes, mailbox: str) -> Once:
    """The key of this message on its way to this mailbox. Where nothing tells two messages apart, one of this call:
    it keeps a write that is sent again after a broken connection from counting twice.
    """
    digest = sha256(mailbox.encode("utf-8", "surrogateescape") + b"\0")
    names = set()
    position, name = 0, b""
    for line in message[:HEADER_OCTETS].splitlines(keepends=True):
        if not line.rstrip(b"\r\n"):
            break
        position += len(line)
        if line[:1] not in {b" ", b"\t"}:
            name = line.partition(b":")[0].rstrip().lower()
            names.add(name)
        if name not in _OF_THE_ATTEMPT:
            digest.update(line)
    digest.update(memoryview(message)[position:])
    if b"received" in names:
        return Once(f"queued:{digest.hexdigest()}", QUEUED_SECONDS)
    if b"message-id" in names:
        return Once(f"repeated:{digest.hexdigest()}", REPEATED_SECONDS)
    return for_this_call()


def for_this_call() -> Once:
    """A key that no other call has."""
    return Once(f"call:{secrets.token_hex(16)}", REPEATED_SECONDS)
