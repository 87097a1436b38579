"""What a client can say, as values; `encode` writes them the way they go over the wire."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gatepost.pop3.grammar import CRLF, to_base64


class Command(Struct, frozen=True):
    """One line from the client."""


class Quit(Command, frozen=True):
    """RFC 1939 §4 (leave) and §6 (make the deletions true, then leave)."""


class Stat(Command, frozen=True):
    """RFC 1939 §5: how many messages and octets."""


class ListSizes(Command, frozen=True):
    """RFC 1939 §5, LIST: the size of one message, or of all."""

    number: int | None = None


class Retr(Command, frozen=True):
    """RFC 1939 §5: a whole message."""

    number: int


class Dele(Command, frozen=True):
    """RFC 1939 §5: mark a message, to be deleted by QUIT."""

    number: int


class Noop(Command, frozen=True):
    """RFC 1939 §5."""


class Rset(Command, frozen=True):
    """RFC 1939 §5: take all deletion marks back."""


class Top(Command, frozen=True):
    """RFC 1939 §7: the header and the first lines of the body."""

    number: int
    lines: int


class Uidl(Command, frozen=True):
    """RFC 1939 §7: the unique-id of one message, or of all."""

    number: int | None = None


class User(Command, frozen=True):
    """RFC 1939 §7, in UTF-8 (RFC 6856 §2.2)."""

    name: str


class Pass(Command, frozen=True):
    """RFC 1939 §7: everything behind the first space, spaces included."""

    password: str

    def __repr__(self) -> str:
        return "Pass(***)"


class Apop(Command, frozen=True):
    """RFC 1939 §7. Known in order to be refused: it needs a password that the server can read."""


class Capa(Command, frozen=True):
    """RFC 2449 §5."""


class Stls(Command, frozen=True):
    """RFC 2595 §4."""


class Auth(Command, frozen=True):
    """RFC 5034 §4."""

    mechanism: str
    initial: bytes | None = None
    """The initial response, decoded; None if there was none, empty for `=`."""

    def __repr__(self) -> str:
        return f"Auth({self.mechanism!r}, {'None' if self.initial is None else '***'})"


class ListMechanisms(Command, frozen=True):
    """AUTH alone: not in RFC 5034, but old clients find the mechanisms this way."""


class Utf8(Command, frozen=True):
    """RFC 6856 §2.1."""


class Lang(Command, frozen=True):
    """RFC 6856 §3: a language range, `*` for the server's own choice, None for the listing."""

    language: str | None = None


class Response(Struct, frozen=True):
    """A client's message in an AUTH exchange, decoded."""

    data: bytes

    def __repr__(self) -> str:
        return "Response(***)"


class Abort(Struct, frozen=True):
    """`*` in an AUTH exchange: the client gives it up (RFC 5034 §4)."""


PLAIN_VERBS: Final[dict[bytes, Command]] = {
    b"QUIT": Quit(), b"STAT": Stat(), b"NOOP": Noop(), b"RSET": Rset(), b"CAPA": Capa(), b"STLS": Stls(),
    b"UTF8": Utf8(),
}  # fmt: skip
"""Commands without argument: one value each is enough."""

NUMBERED_VERBS: Final[dict[bytes, type[Retr | Dele]]] = {b"RETR": Retr, b"DELE": Dele}

LISTING_VERBS: Final[dict[bytes, type[ListSizes | Uidl]]] = {b"LIST": ListSizes, b"UIDL": Uidl}

_VERB_OF: Final[dict[type[object], bytes]] = {
    **{type(command): verb for verb, command in PLAIN_VERBS.items()},
    **{kind: verb for table in (NUMBERED_VERBS, LISTING_VERBS) for verb, kind in table.items()},
    Apop: b"APOP", ListMechanisms: b"AUTH",
}  # fmt: skip


def encode(command: Command | Response | Abort, *, hide: bool = False) -> bytes:
    """The line with its CRLF. `hide` puts `***` in the place of secrets, for eyes other than the server's."""
    match command:
        case ListSizes(number=int() as number) | Uidl(number=int() as number) | Retr(number) | Dele(number):
            line = b"%b %d" % (_VERB_OF[type(command)], number)
        case Top(number, lines):
            line = b"TOP %d %d" % (number, lines)
        case User(name):
            line = b"USER " + name.encode()
        case Pass(password):
            line = b"PASS " + (b"***" if hide else password.encode())
        case Auth(mechanism, initial):
            line = b"AUTH " + mechanism.encode() + _initial(initial, hide=hide)
        case Lang(language=str() as language):
            line = b"LANG " + language.encode()
        case Lang():
            line = b"LANG"
        case Response(data):
            line = b"***" if hide else to_base64(data)
        case Abort():
            line = b"*"
        case _:
            line = _VERB_OF[type(command)]
    return line + CRLF


def _initial(initial: bytes | None, *, hide: bool) -> bytes:
    if initial is None:
        return b""
    return b" ***" if hide else b" " + (to_base64(initial) or b"=")
