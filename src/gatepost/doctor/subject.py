"""What people type as the thing to examine: an address, a host, a host with a port, a URL. Pure."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from gatepost.errors import InvalidValueError
from gatepost.ports import BY_NAME, SERVICES, Service
from gatepost.text import hidden, visible

EXAMINED: Final = tuple(service for service in SERVICES if service.protocol in ("pop3", "imap", "smtp"))
"""The services that the doctor knows how to talk to."""

_SCHEMES: Final = {"smtps": "submissions"} | {service.name: service.name for service in EXAMINED}
"""What may stand before `://`, and the service that is meant."""
_URL: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)")
_HOST_AND_PORT: Final = re.compile(r"\[(?P<v6>[^\]]*)\](?::(?P<port6>.*))?|(?P<host>[^:\[\]]*)(?::(?P<port>.*))?")
_LONGEST: Final = 320
"""Characters: 64 of a local part, `@`, 255 of a domain (RFC 5321 §4.5.3.1)."""

_FORMS: Final = (
    "Write a mail address, a host (mail.example.com), host:port, [IPv6]:port, or a URL like pop3s://host:995."
)


class Subject(Struct, frozen=True):
    """What was typed, taken apart."""

    subject: str
    """A mail address, a host name or an IP address without brackets."""
    port: int | None = None
    service: str = ""
    user: str = ""

    @property
    def is_address(self) -> bool:
        """Whether it is a mail address."""
        return "@" in self.subject


def parse_subject(text: str) -> Subject:
    """Takes apart what was typed. Raises InvalidValueError, which repeats nothing: it may hold a password."""
    typed = text.strip()
    refuse_hidden(typed.rpartition("@")[0])
    refuse_hidden("".join(sign for sign in typed if not visible(sign)))
    if not typed or len(typed) > _LONGEST or not typed.isprintable() or " " in typed:
        raise InvalidValueError(f"there is no mail server or address of this form\n{_FORMS}")
    if typed.lower().startswith("mailto:"):
        address = unquote(typed[7:].partition("?")[0])
        refuse_hidden(address)
        return _from_address(address)
    if found := _URL.fullmatch(typed):
        return _from_url(found["scheme"].lower(), found["rest"])
    return _from_address(typed) if "@" in typed else _from_host(typed)


def refuse_hidden(typed: str) -> None:
    """Names characters that a paste brought along: nobody sees them, or takes them for others. Raises
    InvalidValueError.
    """
    if names := hidden(typed):
        raise InvalidValueError(
            f"the name has a character in it that nobody sees, or takes for another: {', '.join(names[:3])}\n"
            "It came along when the name was copied: type it anew by hand."
        )


def service_named(name: str) -> Service:
    """The service that the doctor can examine under this name. Raises InvalidValueError."""
    service = BY_NAME.get(name.lower())
    if service not in EXAMINED:
        known = ", ".join(each.name for each in EXAMINED)
        raise InvalidValueError(f"{name!r} is no service that the doctor can examine\nIt knows {known}.")
    return service


def _from_url(scheme: str, rest: str) -> Subject:
    if scheme not in _SCHEMES:
        raise InvalidValueError(f"the doctor does not know this kind of URL\nIt knows {', '.join(_SCHEMES)}.")
    user, _, place = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    _no_password(user)
    refuse_hidden(unquote(user))
    found = _from_host(place)
    return Subject(found.subject, found.port, _SCHEMES[scheme], unquote(user))


def _no_password(user: str) -> None:
    if ":" in user:
        raise InvalidValueError(
            "a password on the command line is seen by everybody on this machine, and kept by the shell\n"
            "Change it, and leave it out: the doctor asks for it, or takes it by --password-env or --password-fd."
        )


def _from_address(typed: str) -> Subject:
    local, _, domain = typed.rpartition("@")
    _no_password(local)
    if not local or not domain or (":" in domain and not domain.startswith("[")):
        raise InvalidValueError(
            "this is no mail address of the form name@example.com\n"
            "For a server and a port, write host:port, and the account with --user."
        )
    return Subject(typed)


def _from_host(typed: str) -> Subject:
    if _is_v6(typed):
        return Subject(typed)
    found = _HOST_AND_PORT.fullmatch(typed)
    host = found and (found["v6"] or found["host"])
    if not found or not host or (found["v6"] and not _is_v6(host)):
        raise InvalidValueError(f"this is neither a host nor a mail address\n{_FORMS}")
    port = found["port6"] or found["port"]
    return Subject(host, None if port is None else _port(port))


def _is_v6(text: str) -> bool:
    try:
        return isinstance(ip_address(text), IPv6Address)
    except ValueError:
        return False


def _port(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) and 1 <= int(text) <= 65_535:
        return int(text)
    raise InvalidValueError("there is no such port\nA port is a number from 1 to 65535, like 993.")
