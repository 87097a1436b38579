"""How `/auth` logs in: by the strongest way that server and we know, or by the one that was asked for."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, TypeAlias

from msgspec.structs import replace

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.model import Secret
from gatepost.doctor.talk import explain
from gatepost.doctor.talk.effects import Show, Tone
from gatepost.doctor.talk.masking import decode64
from gatepost.doctor.tongues import Answer, Ask, Exchange, Tongue
from gatepost.doctor.tongues.sasl import PREFERRED
from gatepost.doctor.tongues.words import HIDDEN
from gatepost.errors import GatepostError
from gatepost.pop3.grammar import to_base64
from gatepost.sasl import client as sasl_client
from gatepost.sasl.scram import SCRAM
from gatepost.sasl.steps import Client, SaslError

Steps: TypeAlias = Generator[Ask | Show, tuple[Answer, bytes] | None, bool]
"""Gives what to send and takes the answer and its octets (None behind a `Show`); its value: whether we are in."""

COMMANDS: Final = {"pop3": "USER", "imap": "LOGIN"}
"""Logins that are no SASL mechanism, as people may ask for them."""


class NoLoginError(GatepostError):
    """There is no login that both sides know; the text says what the server has."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants to log in, and how."""

    name: str
    secret: Secret
    mechanism: str
    """Empty: the best."""
    nonce: str
    """Fresh random characters for SCRAM."""
    tag: str = ""
    """IMAP."""


def steps(tongue: Tongue, known: Capabilities, wish: Wish) -> Steps:
    """The login. Raises NoLoginError, and SaslError for a name that cannot be sent."""
    wanted = wish.mechanism.upper()
    if wanted in ("", SCRAM) and SCRAM in known.mechanisms():
        verb = f"{wish.tag} AUTHENTICATE" if wish.tag else "AUTH"
        client = sasl_client(SCRAM, wish.name, wish.secret.reveal(), wish.nonce)
        return _by_scram(client, Ask(f"{verb} {SCRAM}\r\n".encode(), f"{verb} {SCRAM}", wish.tag.encode()))
    usable = _only(tongue.name, known, wanted) if wanted else known
    exchange = tongue.login(usable, wish.name, wish.secret.reveal())
    if exchange is None:
        raise NoLoginError(_why(known, wish))
    return _by_exchange(exchange)


def _by_exchange(exchange: Exchange) -> Steps:
    answer, octets = Answer.STRANGE, b""
    for ask in exchange.asks:
        answer, octets = _heard((yield ask))
        if answer is not ask.goes_on_at:
            break
    if answer is Answer.MORE:
        said = explain.challenge(octets)
        yield Show(f"The server wants more than {exchange.mechanism} has to say. {said}".rstrip(), Tone.NOTE)
        answer, _ = _heard((yield exchange.cancel))
    return answer is Answer.YES


def _by_scram(client: Client, ask: Ask) -> Steps:
    answer, octets = _heard((yield ask))
    while answer is Answer.MORE:
        said = explain.challenge(octets)
        if said:
            yield Show(said, Tone.NOTE)
        try:
            reply = to_base64(client.step(decode64(explain.challenged(octets))))
        except SaslError as error:
            yield Show(f"The login is given up: {error}.", Tone.WARNING)
            answer, _ = _heard((yield Ask(b"*\r\n", "*", ask.tag)))
            break
        answer, octets = _heard((yield Ask(reply + b"\r\n", HIDDEN if reply else "(empty)", ask.tag)))
    if answer is Answer.YES and not client.complete:
        yield Show("The server let us in without proving that it knows the password: be careful.", Tone.WARNING)
    return answer is Answer.YES


def _heard(sent: tuple[Answer, bytes] | None) -> tuple[Answer, bytes]:
    assert sent, "an Ask has an answer"
    return sent


def _only(protocol: str, known: Capabilities, wanted: str) -> Capabilities:
    """What the server can do, as if `wanted` were its only way to log in. Raises NoLoginError."""
    offered = known.mechanisms()
    if wanted == COMMANDS.get(protocol) and wanted not in offered:
        return replace(known, items=tuple(item for item in known.items if not item.startswith("AUTH=")))
    if wanted not in offered:
        # What stands here may be a password in the wrong place: it is not repeated.
        raise NoLoginError(f"The server does not offer that. What it offers: {_listed(known)}.")
    if wanted not in PREFERRED:
        raise NoLoginError(f"{wanted} cannot be done here. Type the exchange yourself, beginning with AUTH.")
    others = (item for item in known.items if not item.startswith("AUTH="))
    return replace(known, items=(*others, f"AUTH={wanted}"))


def _why(known: Capabilities, wish: Wish) -> str:
    offered = known.mechanisms()
    if offered and all(each.startswith(("XOAUTH", "OAUTH")) for each in offered):
        return f"The server wants a token from a web sign-in ({_listed(known)}); a password does not open it."
    if not wish.name or not wish.secret.reveal():
        return "A login needs a name and a password; one of them is empty."
    return f"No login of this server takes that name and password. What it offers: {_listed(known)}."


def _listed(known: Capabilities) -> str:
    return ", ".join(known.mechanisms()) or "nothing by AUTH"
