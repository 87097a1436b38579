"""What to say to a mail server and how to read what it says: POP3, IMAP and SMTP from the client's side, as octets.

POP3: RFC 1939, 2449 (CAPA), 2595 (STLS), 5034 (AUTH). IMAP: RFC 3501, 9051, 4959 (SASL-IR). SMTP: RFC 5321, 3207
(STARTTLS), 4954 (AUTH). Broken servers are the patients here: everything is read leniently (bare LF, lower case,
missing parts), and nothing raises because of what a server said.

Must never: do I/O; keep a secret anywhere but in the octets for the wire; choose a login that hands the password to
a mechanism the server did not agree to.
"""

from __future__ import annotations

from typing import Final

from gatepost.doctor.tongues import imap, pop3, smtp
from gatepost.doctor.tongues.speech import Speech, greeting_end, is_masked, refuses, speech
from gatepost.doctor.tongues.words import Answer, Ask, Exchange, Tongue

__all__ = [
    "TONGUES",
    "Answer",
    "Ask",
    "Exchange",
    "Speech",
    "Tongue",
    "greeting_end",
    "is_masked",
    "refuses",
    "speech",
    "tongue_of",
]

TONGUES: Final[dict[str, Tongue]] = {"pop3": pop3.Pop3(), "imap": imap.Imap(), "smtp": smtp.Smtp()}


def tongue_of(protocol: str) -> Tongue | None:
    """The tongue of a `ports.Service.protocol`; None for those that the doctor does not speak (http, lmtp)."""
    return TONGUES.get(protocol)
