"""From a line to a value: `command` for the server, `status` for the client.

A line that is no command raises RefusedError; the words of other protocols raise FatalError, because whoever
speaks them here has the wrong port and must be told so once, then let go. A browser that was lured here must not
get a conversation (cross-protocol attacks such as ALPACA).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gatepost.errors import PeerError
from gatepost.numbers import number
from gatepost.pop3 import texts
from gatepost.pop3.commands import (
    LISTING_VERBS,
    NUMBERED_VERBS,
    PLAIN_VERBS,
    Abort,
    Apop,
    Auth,
    Command,
    Lang,
    ListMechanisms,
    ListSizes,
    Pass,
    Response,
    Top,
    Uidl,
    User,
)
from gatepost.pop3.grammar import CRLF, from_base64, is_mechanism
from gatepost.pop3.replies import FatalError, RefusedError, Status
from gatepost.ports import BY_NAME

_HTTP = frozenset({b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"PATCH", b"PRI"})
_HTTP_FIELDS = frozenset({b"HOST:", b"USER-AGENT:", b"ACCEPT:", b"CONTENT-TYPE:", b"CONTENT-LENGTH:", b"ORIGIN:"})
_SMTP = frozenset({b"EHLO", b"HELO", b"LHLO", b"MAIL", b"RCPT"})
_IMAP = frozenset({b"LOGIN", b"CAPABILITY", b"AUTHENTICATE", b"STARTTLS", b"SELECT", b"ID", b"LOGOUT", b"NOOP"})


_MOST: Final = (1 << 64) - 1
"""More messages than any maildrop has, and more lines than any message."""


class NotAReplyError(PeerError):
    """What came from the server is not POP3."""


def command(line: bytes) -> Command:
    """Reads a line without its CRLF. Raises RefusedError, FatalError."""
    word, _, rest = line.partition(b" ")
    parser = _PARSERS.get(word) or _PARSERS.get(word.upper())
    if parser is None:
        raise _unknown(word.upper(), rest)
    return parser(rest)


def response(line: bytes) -> Response | Abort:
    """Reads a line of an AUTH exchange (RFC 5034 §4). Raises RefusedError."""
    return Abort() if line == b"*" else Response(_base64(line))


def _unknown(word: bytes, rest: bytes) -> RefusedError:
    if word in _HTTP or word in _HTTP_FIELDS:
        return FatalError(texts.SPEAKS_HTTP)
    if word in _SMTP:
        return FatalError(texts.SPEAKS_SMTP, BY_NAME["submissions"].port)
    if rest.partition(b" ")[0].upper() in _IMAP:
        return FatalError(texts.SPEAKS_IMAP, BY_NAME["imaps"].port)
    return RefusedError(texts.UNKNOWN_COMMAND)


def _plain(value: Command) -> Callable[[bytes], Command]:
    def parse(rest: bytes) -> Command:
        if rest.strip(b" "):
            raise RefusedError(texts.NO_ARGUMENT)
        return value

    return parse


def _number(rest: bytes) -> int:
    if not rest.isdigit():  # the usual client sends nothing but the digits
        rest = rest.strip(b" ")
        if not rest.isdigit():
            raise RefusedError(texts.NEEDS_NUMBER)
    return _value(rest)


def _value(digits: bytes) -> int:
    """What is more than any maildrop holds, and any message has lines, stays so."""
    value = number(digits, _MOST)
    return _MOST if value is None else value


def _numbered(kind: Callable[[int], Command]) -> Callable[[bytes], Command]:
    return lambda rest: kind(_number(rest))


def _listing(kind: type[ListSizes | Uidl]) -> Callable[[bytes], Command]:
    everything = kind()
    return lambda rest: kind(_number(rest)) if rest.strip(b" ") else everything


def _top(rest: bytes) -> Command:
    words = rest.split()
    if len(words) != 2 or not words[0].isdigit() or not words[1].isdigit():
        raise RefusedError(texts.NEEDS_LINES)
    return Top(_value(words[0]), _value(words[1]))


def _text(octets: bytes) -> str:
    """UTF-8 (RFC 6856 §2.2: anything else must be refused) without NUL and CR; LF cannot be in a line."""
    if b"\0" in octets or b"\r" in octets:
        raise RefusedError(texts.NOT_TEXT)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise RefusedError(texts.NOT_TEXT) from None


def _user(rest: bytes) -> Command:
    name = _text(rest).strip(" ")
    if not name:
        raise RefusedError(texts.NEEDS_NAME)
    return User(name)


def _pass(rest: bytes) -> Command:
    if not rest:
        raise RefusedError(texts.NEEDS_PASSWORD)
    return Pass(_text(rest))


def _base64(octets: bytes) -> bytes:
    try:
        return from_base64(octets)
    except ValueError:
        raise RefusedError(texts.NOT_BASE64) from None


def _auth(rest: bytes) -> Command:
    words = rest.split()
    if not words:
        return ListMechanisms()
    mechanism = words[0].upper().decode("ascii", "replace")
    if len(words) > 2 or not is_mechanism(mechanism):
        raise RefusedError(texts.MECHANISM_UNKNOWN)
    if len(words) == 1:
        return Auth(mechanism)
    return Auth(mechanism, b"" if words[1] == b"=" else _base64(words[1]))


def _lang(rest: bytes) -> Command:
    words = rest.split()
    if not words:
        return Lang()
    language = words[0]
    if len(words) > 1 or not (language == b"*" or language.replace(b"-", b"").isalnum()):
        raise RefusedError(texts.NEEDS_LANGUAGE)
    return Lang(language.decode())


def _apop(_: bytes) -> Command:
    return Apop()


_PARSERS: Final[dict[bytes, Callable[[bytes], Command]]] = {
    **{verb: _plain(value) for verb, value in PLAIN_VERBS.items()},
    **{verb: _numbered(kind) for verb, kind in NUMBERED_VERBS.items()},
    **{verb: _listing(kind) for verb, kind in LISTING_VERBS.items()},
    b"TOP": _top, b"USER": _user, b"PASS": _pass, b"AUTH": _auth, b"LANG": _lang, b"APOP": _apop,
}  # fmt: skip


USUAL: Final[dict[bytes, Command]] = {
    **{verb + CRLF: PLAIN_VERBS[verb] for verb in (b"STAT", b"NOOP", b"RSET")},
    **{verb + CRLF: kind() for verb, kind in LISTING_VERBS.items()},
    **{
        b"%b %d\r\n" % (verb, number): kind(number)
        for verb, kind in NUMBERED_VERBS.items()
        for number in range(1, 1001)
    },
}
"""What programs say to an open maildrop, octet by octet, but for what ends it: a segment that is one of these is framed
and read by one look-up (measured: a third of what the long way costs)."""


def status(line: bytes) -> Status:
    """Reads the first line of a reply, without CRLF (RFC 1939 §3, RFC 2449 §8). Raises NotAReplyError."""
    word, _, rest = line.partition(b" ")
    if word not in {b"+OK", b"-ERR"}:
        raise NotAReplyError("the server's answer is not POP3: it begins with neither +OK nor -ERR")
    text = rest.decode("utf-8", "replace")
    code = ""
    if text.startswith("[") and "]" in text:
        code, _, text = text[1:].partition("]")
    return Status(word == b"+OK", text.lstrip(" "), code.upper())
