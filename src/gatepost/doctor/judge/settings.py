"""What to type into a mail program: for each protocol the one setting that is best, and whether it was seen to work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gatepost.doctor.facts import Contact, Discovery, Ending, Reach, Source
from gatepost.doctor.judge.pen import attempt, implicit
from gatepost.doctor.judge.trust import PUBLISHED, trusted
from gatepost.doctor.knowledge import Book
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


def settings(
    question: Question, discovery: Discovery, contacts: tuple[Contact, ...], book: Book
) -> tuple[Setting, ...]:
    """At most one for IMAP, POP3 and SMTP each, in this order; a guess with nobody there is none.

    A setting that worked goes before one that did not, TLS from the start before STARTTLS (RFC 8314 §3.3), and then
    the order of the discovery counts; what else is published counts where it works.
    """
    published = [target for each in discovery.publications if each.source in PUBLISHED for target in each.targets]
    known = (*discovery.targets, *published)
    typed = [contact.target for contact in contacts if not _is_in(contact.target, known)]
    opened = [contact.target for contact in contacts if contact.dial.reach is Reach.OPEN]
    working = [contact.target for contact in contacts if worked(contact)]
    spare = [each for each in published if _is_in(each, working)]
    meant = bool(question.service or question.port)
    sound = [
        each for each in (*typed, *discovery.targets, *spare) if not _is_guess(each, meant) or _is_in(each, opened)
    ]
    candidates = [_setting(target, question, contacts, discovery, book) for target in sound]
    best = (min(_of(protocol, candidates), key=_rank, default=None) for protocol in PROTOCOLS)
    return tuple(each for each in best if each)


def _is_guess(target: Target, meant: bool) -> bool:
    """Whether nobody says that the service is there. `meant`: the person asked for this one."""
    return target.source == Source.COMMON or (target.source == Source.TYPED and not meant)


def _is_in(target: Target, others: Iterable[Target]) -> bool:
    return any(same_place(target, other) for other in others)


def _of(protocol: str, candidates: Iterable[Setting]) -> list[Setting]:
    return [each for each in candidates if each.protocol == protocol]


def _rank(setting: Setting) -> tuple[bool, bool]:
    return not setting.working, setting.security is not Security.TLS


def _setting(
    target: Target, question: Question, contacts: Iterable[Contact], discovery: Discovery, book: Book
) -> Setting:
    here = [contact for contact in contacts if same_place(contact.target, target)]
    security = Security.TLS if implicit(target) else Security.STARTTLS
    return Setting(
        protocol=target.service.protocol,
        host=target.host,
        port=target.port,
        security=security,
        username=username(target, question),
        authentication=_authentication(target, here),
        source=target.source,
        working=any(map(worked, here)),
        tested=bool(here),
        foreign="@" in question.subject and not trusted(target.host, discovery, book),
    )


def same_place(one: Target, other: Target) -> bool:
    """Whether both name the same service at the same host and port."""
    return (one.service, one.host, one.port) == (other.service, other.host, other.port)


def username(target: Target, question: Question) -> str:
    """What the person said goes first; then what the domain says; then the whole address (RFC 6186 §4)."""
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
    login = contact.login
    return login is None or login.accepted or not (login.mechanism or login.reply)


def _welcomed(contact: Contact) -> bool:
    greeting = contact.greeting
    if greeting is None or greeting.ending is not Ending.OCTETS:
        return False
    return greeting.octets.upper().startswith(WELCOME[contact.target.service.protocol])
