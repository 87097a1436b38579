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
from gatepost.doctor.tongues import Answer, Ask, Exchange, Tongue, sasl
from gatepost.doctor.tongues.sasl import PREFERRED
from gatepost.errors import GatepostError
from gatepost.sasl.scram import SCRAM

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
    """The login. Raises NoLoginError."""
    wanted = wish.mechanism.upper()
    if wanted in ("", SCRAM):
        verb = "AUTHENTICATE" if wish.tag else "AUTH"
        exchange = sasl.scram(known.mechanisms(), wish.name, wish.secret.reveal(), verb, wish.nonce, tag=wish.tag)
        if exchange is not None:
            return _by(exchange)
    usable = _only(tongue.name, known, wanted) if wanted else known
    exchange = tongue.login(usable, wish.name, wish.secret.reveal())
    if exchange is None:
        raise NoLoginError(_why(known, wish))
    return _by(exchange)


def _by(exchange: Exchange) -> Steps:
    course = sasl.Course(exchange)
    ask: Ask | None = course.begin
    answer = Answer.STRANGE
    while ask is not None:
        answer, octets = _heard((yield ask))
        said = explain.challenge(octets) if answer is Answer.MORE else ""
        if said and exchange.client:
            yield Show(said, Tone.NOTE)
        ask = course.follow(answer, octets)
        if ask is exchange.cancel and course.error == sasl.UNEXPECTED:
            yield Show(f"The server wants more than {exchange.mechanism} has to say. {said}".rstrip(), Tone.NOTE)
        elif ask is exchange.cancel:
            yield Show(f"The login is given up: {course.error}.", Tone.WARNING)
    if course.error == sasl.UNPROVEN:
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
