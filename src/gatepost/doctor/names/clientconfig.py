"""Reading a `clientConfig` file: Mozilla's autoconfig 1.1, and 1.2 of draft-ietf-mailmaint-autoconfig. Pure.

Lenient as the draft demands: what is not known is passed over, and a version number refuses nothing.
"""

from __future__ import annotations

from typing import Any, Final

from defusedxml import DefusedXmlException, ElementTree  # type: ignore[import-untyped]

from gatepost.doctor.facts import Source
from gatepost.doctor.model import Target
from gatepost.doctor.names.spelling import BadNameError, ascii_name
from gatepost.numbers import number
from gatepost.ports import BY_NAME

IMPLICIT: Final = {"imap": "imaps", "pop3": "pop3s", "smtp": "submissions"}
CLEARTEXT: Final = {"imap": "imap", "pop3": "pop3", "smtp": "submission"}
"""The service that begins in the clear; whether it goes on in TLS is said by socketType."""
SOCKETS: Final = {"ssl": IMPLICIT, "tls": IMPLICIT, "starttls": CLEARTEXT, "plain": CLEARTEXT}
AUTHENTICATIONS: Final = frozenset(
    [
        "password-cleartext",
        "plain",
        "password-encrypted",
        "secure",
        "oauth2",
        "gssapi",
        "ntlm",
        "tls-client-cert",
        "client-ip-address",
        "none",
    ]
)
"""The words of `authentication` that mean something; a stranger's file may say anything, and people would read it."""
UNKNOWN: Final = "-"
"""Stands for any other word."""
LONGEST: Final = 320
"""Characters of a field: as long as a mail address can be (RFC 3696 §3, erratum 1690)."""
MOST_SERVERS: Final = 20
"""Servers taken from one file."""


class BadConfigError(ValueError):
    """The file cannot be used; `str()` says why."""


def looks_like_config(body: bytes) -> bool:
    """Whether it means to be such a file: a web server's friendly page for all unknown addresses is none."""
    return b"<clientconfig" in body.lower()


def read_config(body: bytes, domain: str, address: str, source: Source) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """The servers, in the file's order, and the names of services that are to be used without encryption.

    Without an `address` the placeholders of user names stay as they are. Raises BadConfigError.
    """
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BadConfigError(f"not well-formed XML: {error}") from error
    if _tag(root) != "clientconfig":
        raise BadConfigError("the root element is not clientConfig")
    servers = [each for each in root.iter() if _tag(each) in {"incomingserver", "outgoingserver"}]
    read = [_server(each, domain, address, source) for each in servers[:MOST_SERVERS]]
    targets = tuple(target for target, _ in filter(None, read))
    if not targets:
        raise BadConfigError("it names no IMAP, POP3 or SMTP server that could be used")
    plain = (target.service.name for target, encrypted in filter(None, read) if not encrypted)
    return targets, tuple(dict.fromkeys(plain))


def _server(element: Any, domain: str, address: str, source: Source) -> tuple[Target, bool] | None:
    """The target, and whether it is encrypted; None for what we do not know (JMAP, Exchange) and for nonsense."""
    socket = _text(element, "sockettype").lower()
    service = SOCKETS.get(socket, {}).get(str(element.get("type")).strip().lower())
    if service is None:
        return None
    try:
        host = ascii_name(expand(_text(element, "hostname"), domain, address))
    except BadNameError:
        return None
    port = number(_text(element, "port") or str(BY_NAME[service].port), 0xFFFF)
    if not port:
        return None
    username = expand(_text(element, "username"), domain, address)
    known = username if len(username) <= LONGEST and username.isprintable() else ""
    target = Target(BY_NAME[service], host, port, source, known, _authentication(element))
    return target, socket != "plain"


def _authentication(element: Any) -> str:
    """The first one: it is the one that the provider prefers."""
    said = _text(element, "authentication")
    return said if said.lower() in AUTHENTICATIONS else UNKNOWN if said else ""


def expand(text: str, domain: str, address: str) -> str:
    """Placeholders filled in, as far as the address is known."""
    text = text.replace("%EMAILDOMAIN%", domain)
    if not address:
        return text
    return text.replace("%EMAILADDRESS%", address).replace("%EMAILLOCALPART%", address.rpartition("@")[0])


def _tag(element: Any) -> str:
    """The element's name, lower-case, without a namespace; comments have none."""
    return str(element.tag).rpartition("}")[2].lower()


def _text(element: Any, tag: str) -> str:
    """The text of the first child of this name; none where it is too long to be meant."""
    child = next((each for each in element if _tag(each) == tag), None)
    text = "" if child is None else (child.text or "").strip()
    return text if len(text) <= LONGEST else ""
