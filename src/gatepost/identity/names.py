"""Domains, addresses and logins: one form of each, so that looking up is comparing.

Local part: NFC and case-folded (RFC 5321 §2.4 lets the receiving side decide; people do not tell case apart).
Domain: lower case, internationalised labels as U-labels (RFC 5890 §2.3.2.1).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, ParamSpec, TypeVar

from msgspec import Struct

from gatepost.errors import InvalidValueError
from gatepost.hostname import a_label, u_label
from gatepost.text import hidden, printable, visible

P = ParamSpec("P")
T = TypeVar("T")

MAX_LOCAL: Final = 64
"""Octets (RFC 5321 §4.5.3.1.1)."""

MAX_ADDRESS: Final = 254
"""Octets: a path has 256 with its angle brackets (RFC 5321 §4.5.3.1.3)."""

MAX_DOMAIN: Final = 253
"""Octets of a domain as it stands in the DNS (RFC 1035 §2.3.4, without the root's dot)."""

MAX_LABEL: Final = 63
"""Octets of one of its labels (RFC 1035 §2.3.4)."""

MAX_FOLDER: Final = 255
"""Octets of a mailbox name in a login."""

_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-=?^_`{|}~.\u0080-\U0010ffff]+")
"""`dot-string` of RFC 5321 §4.1.2 with RFC 6531 §3.3, without `/`: that separates a folder in a login."""

_LDH: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
"""RFC 5890 §2.3.1."""


class LoginName(Struct, frozen=True):
    """What a person typed as their name, understood."""

    login: str
    """`alice@example.com`."""
    folder: str = ""
    """`Archive` in `alice@example.com/Archive`."""


def refuse_hidden(text: str) -> None:
    """Names what nobody sees in a name that somebody pasted, or takes for another letter. Raises InvalidValueError."""
    if names := hidden(text):
        raise InvalidValueError(
            f"{shown(text)} has a character in it that nobody sees, or takes for another: "
            f"{', '.join(names[:_MOST_NAMED])}\nIt came along when the name was copied: type it anew by hand."
        )


_MOST_NAMED: Final = 3
"""Hidden characters that an error names: the first ones tell what the matter is."""


def _naming(parse: Callable[P, T]) -> Callable[P, T]:
    """What is wrong is often what is not seen: that goes before what else is to be said."""

    @wraps(parse)
    def named(*arguments: P.args, **more: P.kwargs) -> T:
        try:
            return parse(*arguments, **more)
        except InvalidValueError:
            refuse_hidden(str(arguments[0]))
            raise

    return named


@_naming
def parse_domain(text: str) -> str:
    """A domain name in its one form. Raises InvalidValueError."""
    name = unicodedata.normalize("NFC", text).lower()
    labels = name.split(".")
    if len(name) > MAX_DOMAIN or max(map(len, labels)) > MAX_LABEL:  # before Punycode, which takes quadratic time
        raise InvalidValueError(f"{shown(text)} is too long for a domain name: use one like example.com")
    try:
        labels = [_label(label) for label in labels]
    except UnicodeError as error:
        why = "its parts have letters, digits and inner hyphens only, like example.com"
        raise InvalidValueError(f"{shown(text)} is not a domain name: {why}") from error
    ascii_octets = sum(1 + len(a_label(label)) for label in labels) - 1
    if ascii_octets > MAX_DOMAIN or labels[-1].isdigit():
        raise InvalidValueError(f"{shown(text)} is not a domain name: use one like example.com")
    return ".".join(labels)


def _label(label: str) -> str:
    """One label as LDH or U-label. Raises UnicodeError for one that is neither."""
    if label.startswith("xn--"):
        return u_label(label)
    fits = label and (not label.isascii() or (_LDH.fullmatch(label) is not None and label[2:4] != "--"))
    if not fits or len(a_label(label)) > MAX_LABEL:
        raise UnicodeError(label)
    return label


@_naming
def parse_address(text: str) -> str:
    """A mail address in its one form. Raises InvalidValueError, saying what is wrong."""
    local, at, domain = text.partition("@")
    if not at:
        raise InvalidValueError(f"{shown(text)} is not a mail address: it has no @, use one like alice@example.com")
    address = f"{_local(local, text)}@{parse_domain(domain)}"
    if len(address.encode()) > MAX_ADDRESS:
        raise InvalidValueError(f"{shown(text)} is too long for a mail address: {MAX_ADDRESS} octets at most")
    return address


def _local(local: str, text: str) -> str:
    folded = _fold(local)
    odd = next((c for c in folded if not visible(c) or c.isspace()), "")
    if odd or _fold(folded) != folded or not _ATOM.fullmatch(folded):
        raise InvalidValueError(
            f"{shown(text)} is not a mail address that can be used here: before the @, letters, digits and "
            ". _ - + are good; spaces, quotes, / and brackets are not"
        )
    if folded.startswith(".") or folded.endswith(".") or ".." in folded:
        raise InvalidValueError(f"{shown(text)} is not a mail address: a dot stands between two other characters")
    if len(folded.encode()) > MAX_LOCAL:
        raise InvalidValueError(f"{shown(text)}: the part before the @ has {MAX_LOCAL} octets at most")
    return folded


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def parse_alias(text: str) -> str:
    """A mail address, or `@domain` for whatever else arrives at the domain. Raises InvalidValueError."""
    return "@" + parse_domain(text[1:]) if text.startswith("@") else parse_address(text)


@lru_cache(maxsize=4096)
@_naming
def parse_login(text: str, default_domain: str = "") -> LoginName:
    """A login: an address, or a bare name at the default domain; `/folder` may follow either.

    Remembers the latest names, because it stands in the path of every login. Raises InvalidValueError.
    """
    local, at, rest = text.partition("@")
    if at:
        domain, _, folder = rest.partition("/")
    else:
        local, _, folder = text.partition("/")
        domain = default_domain
    if not domain:
        raise InvalidValueError(f"{shown(text)} has no domain: use the full mail address, like alice@example.com")
    folder = unicodedata.normalize("NFC", folder)
    if not all(map(visible, folder)) or len(folder.encode()) > MAX_FOLDER:
        raise InvalidValueError(f"{shown(text)}: this is not the name of a folder")
    return LoginName(parse_address(f"{local}@{domain}"), folder)


def shown(text: str) -> str:
    """What somebody typed as a name, for a sentence: printable, and no longer than a name can be."""
    return printable(text, MAX_ADDRESS)
