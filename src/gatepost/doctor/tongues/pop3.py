"""POP3: RFC 1939, CAPA of RFC 2449, STLS of RFC 2595 §4, AUTH of RFC 5034."""

from __future__ import annotations

from typing import Final

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.tongues import sasl
from gatepost.doctor.tongues.words import (
    HIDDEN,
    Answer,
    Ask,
    Exchange,
    fits_line,
    item,
    line_end,
    lines_of,
    unique,
)
from gatepost.pop3.grammar import COMMAND_LIMIT

_STATUS: Final = (b"+OK", b"-ERR")


class Pop3:
    """See `words.Tongue`."""

    name = "pop3"
    starttls_item = "STLS"
    starttls = Ask(b"STLS\r\n", "STLS")
    goodbye = Ask(b"QUIT\r\n", "QUIT")
    injected = Ask(b"CAPA\r\n", "CAPA", long=True)

    def reply_end(self, ask: Ask, octets: bytes) -> int:
        """See `Tongue.reply_end`."""
        end = line_end(octets)
        if not end or not ask.long or self.answer(ask, octets) is not Answer.YES:
            return end
        start = end
        while end := line_end(octets, start):
            if octets[start:end].rstrip(b"\r\n") == b".":
                return end
            start = end
        return 0

    def answer(self, ask: Ask, reply: bytes) -> Answer:  # noqa: ARG002 -- the first word says it all
        """See `Tongue.answer`."""
        words = reply[:4].upper()
        if words.startswith(b"+OK"):
            return Answer.YES
        if words.startswith(b"-ERR"):
            return Answer.NO
        return Answer.MORE if words.startswith((b"+ ", b"+\r", b"+\n")) else Answer.STRANGE

    def capabilities_ask(self, own_name: str) -> Ask:  # noqa: ARG002 -- SMTP's
        """See `Tongue.capabilities_ask`."""
        return self.injected

    def fallback_ask(self, own_name: str) -> Ask | None:  # noqa: ARG002 -- SMTP's
        """See `Tongue.fallback_ask`."""
        return None

    def capabilities(self, reply: bytes) -> Capabilities:
        """`SASL PLAIN LOGIN` becomes `AUTH=PLAIN`, `AUTH=LOGIN` (RFC 2449 §6.3)."""
        items: list[str] = []
        if self.answer(self.injected, reply) is Answer.YES:
            for line in lines_of(reply)[1:]:
                tag, *arguments = item(line).split(" ")
                if tag == "SASL":
                    items += [f"AUTH={mechanism}" for mechanism in arguments]
                elif tag != ".":
                    items.append(" ".join((tag, *arguments)))
        return Capabilities(True, unique(items), reply)

    def login(self, known: Capabilities, username: str, password: str, nonce: str = "") -> Exchange | None:
        """AUTH PLAIN, AUTH LOGIN, else USER and PASS, unless the server lists mechanisms and leaves USER out; else
        SCRAM.
        """
        mechanisms = known.mechanisms()
        by_sasl = sasl.exchange(mechanisms, username, password, "AUTH", initial=COMMAND_LIMIT)
        if by_sasl is not None:
            return by_sasl
        if (mechanisms and not known.has("USER")) or not fits_line(username, password):
            return sasl.scram(mechanisms, username, password, "AUTH", nonce)
        user = Ask(f"USER {username}\r\n".encode(), f"USER {username}", goes_on_at=Answer.YES)
        password_ask = Ask(f"PASS {password}\r\n".encode(), f"PASS {HIDDEN}")
        return Exchange("USER/PASS", (user, password_ask), Ask(b"*\r\n", "*"))

    def visit(self, sender: str) -> tuple[Ask, ...]:  # noqa: ARG002 -- SMTP's
        """STAT: what the maildrop holds."""
        return (Ask(b"STAT\r\n", "STAT"),)

    def listing(self) -> Ask | None:
        """UIDL (RFC 1939 §7)."""
        return Ask(b"UIDL\r\n", "UIDL", long=True)

    def was_injected(self, octets: bytes) -> bool:
        """QUIT has one line for an answer, CAPA a list or a refusal before it."""
        statuses = [line for line in lines_of(octets) if line.upper().startswith(_STATUS)]
        return len(statuses) > 1 or b"." in lines_of(octets)
