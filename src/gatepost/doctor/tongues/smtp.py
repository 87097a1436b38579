"""SMTP: RFC 5321, STARTTLS of RFC 3207, AUTH of RFC 4954."""

from __future__ import annotations

import re
from typing import Final

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.tongues import sasl
from gatepost.doctor.tongues.words import Answer, Ask, Exchange, fits_line, item, line_end, lines_of, unique

COMMAND_LIMIT: Final = 512
"""Octets of a command with its CRLF (RFC 5321 §4.5.3.1.4)."""

_CODE: Final = re.compile(rb"(\d{3})(-?)")


class Smtp:
    """See `words.Tongue`."""

    name = "smtp"
    starttls_item = "STARTTLS"
    starttls = Ask(b"STARTTLS\r\n", "STARTTLS")
    goodbye = Ask(b"QUIT\r\n", "QUIT")
    injected = Ask(b"NOOP\r\n", "NOOP")

    def reply_end(self, ask: Ask, octets: bytes) -> int:  # noqa: ARG002 -- the form is always the same
        """Up to the first line without a hyphen behind its code (RFC 5321 §4.2.1)."""
        start = 0
        while end := line_end(octets, start):
            code = _CODE.match(octets[start:end])
            if code is None or not code[2]:
                return end
            start = end
        return 0

    def answer(self, ask: Ask, reply: bytes) -> Answer:  # noqa: ARG002 -- the code says it all
        """By the first digit of the code (RFC 5321 §4.2.1)."""
        if _CODE.match(reply) is None:
            return Answer.STRANGE
        match reply[:1]:
            case b"2":
                return Answer.YES
            case b"3":
                return Answer.MORE
            case b"4" | b"5":
                return Answer.NO
            case _:
                return Answer.STRANGE

    def capabilities_ask(self, own_name: str) -> Ask:
        """`own_name`: a host name, or an address literal of `address_literal`."""
        return Ask(f"EHLO {own_name}\r\n".encode(), f"EHLO {own_name}")

    def fallback_ask(self, own_name: str) -> Ask | None:
        """HELO, for servers that are older than EHLO (RFC 5321 §3.2)."""
        return Ask(f"HELO {own_name}\r\n".encode(), f"HELO {own_name}")

    def capabilities(self, reply: bytes) -> Capabilities:
        """`AUTH PLAIN LOGIN`, and `AUTH=PLAIN LOGIN` of old servers, become `AUTH=PLAIN`, `AUTH=LOGIN`."""
        items: list[str] = []
        if reply.startswith(b"2"):
            for line in lines_of(reply)[1:]:
                keyword, *arguments = item(line[4:]).replace("AUTH=", "AUTH ").split(" ")
                if keyword == "AUTH":
                    items += [f"AUTH={mechanism}" for mechanism in arguments if mechanism]
                else:
                    items.append(" ".join((keyword, *arguments)))
        return Capabilities(True, unique(items), reply)

    def login(self, known: Capabilities, username: str, password: str, nonce: str = "") -> Exchange | None:
        """AUTH PLAIN, else AUTH LOGIN, else SCRAM."""
        mechanisms = known.mechanisms()
        by_password = sasl.exchange(mechanisms, username, password, "AUTH", initial=COMMAND_LIMIT)
        return by_password or sasl.scram(mechanisms, username, password, "AUTH", nonce)

    def visit(self, sender: str) -> tuple[Ask, ...]:
        """MAIL FROM and RSET: a transaction that ends before it has a recipient. Nothing without a sender."""
        if not sender or not fits_line(sender) or set(sender) & set("<> "):
            return ()
        return (
            Ask(f"MAIL FROM:<{sender}>\r\n".encode(), f"MAIL FROM:<{sender}>"),
            Ask(b"RSET\r\n", "RSET"),
        )

    def listing(self) -> Ask | None:
        """See `Tongue.listing`."""
        return None

    def was_injected(self, octets: bytes) -> bool:
        """QUIT is answered by 221 and the end; anything complete before it answers NOOP."""
        replies, at = 0, 0
        while end := self.reply_end(self.goodbye, octets[at:]):
            replies, at = replies + 1, at + end
        return replies > 1


def address_literal(address: str) -> str:
    """How a client without a name of its own greets (RFC 5321 §4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8::1]`."""
    plain = address.partition("%")[0]
    return f"[IPv6:{plain}]" if ":" in plain else f"[{plain}]"
