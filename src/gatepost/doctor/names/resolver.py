"""Questions to DNS, each with a plain outcome: over dnspython, to the system's name servers or to given ones."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from copy import copy
from ipaddress import ip_address
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.rdatatype
import dns.resolver
import dns.reversename
from dns.nameserver import Do53Nameserver
from msgspec import structs

from gatepost.doctor.facts import Lookup, Outcome
from gatepost.doctor.names.hosts_file import HostsFile
from gatepost.doctor.names.spelling import BadNameError, ascii_name, literal
from gatepost.numbers import number

PUBLIC: Final = ("9.9.9.9", "1.1.1.1", "8.8.8.8")
"""Resolvers of Quad9, Cloudflare and Google: for second opinions."""
PAYLOAD: Final = 1232
"""UDP octets that pass everywhere unfragmented (DNS flag day 2020)."""
MOST_VALUES: Final = 64
"""Records taken from one answer: more are of no use to us, and the zone may be hostile."""
CIRCLE: Final = 8
"""Aliases followed when we look for a circle."""
FLAGS: Final = dns.flags.RD | dns.flags.AD
"""AD in the question: tell me whether it is authentic (RFC 6840 §5.7)."""
DNSSEC_BROKEN: Final = "answers only with DNSSEC checks switched off"
"""How the error of a SERVFAIL begins that only validation causes: judges look for the word DNSSEC."""
FAMILY: Final = {"A": 4, "AAAA": 6}
UNREGISTERED: Final = frozenset({"arpa", "onion"})
"""Top-level domains in the list of public suffixes, below which nobody registers a name for the Internet."""
SILENT: Final = frozenset({Outcome.SERVFAIL, Outcome.REFUSED, Outcome.TIMED_OUT})
"""Outcomes that say nothing of the name."""


class Resolver:
    """Asks the system's name servers (and its hosts file), or the given ones."""

    def __init__(self, servers: tuple[str, ...] = (), timeout: float = 3.0, hosts: HostsFile | None = None) -> None:
        """`servers`: `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:53`; none: the system's.

        `timeout`: seconds for one question in all. Raises BadNameError for a server that is no IP address.
        """
        self.label = ", ".join(servers) or "system"
        self.timeout = timeout
        self._hosts = (hosts or HostsFile()) if not servers else None
        self._dns = _given(servers) if servers else _system()
        self._dns.use_edns(0, 0, PAYLOAD)

    def within(self, seconds: float) -> Resolver:
        """One that asks the same servers, but waits no longer than `seconds`."""
        other = copy(self)
        other.timeout = min(self.timeout, seconds)
        return other

    def is_wanted(self, lookup: Lookup) -> bool:
        """Whether this one's opinion is wanted on another's answer: no such name, nothing said, private addresses.

        What the hosts file says is meant so.
        """
        if lookup.outcome in SILENT or lookup.outcome is Outcome.NXDOMAIN:
            return True
        return lookup.resolver == "system" and any(not ip_address(value).is_global for value in lookup.values)

    async def ask(self, name: str, kind: str) -> Lookup:
        """One question. `kind` is a record type; for `PTR`, `name` may be an address. Raises nothing."""
        began = time.perf_counter()
        try:
            plain = _reverse(name) if kind == "PTR" else ascii_name(name)
        except BadNameError as error:
            return Lookup(name, kind, Outcome.BAD_NAME, resolver=self.label, error=str(error))
        lookup = self._from_file(plain, kind) or await self._from_dns(plain, kind)
        return structs.replace(lookup, name=name, seconds=time.perf_counter() - began)

    def _from_file(self, name: str, kind: str) -> Lookup | None:
        """As the C library does it: a name that is in the file, if only with one family, is not looked for in DNS."""
        if self._hosts is None or kind not in FAMILY:
            return None
        known = self._hosts.addresses(name)
        if not known:
            return None
        values = tuple(address for address in known if FAMILY[kind] == (6 if ":" in address else 4))
        outcome = Outcome.ANSWER if values else Outcome.NODATA
        return Lookup(name, kind, outcome, values, resolver=str(self._hosts.path))

    async def _from_dns(self, name: str, kind: str) -> Lookup:
        lookup = Lookup(name, kind, Outcome.TIMED_OUT, resolver=self.label)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.timeout):  # dnspython's own clock does not count its pauses
                lookup = await self._question(name, kind)
                if lookup.outcome is Outcome.SERVFAIL and kind in FAMILY:
                    lookup = await self._why_servfail(lookup)
        return lookup

    async def _question(self, name: str, kind: str, flags: int = FLAGS) -> Lookup:
        try:
            answer = await self._resolve(name, kind, flags)
        except dns.resolver.NXDOMAIN as error:
            return self._answered(name, kind, Outcome.NXDOMAIN, _aliases_of(error))
        except dns.resolver.NoAnswer as error:
            return self._answered(name, kind, Outcome.NODATA, _aliases(error.kwargs["response"]))
        except (dns.resolver.NoNameservers, dns.resolver.LifetimeTimeout) as error:
            outcome, why = _failure(error)
            return Lookup(name, kind, outcome, resolver=self.label, error=why)
        except (dns.exception.DNSException, OSError) as error:
            return Lookup(name, kind, Outcome.SERVFAIL, resolver=self.label, error=str(error))
        values = tuple(_text(kind, record) for record in list(answer)[:MOST_VALUES])
        authentic = bool(answer.response.flags & dns.flags.AD)
        aliases = _aliases(answer.response)
        return Lookup(
            name, kind, Outcome.ANSWER, values, aliases, self.label, dnssec=authentic, local=_is_local(self._dns)
        )

    def _answered(self, name: str, kind: str, outcome: Outcome, aliases: tuple[str, ...]) -> Lookup:
        return Lookup(name, kind, outcome, aliases=aliases, resolver=self.label)

    async def _resolve(self, name: str, kind: str, flags: int) -> dns.resolver.Answer:
        """A name without a dot gets the system's search list, as in every other program."""
        search = self._hosts is not None and "." not in name
        asker = copy(self._dns)
        asker.flags = flags
        asker.lifetime = self.timeout
        asker.timeout = self.timeout / 2  # a lost datagram must leave time for a second one
        try:
            return await asker.resolve(name if search else f"{name}.", kind, search=search)
        except dns.resolver.NoNameservers as error:
            if "FORMERR" not in str(error) and "NOTIMP" not in str(error):
                raise
        asker.use_edns(-1)  # a server that has never heard of EDNS (RFC 6891 §7)
        return await asker.resolve(name if search else f"{name}.", kind, search=search)

    async def _why_servfail(self, lookup: Lookup) -> Lookup:
        """SERVFAIL says nothing; two more questions often do: without DNSSEC checks, and along the aliases."""
        unchecked = await self._question(lookup.name, lookup.kind, FLAGS | dns.flags.CD)
        if unchecked.outcome in {Outcome.ANSWER, Outcome.NODATA}:
            proof = " ".join(unchecked.values) or unchecked.outcome.value
            return structs.replace(lookup, error=f"{DNSSEC_BROKEN}: {proof}")
        names = [lookup.name]
        for _ in range(CIRCLE):
            step = await self._question(names[-1], "CNAME")
            if step.outcome is not Outcome.ANSWER:
                return lookup
            names.append(step.values[0].rstrip(".").lower())
            if names[-1] in names[:-1]:
                break
        return structs.replace(lookup, outcome=Outcome.LOOP, aliases=tuple(names[1:]))


class SecondOpinion(Resolver):
    """A public name server, run by strangers: it hears of a name only where that is worth it.

    Never of a name that is not registered on the Internet: it tells about the inside of somebody's network. Of others
    when the own name server says nothing, or nonsense; of denials and of private addresses only if `always`.
    """

    def __init__(self, server: str, *, always: bool = False) -> None:
        super().__init__((server,))
        self._always = always

    def is_wanted(self, lookup: Lookup) -> bool:
        """Whether it may be asked the same."""
        plain = lookup.outcome in SILENT or any(ip_address(value).is_unspecified for value in lookup.values)
        return (plain or (self._always and super().is_wanted(lookup))) and is_registered(lookup.name)


def is_registered(name: str) -> bool:
    """Whether the name is below a public suffix of the ICANN section, and so may be known to anybody.

    `printer.local`, `mail.corp`, `nas.home.arpa`, `x.onion`, reverse zones and single words are not (RFC 6761, 6762,
    7686, 8375; IANA's special-use domain names).
    """
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 -- its list takes long to read, start-up is short

    try:
        plain = ascii_name(name)
    except BadNameError:
        return False
    if plain.rpartition(".")[2] in UNREGISTERED:
        return False
    return PublicSuffixList(only_icann=True, accept_unknown=False).privatesuffix(plain) is not None


def _is_local(asked: dns.asyncresolver.Resolver) -> bool:
    """Whether all its name servers are on this machine."""
    servers = (getattr(each, "address", each) for each in asked.nameservers)
    return all(ip_address(str(each)).is_loopback for each in servers)


def _system() -> dns.asyncresolver.Resolver:
    try:
        return dns.asyncresolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        return _given(("127.0.0.1",))  # what the C library does then: resolv.conf(5)


def _given(servers: tuple[str, ...]) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [Do53Nameserver(*_server(server)) for server in servers]
    return resolver


def _server(text: str) -> tuple[str, int]:
    if literal(text):
        return text.strip("[]"), 53
    host, _, port = text.rpartition(":")
    value = number(port, 0xFFFF)
    if not literal(host) or not value:
        raise BadNameError(f"{text!a} is no name server: give an IP address, or address:port ([address]:port for IPv6)")
    return host.strip("[]"), value


def _reverse(name: str) -> str:
    address = literal(name)
    return dns.reversename.from_address(str(address)).to_text(omit_final_dot=True) if address else ascii_name(name)


def _text(kind: str, record: object) -> str:
    """Presentation form; the strings of a TXT record are joined, as every reader of one does."""
    if kind == "TXT":
        return b"".join(record.strings).decode("utf-8", "backslashreplace")  # type: ignore[attr-defined]
    return str(record)


def _aliases(response: dns.message.Message) -> tuple[str, ...]:
    sets = (rrset for rrset in response.answer if rrset.rdtype == dns.rdatatype.CNAME)
    return tuple(str(record.target).rstrip(".").lower() for rrset in sets for record in rrset)[:MOST_VALUES]


def _aliases_of(error: dns.resolver.NXDOMAIN) -> tuple[str, ...]:
    return tuple(alias for response in error.kwargs["responses"].values() for alias in _aliases(response))


def _failure(error: dns.resolver.NoNameservers | dns.resolver.LifetimeTimeout) -> tuple[Outcome, str]:
    """What went wrong at the name servers: the most telling of their failures decides."""
    whys = [entry[3] for entry in error.kwargs.get("errors", ())]
    text = "; ".join(dict.fromkeys(str(why) for why in whys if str(why)))
    if any(isinstance(why, dns.message.ChainTooLong) for why in whys):
        return Outcome.LOOP, text
    for outcome in (Outcome.SERVFAIL, Outcome.REFUSED):
        if outcome.upper() in whys:
            return outcome, text
    silent = all(isinstance(why, (dns.exception.Timeout, OSError)) for why in whys)
    return (Outcome.TIMED_OUT if silent else Outcome.SERVFAIL), text
