"""What to type into a mail program: for each protocol the one setting that is best, and whether it was seen to work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gatepost.doctor.facts import Contact, Discovery, Ending, Reach, Source
from gatepost.doctor.judge.pen import attempt, implicit
from gatepost.doctor.model import Question, Security, Setting, Target

PROTOCOLS: Final = ("imap", "pop3", "smtp")
WELCOME: Final = {"imap": (b"* OK", b"* PREAUTH"), "pop3": (b"+OK",), "smtp": (b"220",)}
"""How a greeting begins that lets one in (RFC 9051 §7.1, RFC 1939 §4, RFC 5321 §4.2)."""
NORMAL: Final = "normal password"
WORDS: Final = {
    "password-cleartext": NORMAL,
    "plain": NORMAL,
    "password-encrypted": "encrypted password",
    "secure": "encrypted password",
    "oauth2": "OAuth2",
    "gssapi": "Kerberos / GSSAPI",
    "ntlm": "NTLM",
    "tls-client-cert": "TLS certificate",
    "client-ip-address": "no authentication",
    "none": "no authentication",
}
"""From the words of autoconfig files to those of mail programs; other words (of providers) stay as they are."""
PASSWORD_MECHANISMS: Final = frozenset({"PLAIN", "LOGIN"})
TOKEN_MECHANISMS: Final = frozenset({"XOAUTH2", "OAUTHBEARER"})


def settings(question: Question, discovery: Discovery, contacts: tuple[Contact, ...]) -> tuple[Setting, ...]:
    """At most one for IMAP, POP3 and SMTP each, in this order; a guess with nobody there is none.

    A setting that worked goes before one that did not, TLS from the start before STARTTLS (RFC 8314 §3.3), and then
    the order of the discovery counts.
    """
    typed = tuple(contact.target for contact in contacts if contact.target not in discovery.targets)
    opened = [contact.target for contact in contacts if contact.dial.reach is Reach.OPEN]
    sound = [each for each in (*typed, *discovery.targets) if each.source != Source.COMMON or _is_in(each, opened)]
    candidates = [_setting(target, question, contacts) for target in sound]
    best = (min(_of(protocol, candidates), key=_rank, default=None) for protocol in PROTOCOLS)
    return tuple(each for each in best if each)


def _is_in(target: Target, others: Iterable[Target]) -> bool:
    return any(same_place(target, other) for other in others)


def _of(protocol: str, candidates: Iterable[Setting]) -> list[Setting]:
    return [each for each in candidates if each.protocol == protocol]


def _rank(setting: Setting) -> tuple[bool, bool]:
    return not setting.working, setting.security is not Security.TLS


def _setting(target: Target, question: Question, contacts: Iterable[Contact]) -> Setting:
    here = [contact for contact in contacts if same_place(contact.target, target)]
    security = Security.TLS if implicit(target) else Security.STARTTLS
    return Setting(
        protocol=target.service.protocol,
        host=target.host,
        port=target.port,
        security=security,
        username=_username(target, question),
        authentication=_authentication(target, here),
        source=target.source,
        working=any(map(worked, here)),
    )


def same_place(one: Target, other: Target) -> bool:
    """Whether both name the same service at the same host and port."""
    return (one.service, one.host, one.port) == (other.service, other.host, other.port)


def _username(target: Target, question: Question) -> str:
    """What the person said goes first; then what the provider says; then the whole address (RFC 6186 §4)."""
    if question.user:
        return question.user
    if target.username and "%" not in target.username:
        return target.username
    return question.subject if "@" in question.subject else ""


def _authentication(target: Target, contacts: list[Contact]) -> str:
    if target.authentication:
        return WORDS.get(target.authentication.lower(), target.authentication)
    inside = [contact.inside_tls for contact in contacts if contact.inside_tls and contact.inside_tls.asked]
    offered = {mechanism for each in inside for mechanism in each.mechanisms()}
    if offered & TOKEN_MECHANISMS and not offered & PASSWORD_MECHANISMS and _needs_sasl(target, contacts):
        return WORDS["oauth2"]
    return NORMAL


def _needs_sasl(target: Target, contacts: list[Contact]) -> bool:
    """Whether the protocol's own login (USER, LOGIN) is off, so that only SASL is left; SMTP never had one."""
    inside = [contact.inside_tls for contact in contacts if contact.inside_tls]
    if target.service.protocol == "pop3":
        return not any(each.has("USER") for each in inside)
    return target.service.protocol == "smtp" or any(each.has("LOGINDISABLED") for each in inside)


def worked(contact: Contact) -> bool:
    """Whether it went well as far as it was tried: connection, verified TLS, a welcome, the login if there was one."""
    if contact.dial.reach is not Reach.OPEN:
        return False
    handshake = attempt(contact)
    if handshake is None or not handshake.done or not handshake.verified or not _welcomed(contact):
        return False
    tried = contact.login is not None and not contact.login.error
    return contact.login is None or not tried or contact.login.accepted


def _welcomed(contact: Contact) -> bool:
    greeting = contact.greeting
    if greeting is None or greeting.ending is not Ending.OCTETS:
        return False
    return greeting.octets.upper().startswith(WELCOME[contact.target.service.protocol])
