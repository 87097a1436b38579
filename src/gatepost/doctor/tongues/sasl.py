"""The two SASL mechanisms that hand over a password, as commands: PLAIN (RFC 4616) and LOGIN."""

from __future__ import annotations

from typing import Final

from gatepost.doctor.tongues.words import HIDDEN, Ask, Exchange, fits_line
from gatepost.pop3.grammar import to_base64
from gatepost.sasl.plain import LoginClient, PlainClient
from gatepost.sasl.steps import SaslError

PREFERRED: Final = ("PLAIN", "LOGIN")


def exchange(
    offered: tuple[str, ...], username: str, password: str, verb: str, *, tag: str = "", initial: int = 0
) -> Exchange | None:
    """Commands for the best mechanism of `offered`; None if it is neither, or SASL does not allow the words.

    `verb`: `AUTH` or `AUTHENTICATE`. `initial`: octets of the longest line with its CRLF that may carry an initial
    response; 0 if the server takes none. A longer response waits for the server's challenge (RFC 5034 §4, RFC 4954 §4).
    """
    mechanism = next((name for name in PREFERRED if name in offered), None)
    if mechanism is None or not fits_line(username, password):
        return None
    try:
        responses = _responses(mechanism, username, password)
    except SaslError:
        return None
    command = f"{verb} {mechanism}"
    begin = f"{tag} {command}" if tag else command
    first = responses[0] if mechanism == "PLAIN" else b""
    if first and len(begin) + len(first) + 3 <= initial:
        asks = [_ask(f"{begin} ".encode() + first, f"{begin} {HIDDEN}", tag)]
    else:
        asks = [_ask(begin.encode(), begin, tag), *(_ask(response, HIDDEN, tag) for response in responses)]
    return Exchange(mechanism, tuple(asks), _ask(b"*", "*", tag))


def _responses(mechanism: str, username: str, password: str) -> list[bytes]:
    if mechanism == "PLAIN":
        return [to_base64(PlainClient(username, password).step(None))]
    client = LoginClient(username, password)
    return [to_base64(client.step(b"")), to_base64(client.step(b""))]


def _ask(octets: bytes, shown: str, tag: str) -> Ask:
    return Ask(octets + b"\r\n", shown, tag.encode())
